"""One more good part for what was learned: it is known from then on, and the limit rests on what it rested on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maeday_core.detection.calibration import Calibration
from maeday_core.errors import SettingsError
from maeday_core.fewshot.adapter import Adapter
from maeday_core.methods import (
    ENSEMBLE,
    MAEDAY,
    PATCHCORE,
    Reference,
    Tools,
    detect,
    join,
    joined_by,
    learn,
    load_reference,
    save_reference,
)
from tests.conftest import part

pytestmark = pytest.mark.usefixtures("small_banks")


def test_a_part_that_joined_is_known(tools: Tools, reference: Reference, tmp_path: Path) -> None:
    odd = part(2, defect=True)
    joined = join(tools, reference, odd, "odd.png", "f" * 64)
    assert (joined.shots, joined.joined, joined.names) == (3, ("f" * 64,), ("odd.png",))
    assert join(tools, joined, odd, "odd.png", "f" * 64) is joined
    before, after = (detect(PATCHCORE, tools, odd, known) for known in (reference, joined))
    assert after.image_score < 0.8 * before.image_score
    assert after.threshold.value == pytest.approx(before.threshold.value, rel=0.02)
    assert detect(ENSEMBLE, tools, odd, joined).image_score < detect(ENSEMBLE, tools, odd, reference).image_score
    save_reference(joined, tmp_path / "good.safetensors")
    assert load_reference(tmp_path / "good.safetensors").joined == joined.joined


def test_mean_and_deviation_are_those_of_all_shots_at_once() -> None:
    errors = np.abs(np.random.default_rng(0).standard_normal((3, 2, 2, 64, 64))).astype(np.float32)
    one_by_one = Calibration.of(errors[:2], 4, relative=True).plus(errors[2])
    at_once = Calibration.of(errors, 4, relative=True)
    np.testing.assert_allclose(one_by_one.mean, at_once.mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one_by_one.deviation, at_once.deviation, rtol=1e-4, atol=1e-5)
    assert one_by_one.shots == 3
    assert len(one_by_one.judged) == 2


def test_where_no_good_part_is_known_it_is_the_first(tools: Tools) -> None:
    first = joined_by(PATCHCORE, tools, Reference(), part(0))
    assert (first.shots, first.joined) == (1, ())
    known = learn(MAEDAY, tools, [part(0)])
    adapter = known.learned[MAEDAY.name]
    assert isinstance(adapter, Adapter)
    full = replace(adapter, calibration=replace(adapter.calibration, shots=64))
    with pytest.raises(SettingsError, match="64 good parts are known"):
        join(tools, replace(known, learned={MAEDAY.name: full}), part(0))
