"""What a run leaves to look at: annotated frames, the timeline, the page."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from maeday_core.frames import FrameRun, LeftOut, Sources, report
from maeday_core.frames.report import annotated, timeline, write_report
from maeday_core.frames.verdict import Judgement
from tests.frames.batches import SHAPE, brightness, frame, look, measured, write


def test_an_object_is_drawn_where_it_lies_and_a_normal_frame_stays_as_it_is(run: FrameRun) -> None:
    judgement = run.judge()
    verdict = judgement.verdicts[3]
    drawn = annotated(judgement, verdict)
    assert drawn.shape == (*SHAPE, 3)
    changed = np.argwhere((drawn != verdict.record.picture()).any(axis=-1))
    assert (changed.min(axis=0) >= (15, 60)).all()
    assert (changed.max(axis=0) <= (60, 110)).all()
    normal = judgement.verdicts[0]
    assert np.array_equal(annotated(judgement, normal), normal.record.picture())


def test_a_grain_above_the_threshold_is_not_drawn(tmp_path: Path) -> None:
    grains = [frame(i) for i in range(8)]
    grains[3][60, 90] = 255
    judgement = measured(tmp_path, grains).judge()
    verdict = judgement.verdicts[3]
    assert judgement.baseline.map(verdict.record).values.max() > verdict.threshold
    assert np.array_equal(annotated(judgement, verdict), verdict.record.picture())


def test_what_is_ignored_is_darkened(run: FrameRun) -> None:
    ignore = np.zeros((*SHAPE, 3), np.uint8)
    ignore[:, 90:] = 255
    judgement = run.judge(ignore=ignore)
    drawn, plain = annotated(judgement, judgement.verdicts[0]), judgement.verdicts[0].record.picture()
    assert np.array_equal(drawn[:, 90:], plain[:, 90:] // 3)
    assert np.array_equal(drawn[:, :90], plain[:, :90])


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3)])
def test_frames_of_any_shape_are_drawn(tmp_path: Path, shape: tuple[int, int]) -> None:
    judgement = measured(tmp_path, [np.full((*shape, 3), 90 + i, np.uint8) for i in range(5)]).judge(threshold=0.1)
    for verdict in judgement.verdicts:
        assert annotated(judgement, verdict, heat=True).shape == verdict.record.picture().shape


def test_the_timeline_has_a_dot_for_each_frame(run: FrameRun) -> None:
    svg = timeline(run.judge())
    assert svg.count("<circle") == 8
    assert svg.count('class="anomalous"') == 1
    assert "1 anomalous" in svg
    assert timeline(Judgement(run.judge().baseline, 1.0)) == ""


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
    assert page.count('src="data:image/jpeg;base64,') == 1
    assert page.count("src=") == 1
    assert "The highest scores, all below" in write_report(run.folder, run.judge(threshold=0.95)).read_text()


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
    assert [path.name for path in (run.folder / "anomalous").iterdir()] == ["00004-3.jpg"]


def test_a_run_without_frames_has_a_report(tmp_path: Path) -> None:
    run = FrameRun(tmp_path / "out")
    (tmp_path / "in").mkdir()
    assert list(run.look(Sources([tmp_path / "in"]), brightness)) == []
    assert "0 of 0 frames" in run.write(run.judge()).read_text()
