"""Score pictures and map what does not belong."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from maeday_core.cli.good_parts import add_good_parts, reference_of
from maeday_core.cli.options import add_method, add_settings, settings_of, tools_of
from maeday_core.cli.output import print_error, print_json, print_line, print_note, print_warning
from maeday_core.errors import ImageError
from maeday_core.io.images import RGBImage, find_images, load_image

if TYPE_CHECKING:
    from maeday_core.detection.result import Detection

MAP, FIGURE, MASK = "-error-map.npy", "-maeday.png", "-mask.png"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("queries", nargs="+", metavar="QUERY", help="picture files and folders of them")
    add_method(parser)
    add_settings(parser, tile="auto")
    add_good_parts(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write error maps (.npy), masks of what is outlined and figures (.png)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line on standard output")


def run(options: Namespace) -> int:
    """Detect; a picture that cannot be read is named, and the others are scored."""
    from maeday_core.methods import detector, find, last

    method, tools = find(options.method), tools_of(options, settings_of(options))
    out = Folder(options.out) if options.out else None
    paths = [path for path in find_images(options.queries) if not (out and out.wrote(path))]
    reference = reference_of(options, method, tools)
    detect = detector(method, tools, reference)
    failed = 0
    for path in paths:
        try:
            query = load_image(path)
        except ImageError as error:
            print_error(error)
            failed += 1
            continue
        result = last(detect(query))
        if doubt := reference.doubt_of(query):
            print_warning(f"{path}: {doubt}")
        if result.made_by.windows:
            print_note(f"{path}: seen through {result.made_by.windows}")
        written = out.write(path, query, result) if out else {"error_map": None, "mask": None}
        row = {**_row(path, result, options.model), **written}
        if options.json:
            print_json(row)
        else:
            print_line(f"{row['image_score']:8.4f}  {row['state']:9}  {path}")
    return 2 if failed else 0


def _row(path: Path, result: Detection, model: str | None) -> dict[str, Any]:
    """What is printed of a result, as JSON."""
    from maeday_core.frames.objects import BlockMap, find_objects

    score, threshold, made_by = result.image_score, result.threshold, result.made_by.record()
    anomalous = score > threshold.value
    boxes = find_objects(BlockMap.of(result.error_map), threshold.value) if anomalous else []
    return {
        "path": str(path),
        "image_score": score,
        "threshold": threshold.value,
        "verdict": "anomalous" if anomalous else "normal",
        "state": result.verdict,
        "share_above": threshold.ordinary.share_above(score),
        "look": threshold.look,
        "threshold_between": threshold.between,
        "boxes": [asdict(box) for box in boxes],
        "seconds": round(result.seconds, 4),
        **made_by,
        "alarm_rate": threshold.alarm_rate,
        "model": made_by["model"] and (model or made_by["model"]),
    }


class Folder:
    """Where the files of a run are written; a picture of its own from an earlier run is replaced, no other one.

    The pictures that this program writes name it in their header.
    """

    def __init__(self, path: Path):
        path.mkdir(parents=True, exist_ok=True)
        self._path = path.resolve()
        pictures = list(self._path.glob("*.png"))
        self._own = {picture for picture in pictures if _is_own(picture)}
        self._taken = {stem.casefold() for picture in pictures if picture not in self._own for stem in _stems(picture)}
        self.path = path

    def wrote(self, path: Path) -> bool:
        """Whether a picture is one that an earlier run wrote here."""
        return path.resolve() in self._own

    def write(self, path: Path, query: RGBImage, result: Detection) -> dict[str, str]:
        """Write the map of a query, the mask of what is outlined, and a figure; returns the paths of map and mask."""
        from maeday_core.detection.decision import outline
        from maeday_core.drawing.figure import SOFTWARE, save_figure
        from maeday_core.drawing.shown import shown
        from maeday_core.io.files import unique

        stem = unique(path.stem, self._taken)
        error_map, mask = self.path / f"{stem}{MAP}", self.path / f"{stem}{MASK}"
        np.save(error_map, result.error_map)
        header = PngInfo()
        header.add_text("Software", SOFTWARE)
        outlined = outline(result.error_map, result.image_score, result.threshold.value)
        Image.fromarray(np.where(outlined, np.uint8(255), np.uint8(0))).save(mask, pnginfo=header)
        save_figure(shown(path.name, query, result), self.path / f"{stem}{FIGURE}")
        return {"error_map": str(error_map), "mask": str(mask)}


def _stems(picture: Path) -> Iterator[str]:
    return (picture.name.removesuffix(ending) for ending in (FIGURE, MASK) if picture.name.endswith(ending))


def _is_own(picture: Path) -> bool:
    from maeday_core.drawing.figure import SOFTWARE

    try:
        with Image.open(picture) as opened:
            return opened.info.get("Software") == SOFTWARE
    except Exception:  # what is no picture is not ours
        return False
