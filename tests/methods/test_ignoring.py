"""What is ignored counts in no method: not in scores, nor in thresholds, nor in outlines, nor in good parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maeday_core.detection.decision import Verdict
from maeday_core.detection.region import Region
from maeday_core.errors import SettingsError
from maeday_core.methods import (
    ENSEMBLE,
    METHODS,
    PATCHCORE,
    SELF_REFERENCE,
    Method,
    Reference,
    Tools,
    detect,
    learn,
    load_reference,
    save_reference,
)
from maeday_core.methods.use import outlined
from tests.conftest import part

pytestmark = pytest.mark.usefixtures("small_banks")
OVER = np.zeros((96, 96), bool)
OVER[42:94, 2:54] = True
"""Where `part` has its defect, and as far around it as patches see."""
REGION = Region.of(OVER)


@pytest.fixture(scope="module")
def known(tools: Tools, good: list[np.ndarray]) -> dict[str, Reference]:
    """What each method that needs good parts learned of them, with nothing ignored."""
    return {name: learn(METHODS[name], tools, good) for name in ("patchcore", "2xpatchcore", "ensemble", "maeday")}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("few_shot", [False, True])
def test_nothing_is_found_where_it_is_ignored(
    tools: Tools, known: dict[str, Reference], method: Method, few_shot: bool
) -> None:
    if not method.shots.allow(2 if few_shot else 0):
        pytest.skip("the method has no such mode")
    reference = known.get(method.name, known["ensemble"]) if few_shot else None
    whole = detect(method, tools, part(2, True), reference)
    result = detect(method, replace(tools, region=REGION), part(2, True), reference)
    assert result.error_map[OVER].max() == 0
    assert result.ignored is not None
    assert np.array_equal(result.ignored, OVER)
    assert whole.ignored is whole.made_by.ignored is None
    assert result.made_by.ignored == REGION.id
    assert result.image_score <= result.error_map.max()
    assert not outlined(result, by_hand=0.0)[OVER].any()
    assert not outlined(result)[OVER].any()
    assert all(part.error_map[OVER].max() == 0 for part in result.parts)


@pytest.mark.parametrize("method", [SELF_REFERENCE, PATCHCORE], ids=lambda method: method.name)
def test_an_ignored_defect_does_not_count(tools: Tools, known: dict[str, Reference], method: Method) -> None:
    """By the networks that compare patches; what a model of random weights reconstructs depends on all of a picture."""
    reference = None if method is SELF_REFERENCE else known[method.name]
    found, ignoring = (
        detect(method, replace(tools, region=region), part(2, True), reference) for region in (None, REGION)
    )
    assert found.verdict is Verdict.ANOMALOUS
    excess, left = (one.image_score / one.threshold.value for one in (found, ignoring))
    assert left < 0.9 * excess  # the network's patches see a little of what lies beside them


def test_only_what_counts_is_compared_with(tools: Tools) -> None:
    """A second defect is not excused by the first, which is ignored."""
    twice = part(2, True)
    twice[8:24, 64:80] = twice[60:76, 20:36]
    there = np.s_[8:24, 64:80]
    alike, alone = (
        detect(SELF_REFERENCE, replace(tools, region=region), twice).error_map[there].mean()
        for region in (None, REGION)
    )
    assert alone > 1.3 * alike


def test_what_is_ignored_in_good_parts_is_not_learned(tools: Tools) -> None:
    with_label = [part(0, True), part(1, True)]
    learned = [learn(PATCHCORE, replace(tools, region=region), with_label) for region in (None, REGION)]
    elsewhere = part(2)
    elsewhere[8:24, 64:80] = part(2, True)[60:76, 20:36]
    excused, found = (detect(PATCHCORE, tools, elsewhere, reference).image_score for reference in learned)
    assert found > 1.2 * excused


def test_what_was_ignored_in_good_parts_is_saved_and_ignored_in_queries(
    tools: Tools, good: list[np.ndarray], tmp_path: Path
) -> None:
    aligned = Region.of(OVER, part(0))
    for region in (REGION, aligned):
        save_reference(learn(PATCHCORE, replace(tools, region=region), good), tmp_path / "good.safetensors")
        reference = load_reference(tmp_path / "good.safetensors")
        assert reference.region is not None
        assert reference.region.id == region.id
    other = Region.of(~OVER.T)
    result = detect(PATCHCORE, replace(tools, region=other), part(0), replace(reference, region=REGION))
    assert result.ignored is not None
    assert np.array_equal(result.ignored, OVER | ~OVER.T)
    assert result.made_by.ignored == f"{REGION.id}+{other.id}"


def test_good_parts_are_judged_without_what_is_ignored(tools: Tools) -> None:
    """A label that differs from good part to good part raises the limit, unless it is ignored."""
    shots = [part(0), part(1, True)]
    reference = learn(ENSEMBLE, tools, shots)
    counts, ignored = (
        detect(ENSEMBLE, replace(tools, region=region), part(2), reference).threshold.value for region in (None, REGION)
    )
    assert ignored < counts / 1.1


def test_less_than_a_patch_cannot_be_judged(tools: Tools) -> None:
    speck = np.ones((96, 96), bool)
    speck[0, 0] = False
    for method in (SELF_REFERENCE, PATCHCORE):
        with pytest.raises(SettingsError, match="smaller than a patch"):
            learn(method, replace(tools, region=Region.of(speck)), [part(0)]) if method is PATCHCORE else detect(
                method, replace(tools, region=Region.of(speck)), part(0)
            )
