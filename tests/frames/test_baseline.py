"""What is normal for a batch: robust statistics, a fixed camera, good parts, ignored regions."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maeday_core.detection.decision import Ordinary
from maeday_core.detection.region import load_mask
from maeday_core.frames import FrameRun
from maeday_core.frames.baseline import baseline_of, robust_moments, threshold_of
from maeday_core.frames.verdict import apply_threshold
from tests.frames.batches import frame, measured


@given(st.lists(st.floats(0.5, 1), min_size=6, max_size=60), st.data())
def test_far_scores_fewer_than_the_clean_ones_cannot_move_the_moments(clean: list[float], data: st.DataObject) -> None:
    """The half that lies closest together is one of clean scores, and nothing far from it counts."""
    foreign = data.draw(st.lists(st.floats(500, 600), max_size=len(clean) - 2))
    mean, deviation = robust_moments([*clean, *foreign])
    assert min(clean) - 1e-9 <= mean <= max(clean) + 1e-9
    assert deviation <= np.ptp(clean) + 1e-9


def test_the_moments_are_those_of_a_normal_distribution() -> None:
    scores = np.random.default_rng(0).normal(3, 0.2, 20_000)
    mean, deviation = robust_moments(scores)
    assert mean == pytest.approx(3, abs=0.01)
    assert deviation == pytest.approx(0.2, rel=0.06)  # of those within 2.5 deviations
    contaminated, _ = robust_moments([*scores, *np.random.default_rng(1).uniform(4, 9, 9_000)])
    assert contaminated == pytest.approx(3, abs=0.1)


def test_frames_that_all_hold_something_are_found_by_their_clean_places(tmp_path: Path) -> None:
    run = measured(tmp_path, [frame(i, (20 * i, 30 * i)) for i in range(5)])
    for some in (run.records(), run.records()[:2], run.records()[:1]):
        baseline = baseline_of(some)
        assert "most of their places" in baseline.reason
        assert all(verdict.anomalous for verdict in apply_threshold(some, baseline).verdicts)


def test_one_clean_frame_is_normal(tmp_path: Path) -> None:
    (verdict,) = measured(tmp_path, [frame(9)]).judge().verdicts
    assert verdict.verdict == "normal"


def test_a_single_bright_grain_counts_little(tmp_path: Path) -> None:
    grains = [frame(i) for i in range(8)]
    grains[3][60, 90] = 255
    assert not measured(tmp_path, grains).judge().anomalous


def test_what_a_fixed_camera_always_sees_is_normal(tmp_path: Path) -> None:
    spots = [(60, 100) if i == 5 else None for i in range(9)]
    run = measured(tmp_path, [frame(i, spot, lamp=True, moving=False) for i, spot in enumerate(spots)])
    judgement = run.judge()
    assert "The camera does not move" in judgement.reason
    assert [verdict.anomalous for verdict in judgement.verdicts] == [i == 5 for i in range(9)]
    assert judgement.verdicts[5].boxes[0].x == 100
    assert run.judge(camera=False).baseline.excess is None


def test_a_moving_camera_is_not_taken_for_a_fixed_one(tmp_path: Path) -> None:
    assert measured(tmp_path, [frame(i) for i in range(9)]).judge().baseline.excess is None


def test_the_threshold_is_that_of_good_parts_where_there_are_some(run: FrameRun) -> None:
    clean = Ordinary(level=0.6, spread=0.1, uncertainty=0.1, reason="", shots=3)
    learned = [replace(record, ordinary=asdict(clean)) for record in run.records()]
    assert baseline_of(learned).threshold == pytest.approx(clean.limit(0.05))
    assert baseline_of(learned, alarm_rate=0.2).threshold == pytest.approx(clean.limit(0.2))
    assert baseline_of(learned).ground is None


def test_a_lower_alarm_rate_raises_the_threshold(run: FrameRun) -> None:
    records = run.records()
    thresholds = [baseline_of(records, alarm_rate=rate).threshold for rate in (0.01, 0.05, 0.2)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_grounds_of_several_kinds_are_judged_relative_to_their_own(tmp_path: Path) -> None:
    """A spot on a dark ground is found among bright grounds that all score higher than it."""
    dark = [frame(i, (40, 70) if i == 3 else None) for i in range(8)]
    bright = [np.clip(frame(10 + i).astype(int) + 130, 0, 255).astype(np.uint8) for i in range(8)]
    judgement = measured(tmp_path, [*dark, *bright]).judge()
    assert [verdict.record.path for verdict in judgement.anomalous] == [str(tmp_path / "in" / "3.png")]


@given(st.lists(st.floats(0.1, 2), min_size=24, max_size=24), st.floats(0, 3))
def test_what_a_whole_frame_scores_more_does_not_count(scores: list[float], more: float) -> None:
    frames = [scores, [score + more for score in scores]]
    judged = threshold_of([], frames)
    assert judged.scores[0] == pytest.approx(judged.scores[1])


def test_no_frames_have_a_baseline() -> None:
    assert baseline_of([]).threshold == 0


def test_a_transparent_mask_ignores_where_it_is_painted(tmp_path: Path) -> None:
    mask = Image.new("RGBA", (10, 10))
    mask.paste((255, 0, 0, 255), (0, 0, 5, 10))
    mask.save(tmp_path / "mask.png")
    assert load_mask(tmp_path / "mask.png")[0].tolist() == [True] * 5 + [False] * 5


def test_an_ignored_object_is_none(run: FrameRun) -> None:
    ignore = np.zeros((60, 90), bool)  # at half the size, as a page would paint it
    ignore[18:27, 33:42] = True
    assert run.judge().anomalous
    assert not run.judge(ignore=ignore).anomalous
