"""What a run leaves to look at: the page, and pictures beside it."""

from collections import Counter
from pathlib import Path

import pytest

from maeday_core.frames import FrameRun, LeftOut, Sources, report
from maeday_core.frames.report import annotated, timeline, write_report
from tests.frames.batches import brightness, frame, look, write


def test_names_are_escaped(tmp_path: Path) -> None:
    source = write(tmp_path / "in", [frame(0, (40, 70))])
    (source / "0.png").rename(source / "<i>&.png")
    run = FrameRun(tmp_path / "out")
    look(run, source)
    page = run.write(run.judge()).read_text()
    assert "&lt;i&gt;&amp;.png" in page
    assert "<i>&" not in page
    assert "<i>&" not in timeline(run.judge())


def test_the_page_says_what_was_found_and_needs_no_other_file(run: FrameRun) -> None:
    page = write_report(run.folder, run.judge(), [LeftOut("<b>x.txt", "no picture")]).read_text()
    assert "1 of 8 frames holds something" in page
    assert "&lt;b&gt;x.txt: no picture" in page
    assert page.count('src="data:image/jpeg;base64,') == 5  # the anomalous one, and the next four
    assert page.count("src=") == 5
    assert (
        "Nothing above the limit; look at these first"
        in write_report(run.folder, run.judge(threshold=0.95)).read_text()
    )


def test_each_anomalous_frame_is_drawn_once_and_replaces_those_before(
    run: FrameRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: Counter[int] = Counter()

    def counting(judgement, verdict):
        drawn[verdict.record.number] += 1
        return annotated(judgement, verdict)

    monkeypatch.setattr(report, "annotated", counting)
    run.write(run.judge(threshold=0.1))
    assert drawn == {number: 1 for number in range(8)}
    run.write(run.judge())
    assert [path.name for path in (run.folder / "anomalous").iterdir()] == ["001-3.jpg"]
    assert len(list((run.folder / "look_first").iterdir())) == 4


def test_a_run_without_frames_has_a_report(tmp_path: Path) -> None:
    run = FrameRun(tmp_path / "out")
    (tmp_path / "in").mkdir()
    assert list(run.look(Sources([tmp_path / "in"]), brightness)) == []
    assert "There is no frame to judge" in run.write(run.judge()).read_text()
