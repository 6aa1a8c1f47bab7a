"""Frames: foreign objects in folders, zip archives and videos (Section 4.3), at the camera's own detail.

Two halves. `look` runs the model, frame by frame, and keeps what it found on disk, so that nothing is lost and nothing
is done twice. `judge` runs no model: it tells what is normal for this batch, and from that the threshold, the verdicts
and the objects. So a threshold, an ignored region or the least area of an object can be changed at any time.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maeday_core.errors import ImageError, SettingsError
from maeday_core.frames.objects import BlockMap, Box, find_objects
from maeday_core.frames.sources import Frame, Key, LeftOut, read_frames
from maeday_core.io.images import RGBImage, load_image, resize
from maeday_core.io.journal import alone_in, append_rows, mend, read_rows
from maeday_core.methods.base import Detect

WORK = "work"
MAPS = "maps"
LOOKED = "looked.jsonl"
ROWS = "frames.jsonl"
TABLE = "frames.csv"
LEFT_OUT = "left_out.jsonl"
PICTURES = "anomalous"
REPORT = "report.html"
RESULTS = (WORK, MAPS, ROWS, TABLE, LEFT_OUT, PICTURES, REPORT)
COLUMNS = ("path", "time", "image_score", "threshold", "verdict", "objects", "boxes")
PICTURE_SIDE = 1280
BATCH = 5
GRID = (4, 6)
DEVIATIONS = 5.0
PLACE_DEVIATIONS = 5.5  # there are many more places than frames
LEAST_DEVIATION = 0.02
NEAR = 2.5
GAUGE = 64
ALIKE = 0.7
SAMPLED = 64


@dataclass(frozen=True)
class Looked:
    """What the model found in one frame.

    Attributes:
        number: counts the frames of a run; its files are called by it.
        path, time: the frame's key.
        places: the highest value of its map in each of `GRID` rows and columns.
        learned: the threshold that good parts tell; None where there are none.
        height, width: of the frame.
        block: side of a block of its kept map, in pixels.
        seconds: that the detection took.
        settings: as in `Detection.settings`.
    """

    number: int
    path: str
    time: float | None
    places: list[float]
    learned: float | None
    height: int
    width: int
    block: int
    seconds: float
    settings: dict[str, Any]

    @property
    def image_score(self) -> float:
        """The highest value of its map."""
        return max(self.places)

    @property
    def key(self) -> Key:
        return self.path, self.time

    @property
    def name(self) -> str:
        """The file's name, after the time where there is one."""
        return ("" if self.time is None else f"{self.time:g} s of ") + printable(Path(self.path).name)

    @property
    def stem(self) -> str:
        """A name for files of its own: its number, from 1, and what any file system takes of its name."""
        return f"{self.number + 1:05}-{re.sub(r'[^A-Za-z0-9_-]+', '_', Path(self.path).stem)[:60]}"

    def map(self, folder: Path) -> BlockMap:
        """Its map as it was kept in the folder of the run."""
        return BlockMap(np.load(folder / WORK / f"{self.number:05}.npy"), self.block, self.height, self.width)

    def picture(self, folder: Path) -> RGBImage:
        """The frame, its longer side at most 1280 px."""
        return load_image(folder / WORK / f"{self.number:05}.jpg")


@dataclass(frozen=True)
class Judged:
    """A frame's verdict: the contract's row."""

    looked: Looked
    image_score: float
    threshold: float
    boxes: tuple[Box, ...]

    @property
    def verdict(self) -> str:
        return "anomalous" if self.boxes else "normal"

    @property
    def row(self) -> dict[str, Any]:
        """`path, time, image_score, threshold, verdict, boxes`, as JSON."""
        return {
            "path": self.looked.path,
            "time": self.looked.time,
            "image_score": self.image_score,
            "threshold": self.threshold,
            "verdict": self.verdict,
            "boxes": [asdict(box) for box in self.boxes],
        }


