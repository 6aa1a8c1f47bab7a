"""Pictures of frames: objects, rings and what is ignored, where they lie."""

from pathlib import Path

import numpy as np
import pytest

from maeday_core.frames import FrameRun, Judgement
from maeday_core.frames.pictures import CONTOUR, LIGHT, annotated, close_up
from tests.frames.batches import SHAPE, frame, measured


def changed(judgement: Judgement, number: int, **options) -> np.ndarray:
    """Rows and columns of the pixels of a frame that are drawn on."""
    verdict = judgement.verdicts[number]
    return np.argwhere((annotated(judgement, verdict, **options) != verdict.record.picture()).any(axis=-1))


def test_an_object_is_drawn_where_it_lies(run: FrameRun) -> None:
    drawn = changed(run.judge(), 3)
    assert (drawn.min(axis=0) >= (15, 60)).all()
    assert (drawn.max(axis=0) <= (60, 110)).all()


def test_without_an_object_the_most_unusual_place_is_ringed(run: FrameRun) -> None:
    judgement = run.judge(threshold=0.95)
    drawn = changed(judgement, 3)
    middle = (drawn.min(axis=0) + drawn.max(axis=0)) / 2
    assert np.abs(middle - (45, 75)).max() <= 6  # the spot of 10 px lies from (40, 70)
    near = close_up(judgement, judgement.verdicts[3])
    assert near is not None
    assert near.shape == (28, 28, 3)
    assert 50 < (near.min(axis=-1) > 150).sum() < 150  # the spot, whole


def test_a_frame_of_which_nothing_counts_is_not_drawn_on(run: FrameRun) -> None:
    judgement = run.judge(ignore=np.ones(SHAPE, bool))
    verdict = judgement.verdicts[0]
    assert np.array_equal(annotated(judgement, verdict), verdict.record.picture() // 3)
    assert close_up(judgement, verdict) is None


def test_a_picture_is_drawn_on_after_it_was_reduced(run: FrameRun) -> None:
    judgement = run.judge()
    drawn = annotated(judgement, judgement.verdicts[3], labels=False, side=90)
    assert drawn.shape == (60, 90, 3)
    assert np.abs(drawn.astype(int) - LIGHT).max(axis=-1).min() < 40  # a line is as light as in a large one


def test_a_grain_above_the_threshold_is_not_drawn(tmp_path: Path) -> None:
    grains = [frame(i) for i in range(8)]
    grains[3][60, 90] = 255
    judgement = measured(tmp_path, grains).judge()
    verdict = judgement.verdicts[3]
    assert judgement.baseline.map(verdict.record).values.max() > verdict.threshold
    drawn = annotated(judgement, verdict)
    assert not ((drawn == CONTOUR).all(axis=-1)).any()  # ringed perhaps, but no object


def test_what_is_ignored_is_darkened(run: FrameRun) -> None:
    ignore = np.zeros(SHAPE, bool)
    ignore[:, 90:] = True
    judgement = run.judge(ignore=ignore)
    drawn, plain = annotated(judgement, judgement.verdicts[0]), judgement.verdicts[0].record.picture()
    assert np.array_equal(drawn[:, 110:], plain[:, 110:] // 3)  # beyond the ring, which is within the rest
    assert not np.array_equal(drawn[:, :90], plain[:, :90] // 3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3)])
def test_frames_of_any_shape_are_drawn(tmp_path: Path, shape: tuple[int, int]) -> None:
    judgement = measured(tmp_path, [np.full((*shape, 3), 90 + i, np.uint8) for i in range(5)]).judge(threshold=0.1)
    for verdict in judgement.verdicts:
        assert annotated(judgement, verdict, heat=True).shape == verdict.record.picture().shape
