"""Parts of sources together give what one pass gives; the workers' folders together, what one run leaves."""

import shutil
import zipfile
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maeday_core.errors import DatasetError, ImageError
from maeday_core.frames import Frame, FrameRun, LeftOut, Sources
from maeday_core.frames.parts import Part, parts
from maeday_core.frames.shares import CRASHED, Share, gather_shares, shares_of
from tests.frames.batches import brightness, with_one_spot, write
from tests.frames.test_video import grey, steady
from tests.frames.test_video import write as write_video


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A folder with pictures, an archive, a long and a short video, and what is no frame."""
    folder = write(tmp_path / "in", with_one_spot())
    (folder / "3-broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("somebody's")
    with zipfile.ZipFile(folder / "4.zip", "w") as archive:
        for number in range(7):
            archive.write(folder / f"{number}.png", f"packed/{number}.png")
            archive.writestr(f"packed/../{number}.png", b"leads out")
        archive.writestr("readme.txt", b"no picture")
    write_video(folder / "walk.mp4", steady(150), codec="libx264", picture=lambda index: grey(40 + index))
    write_video(folder / "zoom.avi", steady(9), codec="mjpeg")
    return folder


def seen(found: Frame | LeftOut) -> tuple:
    if isinstance(found, LeftOut):
        return found.path, found.reason
    return *found.key, found.content, found.picture.tobytes()


def in_parts(sources: Sources, size: int) -> list[tuple]:
    found = [[one] if isinstance(one, LeftOut) else one.frames({}) for one in parts(sources, size=size)]
    return [seen(one) for some in found for one in some]


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_parts_together_are_the_whole(night: Path, size: int) -> None:
    sources = Sources([night, night / "nothing", night / "0.png"], every=0.5)
    assert in_parts(sources, size) == [seen(one) for one in sources.frames()]
    spans = [one.span for one in parts(sources, size=size) if isinstance(one, Part) and one.span != (0, None)]
    assert bool(spans) == (size < 100)


def test_nothing_but_missing_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no file or folder"):
        list(parts(Sources([tmp_path / "nothing"])))


@settings(max_examples=15, deadline=None)
@given(
    gaps=st.lists(st.integers(10, 900), min_size=12, max_size=40),
    key_every=st.integers(1, 15),
    every=st.floats(0.05, 1.0),
    size=st.integers(1, 6),
)
def test_a_video_in_parts_is_the_whole_at_any_rate(
    tmp_path_factory, gaps: list[int], key_every: int, every: float, size: int
) -> None:
    path = tmp_path_factory.mktemp("video") / "walk.mp4"
    write_video(path, np.cumsum(gaps) / 1000, codec="libx264", key_every=key_every)
    sources = Sources([path], every)
    assert in_parts(sources, size) == [seen(one) for one in sources.frames()]


def files_in(folder: Path) -> dict[str, bytes]:
    """All files but the journal, which holds how long each detection took, and the lock."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "records.jsonl")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def worked(run: FrameRun, sources: Sources, shift: str, until: int | None = None, size: int = 3) -> int:
    """Two workers take turns, the second half of the parts first, and stop after some; all is gathered if they do not.

    Returns:
        How many frames were given.
    """
    with run.alone({"every": sources.every}, True) as measured:
        workers = [(Share.new(run, shift), count()) for _ in range(2)]
        old = [record for share in shares_of(run) for record in share.run.whole().values()]
        known = {record.key: record.content for record in [*measured.values(), *old]}
        found = list(enumerate(parts(sources, run.written, size)))
        total = 0
        for turn, (index, one) in enumerate([*found[len(found) // 2 :], *found[: len(found) // 2]]):
            share, numbers = workers[turn % 2]
            if isinstance(one, LeftOut):
                share.note(index, one)
            elif turn != until:
                total += share.look(index, one, brightness, numbers, known, keep_maps=True)
            else:
                return total
        gather_shares(run, shift, measured, True)
        return total


def test_what_workers_gather_is_what_one_run_leaves(night: Path, tmp_path: Path) -> None:
    sources, alone, together = Sources([night], 0.5), FrameRun(tmp_path / "alone"), FrameRun(tmp_path / "together")
    list(alone.look(sources, brightness, keep_maps=True))
    assert worked(together, sources, "first", until=4)
    with pytest.raises(DatasetError, match="unfinished run by workers"):
        list(together.look(sources, brightness, keep_maps=True))
    before = {record.key: record.seconds for share in shares_of(together) for record in share.run.whole().values()}
    assert 0 < len(before) < 30
    total = worked(together, sources, "second")
    assert files_in(together.folder) == files_in(alone.folder)
    assert total == len(together.records()) == len(alone.records())
    assert worked(together, sources, "third") == total  # which measures nothing
    (night / "5.png").unlink()
    list(alone.look(sources, brightness, keep_maps=True))
    list(together.look(sources, brightness, keep_maps=True))
    assert files_in(together.folder) == files_in(alone.folder)
    for run in (alone, together):
        run.write(run.judge())
    assert [v.row for v in together.judge().verdicts] == [v.row for v in alone.judge().verdicts]


def test_a_picture_that_changed_between_two_drivers_is_measured_anew(folder: Path, tmp_path: Path) -> None:
    run, sources = FrameRun(tmp_path / "out"), Sources([folder])
    worked(run, sources, "first", until=2)
    shutil.copy(folder / "3.png", folder / "7.png")  # the second half was done
    worked(run, sources, "second")
    afresh = FrameRun(tmp_path / "afresh")
    list(afresh.look(sources, brightness, keep_maps=True))
    assert files_in(run.folder) == files_in(afresh.folder)


def test_a_frame_in_work_is_known_and_can_be_passed_over(folder: Path, tmp_path: Path) -> None:
    def ends(query):
        if query.max() > 200:
            raise SystemExit
        yield from brightness(query)

    share, (part,) = Share.new(FrameRun(tmp_path), "first"), parts(Sources([folder]))
    assert share.suspect() is None
    with pytest.raises(SystemExit):
        share.look(0, part, ends, count(), {})
    assert share.suspect() == (str(folder / "3.png"), None)
    known = {record.key: record.content for record in share.run.whole().values()}
    assert share.look(0, part, ends, count(3), known, frozenset([share.suspect()])) == 7
    assert share.suspect() is None
    (outcome,) = share.outcomes()
    assert outcome["left_out"] == [[str(folder / "3.png"), CRASHED]]
