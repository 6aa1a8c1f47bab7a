"""One visitor's frames: the run in its folder, and how it is judged now."""

from __future__ import annotations

import shutil
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from app.annotated import frames_coco
from app.frames.said import NOTHING, Said, Told
from app.gradio_fixes import uploaded
from app.temporary import FRAMES, HOME, check_space
from maeday_core import ImageError
from maeday_core.detection.feedback import UNMOVED
from maeday_core.detection.region import Mask
from maeday_core.detection.windows import Tile
from maeday_core.frames import FrameRun, Judgement, LeftOut, Sources, Verdict
from maeday_core.frames.baseline import Baseline
from maeday_core.frames.report import ANOMALOUS, LOOK
from maeday_core.frames.run import MAPS
from maeday_core.frames.said import moved_by
from maeday_core.frames.triage import Judgements, first
from maeday_core.io.corrections import save_corrections
from maeday_core.io.files import unique
from maeday_core.io.natural import natural

MAX_FRAMES = 500
KEPT = 2 * 3600
"""Seconds that the files of a visitor who is gone may stay."""
SOURCES = "sources"
ARCHIVE = "maeday-frames.zip"
COCO = "coco.json"
SAID = "corrections.jsonl"
NO_JUDGEMENT = Judgement(Baseline(0, "", ()), 0)


class State(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


@dataclass(frozen=True)
class Asked:
    """What a run depends on: a paused run goes on if all of it is still the same."""

    files: tuple[str, ...]
    good: tuple[str, ...]
    every: float
    method: str
    tile: Tile
    masks: int
    model: str
    keep_maps: bool


@dataclass(frozen=True)
class Criteria:
    """What a verdict depends on beside the maps.

    Attributes:
        threshold: None for the automatic one.
        least_area: smaller regions are no objects.
        ignore: where nothing counts.
        follow: move the automatic threshold by what was said of frames.
    """

    threshold: float | None
    least_area: int
    ignore: Mask | None
    follow: bool = False


@dataclass(frozen=True)
class Batch:
    """A visitor's frames so far.

    Attributes:
        run: in a folder of its own, deleted with the batch.
        asked: what it depends on.
        total: about how many frames there will be.
        judgement: the verdicts that are shown.
        left_out: what could not be a frame.
        state: how far the run is.
        told: what the visitor said of frames.
    """

    run: FrameRun
    asked: Asked
    total: int = 0
    judgement: Judgement = NO_JUDGEMENT
    left_out: tuple[LeftOut, ...] = ()
    state: State = State.RUNNING
    told: Said = NOTHING

    @property
    def said(self) -> Judgements:
        """What the visitor said, by the numbers of the frames."""
        return self.told.judged

    @property
    def sources(self) -> Sources:
        """The visitor's files, which are kept as long as the run is."""
        folder = self.run.folder / SOURCES
        return Sources(
            sorted(folder.iterdir(), key=lambda path: natural(path.name)),
            self.asked.every,
            within=folder,
            limit=MAX_FRAMES,
        )

    @property
    def kept(self) -> bool:
        """Whether its files are still there."""
        return self.run.folder.exists()

    def goes_on_with(self, asked: Asked) -> bool:
        """Whether it was paused, and can go on with what is asked now."""
        return self.state is State.PAUSED and self.asked == asked and self.kept

    @property
    def idle(self) -> bool:
        """Whether it can be judged anew: its files are there, and nothing is writing to them."""
        return self.state is not State.RUNNING and self.kept

    def judged(self, criteria: Criteria, camera: bool = True) -> Batch:
        """Judged anew, with all that the run has measured."""
        judgement = self.run.judge(criteria.threshold, criteria.least_area, criteria.ignore, camera)
        if criteria.follow and self.told.labels:
            judgement = self._at(judgement, criteria)
        return replace(self, judgement=judgement, left_out=tuple(self.run.left_out()))

    def judged_again(self, criteria: Criteria) -> Batch:
        """The same frames by other criteria; what is normal changes only with what is ignored."""
        if criteria.ignore is None:
            self = replace(self, told=self.told.without_ignored())
        if criteria.ignore is not self.judgement.baseline.ignore:
            return self.judged(criteria)
        return replace(self, judgement=self._at(self.judgement, criteria))

    def saying(self, told: Told, criteria: Criteria) -> Batch:
        """One thing more is said; the limit follows, if it is to."""
        batch = replace(self, told=self.told.plus(told))
        return batch.judged_again(criteria) if criteria.follow else batch

    def _at(self, judgement: Judgement, criteria: Criteria) -> Judgement:
        moved = moved_by(judgement, self.told.labels) if criteria.follow else UNMOVED
        return judgement.at(criteria.threshold, criteria.least_area, moved)

    def verdict(self, number: int | None) -> Verdict | None:
        """The verdict on the frame of a number, as long as its files are there."""
        if number is None or not self.kept:
            return None
        return next((verdict for verdict in self.judgement.verdicts if verdict.record.number == number), None)

    @property
    def next(self) -> int | None:
        """The number of the first frame that is worth a look and of which the visitor has said nothing."""
        numbers = (verdict.record.number for verdict in first(self.judgement))
        return next((number for number in numbers if number not in self.said), None)

    def written(self) -> tuple[Path, Path, Path]:
        """The report, the objects as COCO, and an archive of all that the run gives, as it is judged now."""
        report, found, archive = (
            self.run.write(self.judgement, self.said),
            self.run.folder / COCO,
            self.run.folder / ARCHIVE,
        )
        found.write_text(frames_coco(self.judgement), encoding="utf-8", errors="backslashreplace")
        save_corrections(self.told.corrections(self.judgement), self.run.folder / SAID)
        with zipfile.ZipFile(archive, "w") as packed:
            for path in sorted(self.run.folder.rglob("*")):
                given = path.parent == self.run.folder or path.parent.name in (ANOMALOUS, LOOK, MAPS)
                if path.is_file() and given and path != archive:
                    packed.write(path, path.relative_to(self.run.folder))
        return report, found, archive


def begin(asked: Asked) -> Batch:
    """A new run with the visitor's files in its folder: Gradio forgets what was uploaded an hour ago.

    Raises:
        ImageError: a file is no longer there.
        StorageError: the disk has no space for them.
        OSError: they cannot be copied.
        gradio.Error: a file was not uploaded here.
    """
    home = HOME / FRAMES
    for old in home.iterdir():
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)
    files = [Path(uploaded(path)) for path in asked.files]
    check_space(sum(path.stat().st_size for path in files if path.exists()))
    run = FrameRun(Path(tempfile.mkdtemp(dir=home)))
    try:
        _copy(files, run.folder / SOURCES)
    except Exception:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    batch = Batch(run, asked)
    return replace(batch, total=batch.sources.count())


def delete(batch: Batch | None) -> None:
    """Delete the visitor's files."""
    if batch:
        shutil.rmtree(batch.run.folder, ignore_errors=True)


def _copy(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir()
    taken: set[str] = set()
    for path in files:
        try:
            shutil.copy(path, folder / unique(path.name, taken))
        except FileNotFoundError as error:
            raise ImageError(f"{path.name} is no longer here; add it again.") from error
