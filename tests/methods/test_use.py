"""Using a method: all is checked before work begins, progress is told, queries are seen as good parts were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maeday_core.detection.decision import image_score
from maeday_core.detection.settings import Settings
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.fewshot.learned import Progress
from maeday_core.methods import (
    ENSEMBLE,
    MAEDAY,
    METHODS,
    PATCHCORE,
    SELF_REFERENCE,
    TWO_PATCHCORES,
    Method,
    Reference,
    Tools,
    detect,
    detector,
    learn,
    learning,
)
from maeday_core.model.mae import MaskedAutoencoder
from tests.conftest import part
from tests.methods.checks import FEW, Brightness, watched

pytestmark = pytest.mark.usefixtures("small_banks")

LEARNING, MEASURING, REMEMBERING = (f"{doing} what is normal" for doing in ("Learning", "Measuring", "Remembering"))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_gives_the_same_type_of_result(tools: Tools, good, reference: Reference, method: Method) -> None:
    known = Reference() if method is SELF_REFERENCE else reference
    if method is TWO_PATCHCORES:
        known = learn(method, tools, good)
        assert list(known.learned) == ["patchcore", "patchcore-2"]
    judge = detector(method, tools, known)
    (calm,), (bad,) = (judge(part(2, defect)) for defect in (False, True))
    assert bad.made_by.method == method.name
    assert bad.error_map.shape == (96, 96)
    assert bad.error_map.dtype == np.float32
    assert bad.image_score == (image_score(bad.error_map) if method is ENSEMBLE else bad.error_map.max())
    assert bad.complete
    assert 0 < bad.threshold.look <= bad.threshold.value
    assert bad.threshold.shots == known.shots
    assert bad.verdict == bad.threshold.verdict(bad.image_score)
    parts = method.parts(bool(known))
    reconstructs = any("model" in one.uses for one in parts)
    assert (len(bad.reconstructions.masks) if bad.reconstructions else 0) == (3 if reconstructs else 0)
    assert (bad.matches is not None) == any("backbone" in one.uses for one in parts)
    assert len(bad.parts) == (len(parts) if len(parts) > 1 else 0)
    (again,) = judge(part(2, True))
    assert np.array_equal(bad.error_map, again.error_map)
    if not reconstructs or method is ENSEMBLE:  # a model of random weights finds nothing, and drowns a raw sum
        assert bad.image_score > calm.image_score


def test_progress_comes_in_order_and_the_reference_last(tools: Tools, good) -> None:
    progress, reference = watched(learning(ENSEMBLE, tools, good))
    assert progress[-1] == Progress(REMEMBERING)
    assert [one.doing for one in progress] == [*[LEARNING] * 2, *[MEASURING] * 8, REMEMBERING]
    for doing in (LEARNING, MEASURING):
        shares = [one.share for one in progress if one.doing == doing]
        assert shares == sorted(shares)
        assert shares[-1] == 1
    assert [one.step.step for one in progress if one.step] == [1, 2]
    assert list(reference.learned) == ["maeday", "patchcore"]
    assert reference.method == "ensemble"
    assert reference.shots == 2


def test_learn_hands_on_the_progress_of_learning(tools: Tools, good) -> None:
    seen: list[Progress] = []
    learn(PATCHCORE, tools, good, seen.append)
    assert seen == [Progress(REMEMBERING)]


def test_enough_ends_the_fine_tuning_and_keeps_what_was_learned(tiny_model, good) -> None:
    tools = Tools.of(tiny_model, FEW, steps=6)
    asked = iter([False, True])
    whole = learn(MAEDAY, tools, good).learned["maeday"].facts()
    progress, reference = watched(learning(ENSEMBLE, replace(tools, enough=lambda: next(asked)), good))
    assert [one.step.step for one in progress if one.step] == [1, 2]
    assert progress[-1].doing == REMEMBERING
    facts = reference.learned["maeday"].facts()
    assert facts["steps"] == 2
    assert facts["losses"] == whole["losses"][:2]
    assert len(whole["losses"]) == 6
    assert detect(ENSEMBLE, tools, part(2), reference).threshold.shots == 2


def test_learning_can_be_left_at_any_step(tools: Tools, good) -> None:
    steps = learning(ENSEMBLE, tools, good)
    next(steps)
    steps.close()
    assert list(steps) == []


def test_shots_may_come_from_a_generator(tools: Tools, good) -> None:
    one, other = (learn(ENSEMBLE, tools, shots) for shots in (good, (shot for shot in good)))
    for name in ("maeday", "patchcore"):
        assert one.learned[name].facts() == other.learned[name].facts()


@pytest.mark.parametrize(
    ("method", "learned_by", "sentence"),
    [
        (PATCHCORE, None, "give photos of them, or choose self"),
        (TWO_PATCHCORES, None, "give photos of them, or choose self"),
        (ENSEMBLE, "maeday", "comes from the method maeday and holds nothing for PatchCore: .* the method ensemble"),
        (ENSEMBLE, "patchcore", "comes from the method patchcore and holds nothing for MAEDAY"),
        (MAEDAY, "patchcore", "holds nothing for MAEDAY: learn from them again with the method maeday"),
        (TWO_PATCHCORES, "patchcore", "comes from the method patchcore and holds nothing for PatchCore, coreset 2"),
        (SELF_REFERENCE, "patchcore", "Self-reference uses no photos"),
    ],
)
def test_a_reference_that_lacks_something_is_refused(
    tools: Tools, reference: Reference, method: Method, learned_by: str | None, sentence: str
) -> None:
    known = Reference({learned_by: reference.learned[learned_by]}, learned_by) if learned_by else Reference()
    with pytest.raises(SettingsError, match=sentence):
        detector(method, tools, known)


@pytest.mark.parametrize("method", [MAEDAY, PATCHCORE])
def test_a_method_can_use_what_was_learned_for_a_sum_of_it(tools: Tools, reference: Reference, method: Method) -> None:
    assert detect(method, tools, part(2), reference).threshold.shots == 2


def test_self_reference_learns_nothing(tools: Tools, good) -> None:
    with pytest.raises(SettingsError, match="Self-reference uses no photos"):
        learn(SELF_REFERENCE, tools, good)


@pytest.mark.parametrize("method", [MAEDAY, PATCHCORE, ENSEMBLE])
def test_no_good_parts_are_refused(tools: Tools, method: Method) -> None:
    with pytest.raises(SettingsError, match="give"):
        learn(method, tools, [])


def test_an_unknown_backbone_is_refused_before_the_fine_tuning(tools: Tools, good) -> None:
    seen: list[Progress] = []
    with pytest.raises(WeightsError, match="resnet5000"):
        learn(ENSEMBLE, replace(tools, backbone="resnet5000"), good, seen.append)
    assert not seen


def test_a_model_is_loaded_only_where_it_is_used(good) -> None:
    def model() -> MaskedAutoencoder:
        raise AssertionError("the model is not needed")

    tools = Tools(FEW, model)
    assert detect(PATCHCORE, tools, part(2), learn(PATCHCORE, tools, good)).image_score > 0
    assert detect(SELF_REFERENCE, tools, part(2)).image_score > 0
    with pytest.raises(AssertionError, match="not needed"):
        detect(MAEDAY, tools, part(2))


@pytest.mark.parametrize(
    ("tile", "shape", "seen"),
    [
        ("off", (96, 96), "off"),
        ("off", (100, 400), "off"),
        ("on", (96, 96), "on"),
        ("auto", (96, 96), "off"),
        ("auto", (100, 400), "on"),
    ],
)
def test_good_parts_are_seen_as_set_or_by_the_size_of_the_first(tools: Tools, tile: str, shape, seen: str) -> None:
    shots = [np.resize(part(0), (*shape, 3)), part(1)]
    assert learn(PATCHCORE, tools.with_settings(tile=tile), shots).tile == seen


def learned_through(tile: str) -> Reference:
    toy = learn(Brightness("patchcore"), None, [part(0)])
    for one in toy.learned.values():
        one.tile = tile
    return toy


@pytest.mark.parametrize("tile", ["on", "off"])
def test_a_query_is_seen_as_the_good_parts_were_where_the_size_would_decide(tools: Tools, tile: str) -> None:
    class Seen(Brightness):
        def detector(self, tools: Tools, reference: Reference):
            return tools.settings.tile

    toy, known = Seen("patchcore"), learned_through(tile)
    assert known.tile == tile
    assert detector(toy, tools.with_settings(tile="auto"), known) == tile
    assert detector(toy, tools.with_settings(tile=tile), known) == tile
    other, how = {"on": ("off", "through windows"), "off": ("on", "whole")}[tile]
    with pytest.raises(SettingsError, match=f"were looked at {how}: detect with tile {tile}, or auto"):
        detector(toy, tools.with_settings(tile=other), known)


@pytest.mark.parametrize("tile", ["on", "off", "auto"])
def test_without_good_parts_the_settings_decide(tools: Tools, tile: str) -> None:
    assert Reference().tile == "auto"
    assert not Reference()
    found = detect(MAEDAY, tools.with_settings(tile=tile), np.resize(part(0), (60, 200, 3)))
    assert (found.made_by.windows is not None) == (tile != "off")
    assert found.made_by.tile == tile


def test_tools_by_their_names(tiny_model) -> None:
    named = Tools.of(tiny_model, preset="paper", steps=7, backbone="dinov2", partial=True)
    assert named.model() is tiny_model
    assert (named.preset.name, named.preset.steps, named.backbone, named.partial) == ("paper", 7, "dinov2", True)
    assert named.settings == Settings()
    with pytest.raises(SettingsError, match="no preset 'fast'"):
        Tools.of(tiny_model, preset="fast")


@pytest.mark.parametrize(
    ("model", "backbone"),
    [("bundled", "lite0"), ("/some/file.safetensors", "lite0"), ("base", "wrn50"), ("large", "wrn50")],
)
def test_the_backbone_goes_with_the_model(model: str, backbone: str) -> None:
    assert Tools.of(model).backbone == backbone
