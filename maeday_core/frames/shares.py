"""A run that several workers share: each keeps what it measures in a folder of its own, and all is gathered at the end.

The folder of a worker is that of a run. What it holds survives the worker and the driver; two never write to one.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from maeday_core.frames.files import LEFT_OUT
from maeday_core.frames.parts import Part
from maeday_core.frames.records import WORK, FrameRecord
from maeday_core.frames.run import JOURNAL, PRESENT, WORKERS, FrameRun
from maeday_core.frames.sources import Frame, Key
from maeday_core.io import remote
from maeday_core.io.files import link_or_copy, make_folder
from maeday_core.io.folders import LeftOut
from maeday_core.io.journal import append_rows, read_rows, rewrite
from maeday_core.methods import Detect

BEGUN, PARTS = "begun.jsonl", "parts.jsonl"
"""In a worker's folder: the frames that it has begun to read, and what came of each part."""
CRASHED = "This frame ended the program that looked at it, twice; look at it by itself."


@dataclass(frozen=True)
class Share:
    """What one worker measures, in a folder of its own.

    Attributes:
        run: keeps it.
        shift: names the workers of one driver.
    """

    run: FrameRun
    shift: str

    @classmethod
    def new(cls, run: FrameRun, shift: str) -> Share:
        """A folder that no other worker has; those that come later have later names."""
        name = f"{time.time_ns():020}-{shift}-{uuid.uuid4().hex[:8]}"
        return cls(FrameRun(run.folder / WORK / WORKERS / name), shift)

    def look(
        self,
        index: int,
        part: Part,
        detect: Detect,
        numbers: Iterator[int],
        known: Mapping[Key, str],
        crashed: frozenset[Key] = frozenset(),
        keep_maps: bool = False,
    ) -> int:
        """Measure the frames of a part, except those whose content is known, and then note what came of it.

        Args:
            index: of the part.
            numbers: of the frames in this folder.
            known: the content of frames that were measured before.
            crashed: frames that are passed over.

        Returns:
            How many frames it has.
        """
        work = self.run.folder / WORK
        make_folder(work)
        given: list[Key] = []
        left_out: list[LeftOut] = []

        def begin(key: Key) -> bool:
            if key in crashed:
                left_out.append(LeftOut(_told(key), CRASHED))
                return False
            append_rows(work / BEGUN, [{"key": key}])
            return True

        for found in part.frames(known, begin):
            if isinstance(found, LeftOut):
                left_out.append(found)
                continue
            if isinstance(found, Frame):
                self.run.measure(found, detect, next(numbers), keep_maps)
            given.append(found.key)
        told = [(one.path, one.reason) for one in left_out]
        append_rows(work / PARTS, [{"part": index, "given": given, "left_out": told}])
        return len(given)

    def note(self, index: int, left_out: LeftOut) -> None:
        """Note what is left out before a frame is read, at its place among the parts."""
        work = self.run.folder / WORK
        make_folder(work)
        append_rows(work / PARTS, [{"part": index, "given": [], "left_out": [(left_out.path, left_out.reason)]}])

    def suspect(self) -> Key | None:
        """The frame that was in work when the worker ended; None if it was none."""
        begun = [_key(row["key"]) for row in read_rows(self.run.folder / WORK / BEGUN, "key")]
        done = {key for row in self.outcomes() for key in map(_key, row["given"])}
        return begun[-1] if begun and begun[-1] not in done | self.run.whole().keys() else None

    def outcomes(self) -> list[dict[str, Any]]:
        """What came of its parts."""
        return read_rows(self.run.folder / WORK / PARTS, "part", "given", "left_out")


def shares_of(run: FrameRun) -> list[Share]:
    """The folders of all workers that a run has had since it was last gathered, the newest last."""
    folder = run.folder / WORK / WORKERS
    if remote.is_remote(folder):
        names = sorted({path.relative_to(folder).parts[0] for path in remote.files_below(folder)})
    else:
        names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return [Share(FrameRun(folder / name), name.split("-")[1]) for name in names]


def gather_shares(run: FrameRun, shift: str, measured: Mapping[Key, FrameRecord], keep_maps: bool) -> None:
    """Make of what the workers have measured what one process would have left in the folder of the run.

    The frames are numbered in the order of their parts. Their files are linked or copied before the journal names them,
    and the folders of the workers go last: whoever is killed here begins again, and nothing is lost.

    Args:
        shift: the driver whose parts these are.
        measured: what the folder of the run held before.
        keep_maps: the maps at the frames' own sizes were kept.
    """
    work, shares = run.folder / WORK, shares_of(run)
    fresh = {key: record for share in shares for key, record in share.run.whole().items()}
    outcomes = {row["part"]: row for share in shares if share.shift == shift for row in share.outcomes()}
    in_order = [outcomes[index] for index in sorted(outcomes)]
    present = list(dict.fromkeys(_key(key) for row in in_order for key in row["given"]))
    numbers = count(1 + max((record.number for record in measured.values()), default=-1))
    placed = {
        key: replace(fresh[key], folder=run.folder, number=next(numbers))
        for key in dict.fromkeys([*present, *fresh])
        if key in fresh
    }
    kept = 3 if keep_maps else 2
    _place(
        (old, new)
        for key, record in placed.items()
        for old, new in zip(FrameRun(fresh[key].folder).kept(fresh[key])[:kept], run.kept(record)[:kept], strict=True)
    )
    records = {**{key: record for key, record in measured.items() if key not in placed}, **placed}
    rewrite(work / JOURNAL, (record.row for record in records.values()))
    rewrite(work / PRESENT, ({"number": records[key].number} for key in present))
    left_out = [{"path": path, "reason": reason} for row in in_order for path, reason in row["left_out"]]
    if left_out:
        rewrite(run.folder / LEFT_OUT, left_out)
    if remote.is_remote(work):
        remote.remove_folder(work / WORKERS)
    else:
        shutil.rmtree(work / WORKERS, ignore_errors=True)


def _place(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Give files names of their own in the folder of the run; the old ones go with the folders of the workers."""
    together = list(pairs)
    if together and remote.is_remote(together[0][0]):
        remote.copy(together)
        return
    for old, new in together:
        link_or_copy(old, new)


def _key(row: Iterable[Any]) -> Key:
    path, moment = row
    return path, moment


def _told(key: Key) -> str:
    path, moment = key
    return path if moment is None else f"{path} at {moment:g} s"