@dataclass(frozen=True)
class Normal:
    """What is normal for a batch.

    Attributes:
        threshold: the image score from which a frame is called anomalous.
        because: where it comes from, a sentence.
        scores: of the frames, the position's own level taken off where the camera is fixed.
        allowance: for a fixed camera, how much higher than elsewhere the map always is at each place, (rows, columns).
    """

    threshold: float
    because: str
    scores: tuple[float, ...]
    allowance: np.ndarray | None = None

    def map(self, blocks: BlockMap, ignore: np.ndarray | None = None) -> BlockMap:
        """A frame's map without what is always there and without what is to be ignored (rows, columns)."""
        values = blocks.values
        if self.allowance is not None and self.allowance.shape == values.shape:
            values = np.maximum(values - self.allowance, 0)
        return BlockMap(_without(values, ignore), blocks.block, blocks.height, blocks.width)


def look(
    sources: Iterable[str | os.PathLike[str]],
    detect: Detect,
    folder: Path,
    every: float = 1.0,
    settings: dict[str, Any] | None = None,
    names: dict[str, str] | None = None,
    keep_maps: bool = False,
) -> Iterator[Looked | LeftOut]:
    """Run the detector over all frames; what an earlier run in this folder has looked at comes from there, first.

    Each frame's map and picture are written before the line that names them: a crash loses the frame in work.

    Args:
        sources, every, names: as in `sources.read_frames`.
        detect: from `methods.detector`.
        folder: where the run is kept.
        settings: what the results depend on; a folder of other settings is refused.
        keep_maps: keep every map at the frame's own size, float32, in `DIR/maps`.

    Raises:
        SettingsError: the folder holds a run of other settings.
        DatasetError: another run is writing there, or its files are not such a run's.
        ImageError: a source does not exist.
    """
    work = folder / WORK
    work.mkdir(parents=True, exist_ok=True)
    with alone_in(work):
        _same_run(work / "run.json", {**(settings or {}), "every": every, "maps": keep_maps})
        before = load_looked(folder)
        yield from before
        done = {looked.key for looked in before}
        number = 1 + max((looked.number for looked in before), default=-1)
        for frame in read_frames(sources, every, lambda key: key not in done, names, results_in(folder)):
            if isinstance(frame, Frame):
                *_, result = detect(frame.picture)
                blocks = BlockMap.of(result.error_map)
                np.save(work / f"{number:05}.npy", blocks.values)
                _save_picture(frame.picture, work / f"{number:05}.jpg")
                looked = Looked(
                    number,
                    *frame.key,
                    places=places(blocks.values),
                    learned=result.first_threshold if result.shots else None,
                    height=blocks.height,
                    width=blocks.width,
                    block=blocks.block,
                    seconds=result.seconds,
                    settings=result.settings,
                )
                if keep_maps:
                    (folder / MAPS).mkdir(exist_ok=True)
                    np.save(folder / MAPS / f"{looked.stem}.npy", result.error_map)
                append_rows(work / LOOKED, [asdict(looked)])
                done.add(frame.key)
                number += 1
                yield looked
            else:
                yield frame


def results_in(folder: Path) -> list[Path]:
    """What a run writes into its folder, which no run takes for frames."""
    return [folder / name for name in RESULTS]


def load_looked(folder: Path) -> list[Looked]:
    """What a run has looked at so far; a line that was cut off is removed.

    Raises:
        DatasetError: the folder's files are not what `look` writes.
    """
    path = folder / WORK / LOOKED
    mend(path)
    return [Looked(**row) for row in read_rows(path, *Looked.__dataclass_fields__)]


def normal(looked: Sequence[Looked], folder: Path, ignore: RGBImage | None = None, camera: bool = True) -> Normal:
    """What is normal for a batch of frames.

    With good parts, their threshold. Without, the frames are judged against each other, and by all their places: a
    foreign object is small, so that most places of most frames are clean even where every frame holds one. The
    threshold is 5.5 deviations (`clean_scores`) above what places score, or, of five frames or more, 5 above what whole
    frames score, whichever is lower. Where the camera does not move, a place whose map is always high, a lamp or a
    drain, is allowed for first.

    Args:
        ignore: a mask of any size, bright where nothing counts.
        camera: whether to look if it moves, which reads many of the kept pictures and maps.
    """
    allowance = _allowance(looked, folder) if camera and fixed_camera(looked, folder) else None
    plain = Normal(0, "", (), allowance)
    if allowance is None and ignore is None:
        found = [one.places for one in looked]
    else:
        maps = (one.map(folder) for one in looked)
        found = [places(plain.map(blocks, ignored(ignore, blocks)).values) for blocks in maps]
    threshold, because = _threshold(looked, found)
    if allowance is not None:
        because += " The camera does not move: what is always there is allowed for."
    return Normal(threshold, because, tuple(map(max, found)), allowance)


