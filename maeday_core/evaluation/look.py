"""A look at all files of a category before the work: what cannot be used, and what is doubtful."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image
from PIL.ExifTags import Base as Tag

from maeday_core.errors import DatasetError, MaedayError
from maeday_core.evaluation.category import Category, ground_truth
from maeday_core.io.folders import hidden
from maeday_core.io.images import FORMATS, SUFFIXES, load_image

MOST = 0.5
"""A defect takes no larger share of its picture; a mask that marks more may be inverted, or meant in another way."""
SIDEWAYS = range(5, 9)
"""The EXIF orientations that swap width and height."""


def doubts_about(category: Category) -> list[str]:
    """Read the headers of all pictures, and the masks: a sentence on each doubt.

    Raises:
        DatasetError: a file is no picture, or a mask has another size than its picture; it says of how many.
    """
    problems, nothing, most = [], [], []
    for sample in category.samples:
        try:
            shape = _shape(sample.path)
            if sample.mask:
                share = ground_truth(sample, shape).mean()
                nothing += [sample.mask] if share == 0 else []
                most += [sample.mask] if share > MOST else []
        except MaedayError as error:
            problems.append(str(error))
    for path in category.normals:
        try:
            _shape(path)
        except MaedayError as error:
            problems.append(str(error))
    if problems:
        more = f" {len(problems) - 1} more cannot be used either." if problems[1:] else ""
        raise DatasetError(f"{category.name}: {problems[0]}{more}")
    return [
        *_sentence(f"Masks of {category.name} mark nothing, so that whatever is found there counts as wrong", nothing),
        *_sentence(f"Masks of {category.name} mark more than half of the picture, as inverted ones do", most),
        *_sentence(f"Passed over beside the pictures of {category.name}", _passed_over(category)),
    ]


def _sentence(what: str, paths: Sequence[Path]) -> list[str]:
    return [f"{what}: {len(paths)} ({paths[0]}{' and others' if paths[1:] else ''})."] if paths else []


def _shape(path: Path) -> tuple[int, int]:
    """Height and width of a picture as it is shown, by its header."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            sideways = picture.getexif().get(Tag.Orientation) in SIDEWAYS
            return picture.size if sideways else picture.size[::-1]
    except Exception:  # which says better what is wrong with it
        height, width, _ = load_image(path).shape
        return height, width


def _passed_over(category: Category) -> list[Path]:
    """What lies beside the pictures and is none: files, and folders of more pictures."""
    return sorted(path for folder in _folders(category) for path in folder.iterdir() if _is_other(path))


def _folders(category: Category) -> Iterable[Path]:
    return {path.parent for path in (*(sample.path for sample in category.samples), *category.normals)}


def _is_other(path: Path) -> bool:
    return not hidden(Path(path.name)) and (path.is_dir() or path.suffix.lower() not in SUFFIXES)
