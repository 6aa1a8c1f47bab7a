"""A run over frames, kept in a folder: what was measured, what is normal, and the files that come of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from maeday_core.detection.decision import ALARM_RATE
from maeday_core.detection.objects import BlockMap
from maeday_core.detection.region import SIDE, Mask
from maeday_core.drawing.html import jpeg_bytes
from maeday_core.drawing.pictures import reduced
from maeday_core.errors import DatasetError, SettingsError
from maeday_core.frames.baseline import baseline_of
from maeday_core.frames.files import BOXES, LEFT_OUT, ROWS, TABLE, append_to_tables, rows_of, write_tables
from maeday_core.frames.records import COLUMNS, FORMAT, WORK, FrameRecord, map_path, picture_path, places
from maeday_core.frames.report import ANOMALOUS, LOOK, REPORT, write_report
from maeday_core.frames.sources import Frame, Key, Sources
from maeday_core.frames.triage import NOT_JUDGED, Judgements
from maeday_core.frames.verdict import Judgement, Verdict, apply_threshold, provisional
from maeday_core.io.files import make_folder, remove_temporaries, replacing
from maeday_core.io.folders import LeftOut
from maeday_core.io.journal import alone_in, append_rows, gather, mend, read_rows, remove, rewrite
from maeday_core.methods import Detect, last

MAPS = "maps"
JOURNAL = "records.jsonl"
"""What was measured of each frame, also of those that are no longer there: they may come back."""
PRESENT = "present.jsonl"
"""The numbers of the frames that the sources hold, in their order."""
MANIFEST = "run.json"
DATASET = "dataset"
WRITTEN = (WORK, MAPS, DATASET, ROWS, TABLE, BOXES, LEFT_OUT, ANOMALOUS, LOOK, REPORT)
"""What a run writes into its folder, and never takes for frames."""
WORKERS = "workers"
"""A folder in `WORK` of what the workers of a run have measured, until it is over."""


@dataclass(frozen=True)
class FrameRun:
    """A run over frames. It lives in its folder: another program may go on with it or judge it anew.

    for found in run.look(sources, detect):
        ...
    run.write(run.judge())
    """

    folder: Path

    @property
    def written(self) -> list[Path]:
        """The files and folders that a run writes."""
        return [self.folder / name for name in WRITTEN]

    def look(
        self,
        sources: Sources,
        detect: Detect,
        depends_on: Mapping[str, Any] | None = None,
        keep_maps: bool = False,
    ) -> Generator[FrameRecord | LeftOut, None, None]:
        """Run the detector on all frames, except where an earlier run in this folder has measured the same content.

        Map and picture of a frame are written before its line in the journal: a crash loses only the frame in work.

        Args:
            sources: the frames.
            detect: from `methods.detector`. Nothing else runs the model: who shares one holds a lock within a `detect`
                of their own, and not while frames are searched for, decoded and kept.
            depends_on: what the results depend on, ready for JSON; a folder with other values is refused.
            keep_maps: write each map at the frame's own size, float32, into `maps`.

        Raises:
            SettingsError: the folder holds a run with other settings or sources.
            DatasetError: another run is writing to it, or its files are of another format.
            ImageError: no source exists.
        """
        work = self.folder / WORK
        with self.alone({**(depends_on or {}), "every": sources.every}, keep_maps) as measured:
            if (work / WORKERS).exists():
                raise DatasetError(f"{self.folder} holds an unfinished run by workers; go on with --engine ray.")
            known = {key: record.content for key, record in measured.items()}
            numbers = count(1 + max((record.number for record in measured.values()), default=-1))
            given: set[Key] = set()
            for found in sources.frames(lambda key: key not in given, self.written, known):
                if isinstance(found, LeftOut):
                    append_rows(self.folder / LEFT_OUT, [asdict(found)])
                    yield found
                    continue
                if isinstance(found, Frame):
                    measured[found.key] = self.measure(found, detect, next(numbers), keep_maps)
                append_rows(work / PRESENT, [{"number": measured[found.key].number}])
                given.add(found.key)
                yield measured[found.key]

    @contextlib.contextmanager
    def alone(self, depends_on: Mapping[str, Any], keep_maps: bool) -> Iterator[dict[Key, FrameRecord]]:
        """Keep other runs out of the folder while frames are looked at; yields what has been measured by their keys.

        Raises:
            SettingsError: the folder holds a run that depends on something else.
            DatasetError: another run is writing to it, or its files are of another format.
        """
        work = self.folder / WORK
        make_folder(work)
        with alone_in(work):
            self._claim({**depends_on, "maps": keep_maps})
            measured = self._tidied(keep_maps)
            write_tables(self.folder, ())
            for path in (work / PRESENT, self.folder / LEFT_OUT):
                remove(path)
            yield measured
            self._tidied(keep_maps)
            for path in (work / JOURNAL, work / PRESENT, self.folder / LEFT_OUT):
                gather(path)

    def records(self) -> list[FrameRecord]:
        """What the run has measured so far of the frames that its sources hold, in their order.

        Raises:
            DatasetError: its files are damaged or of another format.
        """
        self._manifest()
        measured = {record.number: record for record in self._journal()}
        rows = read_rows(self.folder / WORK / PRESENT, "number")
        return [measured[row["number"]] for row in rows if row["number"] in measured]

    def left_out(self) -> list[LeftOut]:
        """What the run could not use, and why."""
        return [LeftOut(row["path"], row["reason"]) for row in read_rows(self.folder / LEFT_OUT, "path", "reason")]

    def so_far(
        self,
        records: Sequence[FrameRecord],
        threshold: float | None = None,
        least_area: int = 0,
        ignore: Mask | None = None,
        alarm_rate: float = ALARM_RATE,
    ) -> Verdict:
        """The verdict on the newest of the records by those so far; its row is added to the tables until `write`."""
        verdict = provisional(records, threshold, least_area, ignore, alarm_rate)
        append_to_tables(self.folder, verdict)
        return verdict

    def judge(
        self,
        threshold: float | None = None,
        least_area: int = 0,
        ignore: Mask | None = None,
        camera: bool = True,
        alarm_rate: float = ALARM_RATE,
    ) -> Judgement:
        """The verdicts on all frames that the run has measured so far.

        Args:
            threshold: instead of the one that fits the batch.
            least_area: regions of fewer pixels of the frame are no objects.
            ignore: a mask of any size, True where nothing counts.
            camera: test whether the camera is fixed, which reads many of the kept pictures and maps.
            alarm_rate: the share of clean frames that may be called anomalous.
        """
        records = self.records()
        return apply_threshold(records, baseline_of(records, ignore, camera, alarm_rate), threshold, least_area)

    def write(self, judgement: Judgement, judged: Judgements = NOT_JUDGED) -> Path:
        """Write the tables, pictures of the frames to look at first, and the report, in place of earlier ones.

        Args:
            judgement: the verdicts.
            judged: what a person said of frames, by their numbers.

        Returns:
            The path of the report.
        """
        write_tables(self.folder, rows_of(judgement, judged))
        return write_report(self.folder, judgement, self.left_out(), judged)

    def measure(self, frame: Frame, detect: Detect, number: int, keep_maps: bool = False) -> FrameRecord:
        """Detect; keep map and picture, and then the line in the journal."""
        detection = last(detect(frame.picture))
        blocks = BlockMap.of(detection.error_map, detection.size)
        with replacing(map_path(self.folder, number)) as path:
            np.save(path, blocks.values)
        with replacing(picture_path(self.folder, number)) as path:
            path.write_bytes(jpeg_bytes(reduced(frame.picture, SIDE)))
        record = FrameRecord(
            self.folder,
            number,
            *frame.key,
            places=places(blocks),
            ordinary=asdict(detection.threshold.ordinary) if detection.threshold.shots else None,
            height=blocks.height,
            width=blocks.width,
            block=blocks.block,
            seconds=detection.seconds,
            settings=detection.made_by.record(),
            content=frame.content,
        )
        if keep_maps:
            with replacing(self.folder / MAPS / f"{record.stem}.npy") as path:
                detection.save_map(path)
        append_rows(self.folder / WORK / JOURNAL, [record.row])
        return record

    def _journal(self) -> list[FrameRecord]:
        rows = read_rows(self.folder / WORK / JOURNAL, *COLUMNS)
        return [FrameRecord(self.folder, **{name: row[name] for name in COLUMNS}) for row in rows]

    def whole(self) -> dict[Key, FrameRecord]:
        """The newest record of each frame whose files are there."""
        found = self._journal()
        there = set((self.folder / WORK).iterdir()) if found else set()
        return {record.key: record for record in found if there.issuperset(self.kept(record)[:2])}

    def _tidied(self, keep_maps: bool) -> dict[Key, FrameRecord]:
        """The newest whole record of each frame; older ones and what a run that was killed left behind are removed."""
        work = self.folder / WORK
        mend(work / JOURNAL)
        newest = self.whole()
        if len(newest) < len(self._journal()):
            rewrite(work / JOURNAL, [record.row for record in newest.values()])
        remove_temporaries(self.folder, ".jsonl", ".csv", ".html")
        remove_temporaries(work, ".json", ".jsonl")
        ours = {path for record in newest.values() for path in self.kept(record)}
        maps = (self.folder / MAPS).glob("[0-9]*-*.npy") if keep_maps else ()
        for path in (*work.glob("*.npy"), *work.glob("*.jpg"), *maps):
            if path not in ours:
                path.unlink()
        return newest

    def kept(self, record: FrameRecord) -> tuple[Path, Path, Path]:
        """What is kept of a frame: its map, its picture, and on request its map at its own size."""
        number = record.number
        return (
            map_path(self.folder, number),
            picture_path(self.folder, number),
            self.folder / MAPS / f"{record.stem}.npy",
        )

    def _claim(self, depends_on: Mapping[str, Any]) -> None:
        """Note in a new folder what the run depends on; refuse the folder of a run that depends on something else."""
        wanted = json.loads(json.dumps({"format": FORMAT, **depends_on}))
        manifest = self._manifest()
        if manifest is None:
            with replacing(self.folder / WORK / MANIFEST) as path:
                path.write_text(json.dumps(wanted), encoding="utf-8")
        elif manifest != wanted:
            other = ", ".join(name for name in {**manifest, **wanted} if manifest.get(name) != wanted.get(name))
            raise SettingsError(
                f"{self.folder} holds a run of other settings or sources ({other}); give another folder, or the same "
                "ones."
            )

    def _manifest(self) -> dict[str, Any] | None:
        """What the run depends on; None before the first one."""
        path = self.folder / WORK / MANIFEST
        if not path.exists():
            return None
        try:
            manifest = json.loads(path.read_text(encoding="utf-8", errors="replace"))
        except ValueError:
            manifest = None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise DatasetError(
                f"{self.folder} holds a run of another version of this program; delete it, or give another folder."
            )
        return manifest