def places(values: np.ndarray) -> list[float]:
    """The highest values of a map (rows, columns) in each cell of a grid; fewer where it is smaller than that."""
    cells = (cell for row in np.array_split(values, GRID[0]) for cell in np.array_split(row, GRID[1], axis=1))
    return [float(cell.max()) for cell in cells if cell.size]


def _threshold(looked: Sequence[Looked], found: Sequence[Sequence[float]]) -> tuple[float, str]:
    """The threshold for a batch of frames with these values in their places, and where it comes from."""
    learned = [one.learned for one in looked if one.learned is not None]
    if learned:
        return float(np.median(learned)), "The threshold comes from the clean frames."
    pools = [("most of their places score", PLACE_DEVIATIONS, [value for values in found for value in values if value])]
    if len(looked) >= BATCH:
        pools.append(("most of them score", DEVIATIONS, [max(values) for values in found]))
    limits = []
    for name, many, scores in pools:
        if scores:
            middle, deviation = clean_scores(scores)
            limit = middle + many * max(deviation, LEAST_DEVIATION * middle)
            limits.append((limit, f"{name} about {middle:.2f}, and {many:g} robust deviations above that begins"))
    if not limits:
        return 0.0, "There is nothing to judge."
    limit, told = min(limits)
    frames = f"{len(looked)} frames judged against each other" if len(looked) > 1 else "One frame judged by itself"
    return limit, f"{frames}: {told} what is unusual."


def clean_scores(scores: Sequence[float]) -> tuple[float, float]:
    """Mean and deviation of what is normal among scores, by the half of them that lies closest together.

    That half tells roughly where the clean frames lie, also where up to half are not (Rousseeuw's least median of
    squares, with his factor for small samples); mean and deviation are then those of all scores within 2.5 of its
    deviations, as he advises.
    """
    ordered = np.sort(scores)
    half = (len(ordered) + 1) // 2
    spans = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    first = int(spans.argmin())
    middle, small = ordered[first] + spans[first] / 2, 1 + 5 / max(len(ordered) - 1, 1)
    rough = max(1.4826 * small * spans[first] / 2, LEAST_DEVIATION / 2 * abs(middle))
    clean = ordered[np.abs(ordered - middle) <= NEAR * rough]
    return float(clean.mean()), float(clean.std(ddof=1)) if len(clean) > 1 else 0.0


def judge(
    looked: Sequence[Looked],
    folder: Path,
    usual: Normal,
    threshold: float | None = None,
    least_area: int = 0,
    ignore: RGBImage | None = None,
) -> Iterator[Judged]:
    """The verdict on each frame, from the maps that were kept.

    Args:
        usual: from `normal`, with the same `ignore`.
        threshold: instead of its own.
        least_area: regions of fewer pixels of the frame are no objects.
        ignore: a mask of any size, bright where nothing counts.
    """
    limit = usual.threshold if threshold is None else threshold
    for one, score in zip(looked, usual.scores, strict=True):
        boxes: list[Box] = []
        if score > limit:
            blocks = one.map(folder)
            boxes = find_objects(usual.map(blocks, ignored(ignore, blocks)), limit, least_area)
        yield Judged(one, score, limit, tuple(boxes))


def judge_so_far(
    looked: Sequence[Looked],
    folder: Path,
    threshold: float | None = None,
    least_area: int = 0,
    ignore: RGBImage | None = None,
) -> Judged:
    """The verdict on the last frame so far, by the scores of those before it; `normal` of all has the last word."""
    threshold_so_far, because = _threshold(looked, [one.places for one in looked])
    usual = Normal(threshold_so_far, because, (looked[-1].image_score,))
    (one,) = judge(looked[-1:], folder, usual, threshold, least_area, ignore)
    return one


