"""Calls: what programs ask of a server, and the answer, in words, numbers and files.

Each takes paths of files that the server holds, a `Compute`, and a folder for the files of the answer. What is wrong
with the input is raised as a `MaedayError` with its sentence.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from maeday_core.detection.decision import ALARM_RATE
from maeday_core.detection.region import Region
from maeday_core.detection.result import Detection
from maeday_core.detection.settings import Settings
from maeday_core.detection.windows import Tile
from maeday_core.drawing.cards import spoken
from maeday_core.drawing.shown import overlay_pair, shown
from maeday_core.errors import SettingsError
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.frames import FrameRun, LeftOut, Sources
from maeday_core.frames.files import rows_of
from maeday_core.frames.report import ANOMALOUS, LOOK
from maeday_core.frames.triage import headline
from maeday_core.io.files import unique
from maeday_core.io.images import RGBImage, load_image
from maeday_core.methods import ENSEMBLE, Reference, find, last, load_reference, save_reference
from maeday_core.methods.use import outlined
from maeday_core.model.backbone import BACKBONES, LITE0
from maeday_core.model.sampling import Sampling
from maeday_core.serving.answers import Adapted, Detected, Watched, described
from maeday_core.serving.jobs import Given, Job, Learn, Look, Watch, to_the_end
from maeday_core.serving.rows import row_of

MAX_FRAMES = 500
MAX_THRESHOLD = 10_000.0
"""No score comes near; beyond 1e38 the colours of a map could not be computed."""
ADAPTER = "good-parts.safetensors"
ARCHIVE = "frames.zip"


class Compute(Protocol):
    """Does a job with a model, by its name, and settings; `who` asks, so that nobody takes the turns of others."""

    def __call__(self, job: Job[Given], model: str, settings: Settings, who: str) -> Iterator[Given]: ...


@dataclass(frozen=True)
class Asked:
    """How pictures are to be judged; by default as on the page.

    Attributes:
        method: the name of a method.
        model: the name of a model; empty for the server's own.
        masks, mask_ratio, seed, sampling, tile, alarm_rate: as in `Settings`.
        threshold: the image score above which a picture is anomalous; None for the automatic one.
    """

    method: str = ENSEMBLE.name
    model: str = ""
    masks: int = 16
    mask_ratio: float = 0.75
    seed: int = 0
    sampling: Sampling = "balanced"
    tile: Tile = "auto"
    alarm_rate: float = ALARM_RATE
    threshold: float | None = None

    def __post_init__(self) -> None:
        find(self.method)
        if self.threshold is not None and not 0 <= self.threshold <= MAX_THRESHOLD:
            raise SettingsError(f"The threshold is {self.threshold:g}; give 0 to {MAX_THRESHOLD:g}.")

    @property
    def settings(self) -> Settings:
        """The settings of the engine.

        Raises:
            SettingsError: a value is out of its range.
        """
        return Settings(
            masks=self.masks,
            mask_ratio=self.mask_ratio,
            seed=self.seed,
            sampling=self.sampling,
            tile=self.tile,
            alarm_rate=self.alarm_rate,
        )


AS_FRAMES = Asked(masks=4, tile="on")
"""How frames are judged where nobody says otherwise."""


@dataclass(frozen=True)
class DetectFiles:
    """The files of an answer on one picture.

    Attributes:
        heat_map: PNG, the picture under its map, marked, its longer side at most 800 px.
        error_map: .npy, float32 of the picture's height and width.
        mask: PNG of the same size, 255 where something does not belong.
    """

    heat_map: Path
    error_map: Path
    mask: Path


def detect(
    compute: Compute,
    picture: Path,
    asked: Asked,
    out: Path,
    good: Sequence[Path] = (),
    adapter: Path | None = None,
    who: str = "",
    region: Region | None = None,
) -> tuple[Detected, DetectFiles]:
    """Judge one picture.

    Args:
        compute: does the work.
        picture: its file.
        asked: how.
        out: a folder for the files of the answer.
        good: photos of good parts to learn from first, 1 to 8.
        adapter: instead, what `adapt` made of them.
        who: asks.
        region: what is ignored in it, and in the good parts.
    """
    if good and adapter:
        raise SettingsError("Give either photos of good parts or what was learned from them, not both.")
    query, reference = load_image(picture), Reference()
    if adapter:
        reference = load_saved(adapter)
    elif good:
        reference = learned(compute, good, asked, who, region)
    look = Look(query, asked.method, reference, region=region)
    result = last(compute(look, asked.model, asked.settings, who))
    doubt = reference.doubt_of(query)
    view = replace(shown(picture.name, query, result, doubt=doubt, reference=reference), by_hand=asked.threshold)
    row = row_of(result, asked.model or None, asked.threshold)
    answer = Detected(
        name=picture.name,
        verdict=row["verdict"],
        state=row["state"].value,
        sentence=spoken(view),
        image_score=row["image_score"],
        threshold=row["threshold"],
        unit=result.unit.name,
        is_anomalous=row["verdict"] == "anomalous",
        anomaly_score=row["image_score"],
        anomaly_threshold=row["threshold"],
        share_above=row["share_above"],
        boxes=row["boxes"],
        doubt=doubt,
        seconds=row["seconds"],
        settings=result.made_by.record(),
    )
    _, covered = overlay_pair(view, own_scale=False)
    return answer, _written(result, covered, asked.threshold, out)


def load_saved(path: str | Path) -> Reference:
    """What a caller saved of good parts; no file chooses what a server downloads.

    Raises:
        WeightsError: the file cannot be read.
        SettingsError: it was made with a network that no server offers.
    """
    reference = load_reference(path)
    if not {one.describe().get("backbone", LITE0) for one in reference.learned.values()} <= set(BACKBONES):
        raise SettingsError("What was saved compares with a network that this server does not offer; add the photos.")
    return reference


def learned(
    compute: Compute, good: Sequence[Path], asked: Asked, who: str = "", region: Region | None = None
) -> Reference:
    """What a method learns from photos of good parts, 1 to 8 of them."""
    if not 1 <= len(good) <= MAX_SHOTS:
        raise SettingsError(f"{len(good)} photos of good parts were given; give 1 to {MAX_SHOTS}.")
    reference = last(compute(Learn(tuple(good), asked.method, region=region), asked.model, asked.settings, who))
    assert isinstance(reference, Reference)
    return reference


def adapt(
    compute: Compute,
    good: Sequence[Path],
    asked: Asked,
    out: Path,
    name: str = "",
    who: str = "",
    region: Region | None = None,
) -> tuple[Adapted, Path]:
    """Learn from 1 to 8 photos of good parts; the file is what `detect` and `frames` take as `adapter`."""
    reference = replace(learned(compute, good, asked, who, region), name=name)
    save_reference(reference, path := out / ADAPTER)
    return described(reference), path


def frames(
    compute: Compute,
    files: Sequence[Path],
    asked: Asked,
    out: Path,
    every: float = 1.0,
    adapter: Path | None = None,
    who: str = "",
    region: Region | None = None,
) -> tuple[Watched, Path]:
    """Look at frames, at most 500, and judge them together.

    Args:
        compute: does the work.
        files: pictures, zip archives and videos.
        asked: how.
        out: a folder for the run and its files.
        every: seconds between frames of a video.
        adapter: what `adapt` made of clean frames.
        who: asks.
        region: what is ignored in all frames.

    Returns:
        The answer, and a zip archive of the tables, the report and the pictures of what was found.
    """
    within = out / "sources"
    within.mkdir()
    taken: set[str] = set()
    copies = [shutil.copy(path, within / unique(path.name, taken)) for path in files]
    sources = Sources(copies, every, within, MAX_FRAMES)
    run, reference = FrameRun(out / "run"), load_saved(adapter) if adapter else Reference()
    watch = Watch(run, sources, asked.method, reference)
    found = to_the_end(lambda job: compute(job, asked.model, asked.settings, who), watch)
    left_out = [one for one in found if isinstance(one, LeftOut)]
    ignore = region.ignored if region else None
    judgement = run.judge(asked.threshold, ignore=ignore, alarm_rate=asked.alarm_rate)
    run.write(judgement)
    answer = Watched(
        headline=headline(judgement),
        threshold=judgement.threshold,
        reason=judgement.reason,
        rows=rows_of(judgement),
        left_out=[{"path": one.path, "reason": one.reason} for one in left_out],
    )
    return answer, packed(run, out / ARCHIVE)


def packed(run: FrameRun, archive: Path) -> Path:
    """Pack what a run gives: its tables, its report, and the pictures of what was found."""
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(run.folder.rglob("*")):
            if path.is_file() and (path.parent == run.folder or path.parent.name in (ANOMALOUS, LOOK)):
                file.write(path, path.relative_to(run.folder))
    return archive


def _written(result: Detection, covered: RGBImage, by_hand: float | None, out: Path) -> DetectFiles:
    files = DetectFiles(out / "heat-map.png", out / "error-map.npy", out / "mask.png")
    Image.fromarray(covered).save(files.heat_map)
    result.save_map(files.error_map)
    height, width = result.picture_size
    mask = Image.fromarray(outlined(result, by_hand).astype(np.uint8) * np.uint8(255))
    mask.resize((width, height), Image.Resampling.NEAREST).save(files.mask)
    return files
