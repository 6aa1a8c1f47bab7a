"""Images: one defensive decoder for every kind of source, and resizing."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, UnidentifiedImageError
from PIL.ExifTags import Base as Tag

from maeday_core.errors import ImageError
from maeday_core.io.deep import both_bytes, joined, stated_depths
from maeday_core.io.room import leave_to_the_file, room_for
from maeday_core.io.samples import to_8_bits

MAX_PIXELS = 50_000_000
MAX_BYTES = 200_000_000
MAX_RATIO = 100
"""Of the longer side to the shorter one: a line camera's strips stay below it."""
PART = 1_000_000
"""Pixels that are copied at once."""
MAX_SCANS = 1000
"""Scans of a progressive JPEG; each costs a pass over all pixels."""
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")
SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".dib"),
        *(".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", ".avifs"),
    }
)
"""The names that Pillow knows for what these formats hold; an MPO is a JPEG, a DIB a BMP."""
RGBImage = npt.NDArray[np.uint8]
"""Shape (height, width, 3), upright, transparency laid over white."""

AS_STORED: dict[int, Callable[[RGBImage], RGBImage]] = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
"""An upright picture as its file has it, by the EXIF orientation: views, through which it can be filled."""
WITH_ALPHA = ("LA", "RGBA")
TURNED = (5, 6, 7, 8)
"""The orientations that lie on a side."""

# Pillow warns about damage that is either harmless or raised here as an ImageError. The filter holds for the process:
# `warnings.catch_warnings` changes the filters of all threads, and pictures are decoded in several.
warnings.filterwarnings("ignore", module=r"PIL\.")


def load_image(
    source: str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[Any], name: str | None = None
) -> RGBImage:
    """Decode one picture.

    EXIF rotation is applied, transparency is laid over white (a picture that is wholly transparent is taken as opaque),
    and grey, palette and CMYK become RGB. Of an animation or a multi-page TIFF the first frame is taken. The format is
    that of the content, whatever the name.

    16-bit and float samples are scaled to 8 bits by the depth that the file states: the significant bits of a PNG, the
    bits or the highest sample of a TIFF, the highest sample of a PPM below 65535. Where it states none, the depth is
    guessed: the least of 8, 10, 12, 14 and 16 bits, or 1.0 for floats, that nearly all samples stay within; the
    brightest ones count for nothing (`io.samples`). So pictures that must be judged on one scale should state it.

    Args:
        source: a path, the bytes of a file, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8,
            uint16, or float in [0, 1].
        name: what to call the picture in an error; by default the file's name.

    Returns:
        uint8 array (H, W, 3), RGB.

    Raises:
        ImageError: it is no picture, is damaged, is larger than 50 megapixels or 200 MB, or is more than 100 times as
            long as wide.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, name or "The array")
    if isinstance(source, (bytes, Image.Image)):
        name = name or "The picture"
    else:
        path = Path(source)
        name = name or path.name or "The path"
        source = _checked(path, name)
    try:
        if isinstance(source, Image.Image):
            return _to_rgb(source, name)
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            return _from_file(file, name)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except UnidentifiedImageError as error:
        raise _unreadable(name) from error
    except Exception as error:  # Pillow's plugins raise nearly every built-in error on damaged files
        raise ImageError(f"{name} is damaged or cut short and cannot be decoded; export or copy it again.") from error


@dataclass(frozen=True)
class Photos:
    """Pictures that are decoded one at a time, as often as they are gone through.

    Raises:
        ImageError: one of them cannot be decoded, when its turn comes.
    """

    paths: Sequence[str | os.PathLike[str]]

    def __iter__(self) -> Iterator[RGBImage]:
        return map(load_image, self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def resize(image: RGBImage, width: int, height: int) -> RGBImage:
    """Resize bilinearly with antialiasing, as the MAE's preprocessing does; the aspect ratio may change."""
    if image.shape[:2] == (height, width):
        return image
    result = np.empty((height, width, 3), np.uint8)
    for channel in range(3):  # Pillow would copy all of them, at four bytes a pixel
        plane = _plane(image, channel)
        grey = Image.frombuffer("L", plane.shape[::-1], plane, "raw", "L", 0, 1)
        result[..., channel] = np.asarray(grey.resize((width, height), Image.Resampling.BILINEAR))
    return result


