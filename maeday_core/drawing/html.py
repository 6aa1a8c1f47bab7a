"""HTML by templates: everything that is put into one is escaped, unless it is markup that a template made."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import cv2
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from maeday_core.io.images import RGBImage
from maeday_core.texts import decimal, retold, say

JPEG_QUALITY = 88


def jpeg_bytes(picture: RGBImage) -> bytes:
    """A picture (H, W, 3) as a JPEG file."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()


def jpeg_uri(picture: RGBImage) -> str:
    """A picture (H, W, 3) as a `data:` address, so that a page needs no other file."""
    return file_uri(jpeg_bytes(picture))


def png_uri(data: bytes) -> str:
    """The bytes of a PNG file as a `data:` address."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def webp_uri(data: bytes) -> str:
    """The bytes of a WebP file as a `data:` address."""
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def file_uri(data: bytes) -> str:
    """The bytes of a JPEG file as a `data:` address."""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def renderer(package: str) -> Callable[..., Markup]:
    """A `render` for the templates of another package."""
    templates = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"jpeg": jpeg_uri, "jpeg_file": file_uri, "png": png_uri, "webp": webp_uri, "decimal": decimal}

    templates.globals |= {"say": say, "retold": retold}

    def render(template: str, **values: Any) -> Markup:
        """Fill in `templates/<template>.html`; a name that is missing is an error. The result is not escaped again."""
        return Markup(templates.get_template(f"{template}.html").render(**values).strip())

    return render


render = renderer(__package__)