def write_rows(folder: Path, judged: Iterable[Judged]) -> None:
    """Write `frames.jsonl` and `frames.csv` anew, each at once: a reader never finds half of one."""
    rows = [one.row for one in judged]
    for name, content in ((ROWS, "".join(map(_line, rows))), (TABLE, _csv([COLUMNS, *map(_cells, rows)]))):
        part = folder / f"{name}.part"
        part.write_text(content, encoding="utf-8", errors="backslashreplace", newline="")
        part.replace(folder / name)


def append_row(folder: Path, one: Judged) -> None:
    """Add a row to both files, as it is so far."""
    for name, content in ((ROWS, _line(one.row)), (TABLE, _csv([_cells(one.row)]))):
        with (folder / name).open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(content)


def write_left_out(folder: Path, left_out: Sequence[LeftOut]) -> None:
    """Write `left_out.jsonl`: what could not be a frame, and why; no file where there is nothing."""
    (folder / LEFT_OUT).unlink(missing_ok=True)
    if left_out:
        (folder / LEFT_OUT).write_text("".join(_line(asdict(one)) for one in left_out), encoding="utf-8")


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row) + "\n"


def _cells(row: dict[str, Any]) -> list[Any]:
    return [*(row[name] for name in COLUMNS[:5]), len(row["boxes"]), json.dumps(row["boxes"])]


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def load_ignore(path: str | os.PathLike[str]) -> RGBImage:
    """A mask to ignore by, from a picture file: bright, or opaque on a transparent ground, where nothing counts."""
    mask = load_image(path)
    with Image.open(path) as picture:
        if picture.has_transparency_data:
            return load_image(picture.convert("RGBA").getchannel("A"))
    return mask


def printable(text: str) -> str:
    """A file's name as any terminal and page can show it."""
    return text.encode("utf-8", "backslashreplace").decode()


def ignored(ignore: RGBImage | None, blocks: BlockMap) -> np.ndarray | None:
    """Which blocks of a map to ignore, bool (rows, columns); None if there is nothing to ignore."""
    if ignore is None:
        return None
    rows, columns = blocks.values.shape
    return resize(ignore, columns, rows).max(axis=-1) > 127


def fixed_camera(looked: Sequence[Looked], folder: Path) -> bool:
    """Whether the frames show one place: their details lie where those of the middle picture of them all lie."""
    if len(looked) < BATCH or len({(one.height, one.width) for one in looked}) > 1:
        return False
    details = []
    for one in _sample(looked):
        grey = cv2.cvtColor(resize(one.picture(folder), GAUGE, GAUGE), cv2.COLOR_RGB2GRAY).astype(np.float32)
        detail = grey - cv2.GaussianBlur(grey, (0, 0), 4)
        details.append(detail / max(float(np.linalg.norm(detail)), 1e-6))
    middle = np.median(details, axis=0)
    middle /= max(float(np.linalg.norm(middle)), 1e-6)
    return float(np.median([(detail * middle).sum() for detail in details])) > ALIKE


def _allowance(looked: Sequence[Looked], folder: Path) -> np.ndarray:
    """How far the usual level of each place lies above that of the middle place: (rows, columns), 0 or more."""
    maps = np.stack([one.map(folder).values for one in _sample(looked)])
    middle = np.median(maps, axis=0)
    level = middle + DEVIATIONS * 1.4826 * np.median(np.abs(maps - middle), axis=0)
    return np.maximum(level - np.median(level), 0)


def _sample(looked: Sequence[Looked]) -> Sequence[Looked]:
    return looked[:: max(1, len(looked) // SAMPLED)]


def _without(values: np.ndarray, ignore: np.ndarray | None) -> np.ndarray:
    return values if ignore is None else np.where(ignore, np.float32(0), values)


def _save_picture(picture: RGBImage, path: Path) -> None:
    shrink = min(1.0, PICTURE_SIDE / max(picture.shape[:2]))
    height, width = (max(1, round(side * shrink)) for side in picture.shape[:2])
    if not cv2.imwrite(str(path), resize(picture, width, height)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise ImageError(f"{path} cannot be written; check the disk and its permissions.")


def _same_run(path: Path, settings: dict[str, Any]) -> None:
    content = json.dumps(settings)
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(content, encoding="utf-8")
        part.replace(path)
    elif path.read_text(encoding="utf-8", errors="replace") != content:
        raise SettingsError(
            f"{path.parent.parent} holds a run of other settings or sources; give another folder, or the same ones."
        )