def _plane(image: RGBImage, channel: int) -> npt.NDArray[np.uint8]:
    plane = np.empty(image.shape[:2], np.uint8)
    rows = max(1, PART // image.shape[1])
    for top in range(0, len(image), rows):
        plane[top : top + rows] = image[top : top + rows, :, channel]
        leave_to_the_file(image)
    return plane


def resize_map(error_map: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[np.float32]:
    """Interpolate a map (H, W) bilinearly to `height` x `width`, float32."""
    error_map = error_map.astype(np.float32, copy=False)
    if error_map.shape == (height, width):
        return error_map
    return np.asarray(cv2.resize(error_map, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _too_large(name: str, limit: str = f"{MAX_PIXELS // 1_000_000} megapixels") -> ImageError:
    return ImageError(f"{name} is larger than {limit}; make it smaller or cut it into parts.")


def _unreadable(name: str) -> ImageError:
    return ImageError(
        f"{name} is not a picture this program can read; "
        "save it as 8- or 16-bit PNG, or JPEG, WebP, AVIF, BMP, GIF or PPM."
    )


def _checked(path: Path, name: str) -> Path:
    """The path of a file that can be read."""
    try:
        if not path.is_file():
            raise ImageError(f"There is no picture file {name}; check the name, and that it is not a folder.")
        with path.open("rb") as file:
            file.read(1)
        return path
    except OSError as error:
        raise ImageError(f"{name} cannot be read ({error.strerror}); check the name and its permissions.") from error


def _from_file(file: BinaryIO, name: str) -> RGBImage:
    size = file.seek(0, os.SEEK_END)
    if not size:
        raise ImageError(f"{name} is empty (0 bytes); choose another file.")
    if size > MAX_BYTES:
        raise _too_large(name, f"{MAX_BYTES // 1_000_000} MB")
    file.seek(0)
    start = file.read(8)
    if start.startswith(b"\xff\xd8") and _scans(file) > MAX_SCANS:
        raise _unreadable(name)
    file.seek(0)
    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        if start[4:8] == b"ftyp":
            text = f"{name} is a HEIC or video file, or a damaged AVIF one; export it as JPEG or PNG."
            raise ImageError(text) from error
        raise
    return _to_rgb(picture, name)


def _scans(file: BinaryIO) -> int:
    """The scans of a JPEG that begin in the rest of a file, at most."""
    count, last = 0, b""
    while part := file.read(PART):
        count += (last + part).count(b"\xff\xda")
        last = part[-1:]
    return count


def _from_array(array: npt.NDArray[Any], name: str) -> RGBImage:
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,), (4,)) or array.dtype.kind not in "buif":
        raise ImageError(
            f"{name} has shape {array.shape} of {array.dtype}; "
            "a picture is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of numbers."
        )
    _check_shape(array.shape[1], array.shape[0], name)
    if array.shape[2:] == (1,):
        array = array[..., 0]
    if array.dtype != np.uint8:
        alpha = [to_8_bits(array[..., 3])] if array.shape[2:] == (4,) else []  # opaque alpha is no bright sample
        array = np.dstack([to_8_bits(array[..., :3]), *alpha]) if alpha else to_8_bits(array)
    return _to_rgb(Image.fromarray(array), name)


def _to_rgb(picture: Image.Image, name: str) -> RGBImage:
    _check_shape(*picture.size, name)
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        _check_tiff(picture.tag_v2, name)
    depths = stated_depths(picture)
    picture, lower = both_bytes(picture)
    picture.load()
    try:
        orientation = picture.getexif().get(Tag.Orientation, 1)
    except Exception:  # damaged EXIF: the picture itself is fine, and taken as upright
        orientation = 1
    if lower:
        picture, lower = joined(picture, lower, depths), None
    elif picture.mode == "F" or picture.mode.startswith("I"):
        picture = Image.fromarray(to_8_bits(np.asarray(picture), depths))
    return _pixels(picture, orientation)


def _pixels(picture: Image.Image, orientation: int) -> RGBImage:
    """The pixels of a picture in RGB, upright, its transparency over white unless nothing would be seen.

    They are taken over in strips: at once Pillow would copy all of them twice.
    """
    width, height = picture.size
    pixels = room_for(width, height, 3) if orientation in TURNED else room_for(height, width, 3)
    stored = AS_STORED.get(orientation, np.asarray)(pixels)
    seen = any(strip.getchannel("A").getbbox() for _, strip in _strips(picture) if strip.mode in WITH_ALPHA)
    for top, strip in _strips(picture):
        stored[top : top + strip.height] = np.asarray(_over_white(strip) if seen else strip.convert("RGB"))
        if orientation not in TURNED:  # there each strip lies in all of the file
            leave_to_the_file(pixels)
    leave_to_the_file(pixels)
    return pixels


def _strips(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Strips of a picture from top to bottom, in RGB or with transparency, and where each begins."""
    width, height = picture.size
    rows = max(1, PART // width)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        if strip.mode not in WITH_ALPHA:
            strip = strip.convert("RGBA" if picture.has_transparency_data else "RGB")
        yield top, strip


def _over_white(picture: Image.Image) -> Image.Image:
    """A picture in RGB, its transparency laid over white."""
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture)
    return white


def _check_shape(width: int, height: int, name: str) -> None:
    _check_size(width, height, name)
    if max(width, height) > MAX_RATIO * min(width, height):
        raise ImageError(
            f"{name} is {width} x {height} px, more than {MAX_RATIO} times as long as wide; cut it into shorter pieces."
        )


def _check_size(width: int, height: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width} x {height}); choose another file.")
    if width * height > MAX_PIXELS:
        raise _too_large(name)


def _check_tiff(tags: TiffImagePlugin.ImageFileDirectory_v2, name: str) -> None:
    """Refuse tiles over the limit, and what Pillow cannot decode or silently decodes to noise or a negative."""
    _check_size(tags.get(Tag.TileWidth, 1), tags.get(Tag.TileLength, 1), name)
    photometric = tags.get(Tag.PhotometricInterpretation)
    bits = max(tags.get(Tag.BitsPerSample, (1,)))
    if tags.get(Tag.Compression, 1) == 1:
        misread = photometric == 6 or (bits > 8 and tags.get(Tag.PlanarConfiguration) == 2)
    else:
        misread = tags.prefix == b"MM" and (bits > 16 or 2 in tags.get(Tag.SampleFormat, ()))
    multiplied = 1 in tags.get(Tag.ExtraSamples, ())  # by its transparency: of 16 bits Pillow keeps 8
    if misread or (bits > 8 and (photometric == 0 or multiplied)):
        raise _unreadable(name)
