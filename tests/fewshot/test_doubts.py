"""Doubts: sentences where photos differ as two kinds of part do or a shot stands out, and only there."""

import cv2
import numpy as np
import pytest

from maeday_core.fewshot.augment import relit
from maeday_core.fewshot.doubts import APPEARANCE, appearance, doubt_of_query, doubts_of_shots
from maeday_core.io.images import load_image
from tests.conftest import ROOT

EXAMPLES = ROOT / "assets" / "examples"
CALM = [0.5] * 8


def example(name: str) -> np.ndarray:
    return load_image(EXAMPLES / f"{name}.jpg")


def test_the_appearance_is_that_of_the_photo_not_of_its_size():
    brick = example("brick-clean")
    small = cv2.resize(brick, (200, 160), interpolation=cv2.INTER_AREA)
    assert len(appearance(brick)) == APPEARANCE
    assert np.linalg.norm(np.subtract(appearance(brick), appearance(small))) < 1


@pytest.mark.parametrize("kind", ["asphalt", "brick", "metal"])
def test_two_photos_of_one_kind_raise_no_doubt(kind):
    other = {"asphalt": "asphalt-coin", "brick": "brick-cup", "metal": "metal-scratch"}[kind]
    good = example(f"{kind}-clean")
    light = relit(good, np.random.default_rng(0), 0.2)
    looks = [appearance(p) for p in (good, light)]
    assert doubts_of_shots(looks, CALM[:2], CALM[:2]) == ()
    assert doubt_of_query(example(other), looks) is None


def test_another_kind_is_named():
    looks = [appearance(example(name)) for name in ("brick-clean", "brick-cup", "asphalt-clean")]
    (doubt,) = doubts_of_shots(looks, CALM[:3], [])
    assert doubt.startswith("Good part 3 looks unlike the others")
    all_apart = [appearance(example(name)) for name in ("brick-clean", "metal-clean", "gravel-coin")]
    (doubt,) = doubts_of_shots(all_apart[:2], CALM[:2], CALM[:2])
    assert "unlike each other" in doubt
    assert "unlike every good part" in (doubt_of_query(example("mesh-broken"), looks) or "")


def test_a_shot_that_may_be_defective_is_named():
    look = appearance(example("brick-clean"))
    (doubt,) = doubts_of_shots([look], [9.0], [2.5])
    assert doubt.startswith("Good part 1 has something that stands out")
    (doubt,) = doubts_of_shots([look] * 4, [1.0, 1.2, 3.0, 0.9], CALM[:2])
    assert doubt.startswith("Good part 3")
    assert doubts_of_shots([look] * 4, [1.0, 1.2, 1.5, 0.9], CALM[:2]) == ()
