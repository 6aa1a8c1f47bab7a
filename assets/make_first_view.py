"""Make the finished example that the page opens on: ``python -m assets.make_first_view``, after ``make_examples.py``.

A development tool. It inspects one example as the page does and keeps what is shown in ``assets/examples/first/``.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from maeday_core import ENSEMBLE, Settings, Tools, detect, load_image
from maeday_core.drawing.cards import verdict
from maeday_core.drawing.loop import loop_of
from maeday_core.drawing.shown import overlay_pair, shown
from maeday_core.io.images import RGBImage
from maeday_core.texts import LANGUAGE, LANGUAGES

EXAMPLES = Path(__file__).resolve().parent / "examples"
NAME, CAPTION = "metal-scratch", "a scratch on brushed steel"
SETTINGS = Settings(masks=16, sampling="balanced")
SIDE, QUALITY = 460, 80


def webp(picture: RGBImage) -> bytes:
    """A picture as a WebP file, no side longer than `SIDE`."""
    photo = Image.fromarray(np.asarray(picture))
    photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    photo.save(file, "webp", quality=QUALITY)
    return file.getvalue()


def in_language(language: str, query: RGBImage, tools: Tools) -> str:
    """The card on the example in one language."""
    LANGUAGE.set(language)
    return verdict(shown(f"{NAME}.jpg", query, detect(ENSEMBLE, tools, query)), own_scale=False)


def main() -> None:
    """Inspect the example, and write what is shown of it."""
    query = load_image(EXAMPLES / f"{NAME}.jpg")
    tools = Tools.of("bundled", SETTINGS)
    view = shown(f"{NAME}.jpg", query, detect(ENSEMBLE, tools, query))
    folder = EXAMPLES / "first"
    folder.mkdir(exist_ok=True)
    for name, picture in zip(("photo", "overlay"), overlay_pair(view, own_scale=False), strict=True):
        (folder / f"{name}.webp").write_bytes(webp(picture))
    for name, loop in loop_of(view.result.reconstructions)._asdict().items():
        (folder / f"{name}.webp").write_bytes(loop)
    kept = {"caption": CAPTION, "cards": {language: in_language(language, query, tools) for language in LANGUAGES}}
    (folder / "view.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
