"""A method is one object in one place: once registered, everything finds it, and `uses` says what it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest

from maeday_core.detection.result import Detection, Provenance
from maeday_core.detection.settings import SETTINGS
from maeday_core.errors import SettingsError
from maeday_core.methods import (
    MAEDAY,
    METHODS,
    PATCHCORE,
    Method,
    Reference,
    Shots,
    Sum,
    Together,
    Tools,
    detect,
    find,
    last,
    learn,
    load_reference,
    register,
    save_reference,
)
from tests.conftest import part
from tests.methods.checks import Brightness

pytestmark = pytest.mark.usefixtures("small_banks")
NAMES = ("maeday", "self", "patchcore", "2xpatchcore", "ensemble", "ensemble-raw")
ONLY_AFTER_A_QUERY = {"windows": None, "device": None, "dtype": None, "adapter": None}


class Both(Sum):
    """A toy: the sum of two parts."""

    def __init__(self, name: str, *both: Method) -> None:
        self.name = self.title = name
        self.both = both

    def parts(self, good: bool) -> tuple[Method, ...]:
        return self.both

    def add(self, results: Sequence[Detection]) -> Detection:
        error_map = sum(result.error_map for result in results)
        return self.sum_of(results, error_map, results[0].unit, results[0].threshold)


def test_the_methods_are_listed_in_their_order() -> None:
    assert tuple(METHODS) == NAMES
    assert all(method.name == name for name, method in METHODS.items())
    assert all(find(name) is method for name, method in METHODS.items())


def test_an_unknown_method_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(SettingsError, match="maeday, self, patchcore"):
        find("magic")


def test_a_method_from_outside_is_found_and_listed_last(toy: Brightness) -> None:
    assert tuple(METHODS) == (*NAMES, "brightness")
    assert find("brightness") is toy


def test_a_method_from_outside_leaves_the_list_with_its_test() -> None:
    assert "brightness" not in METHODS


def test_a_name_is_given_once(toy: Brightness) -> None:
    for name in ("brightness", "maeday"):
        with pytest.raises(ValueError, match=f"There is a method '{name}' already"):
            register(Brightness(name))
    assert find("maeday") is MAEDAY
    assert register(toy) is toy, "the same method may be registered again"


def test_a_method_from_outside_is_evaluated_with_the_others(toy: Brightness, tools: Tools, good) -> None:
    found = Together(tools, good)(part(5, defect=True), [find("brightness"), PATCHCORE])
    assert list(found) == [toy, PATCHCORE]
    assert found[toy].error_map.shape == (96, 96)
    assert found[toy].threshold.shots == 2
    assert found[toy].made_by == Provenance("brightness", 2, seed=1, backbone="lite0")


def test_a_method_from_outside_can_be_saved(toy: Brightness, tools: Tools, good, tmp_path) -> None:
    learned = learn(toy, tools, good)
    save_reference(learned, tmp_path / "toy.safetensors")
    loaded = load_reference(tmp_path / "toy.safetensors")
    one, other = (detect(toy, tools, part(3), reference) for reference in (learned, loaded))
    assert np.array_equal(one.error_map, other.error_map)
    assert one.made_by == other.made_by


@pytest.mark.parametrize(
    ("uses", "facts"),
    [
        ((), {}),
        (("masks", "tile"), {"masks": 3, "tile": "off"}),
        (("model",), {"model": "untrained", "model_sha256": ""}),
        (("preset", "backbone"), {"preset": "default", "backbone": "lite0"}),
    ],
)
def test_what_a_result_depends_on_follows_from_uses(tools: Tools, uses: tuple[str, ...], facts: dict) -> None:
    assert Brightness(uses=uses).depends_on(tools, 2) == Provenance("brightness", 2, **facts)


def test_a_preset_counts_only_with_good_parts(tools: Tools) -> None:
    assert Brightness(uses=["preset"]).depends_on(tools, 0).preset is None


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_result_depends_on_what_was_said_before_it(tools: Tools, good, method: Method, shots: int) -> None:
    if not method.shots.allow(shots):
        pytest.skip(f"{method.title} cannot be run with {shots} shots")
    said = method.depends_on(tools, shots)
    assert {name for name in SETTINGS if getattr(said, name) is not None} == {
        name for part in method.parts(shots > 0) for name in part.uses if name in SETTINGS
    }
    found = Together(tools, good[:shots])(part(2), [method])[method]
    assert replace(found.made_by, **ONLY_AFTER_A_QUERY) == said


def test_a_sum_depends_on_what_its_parts_depend_on(tools: Tools) -> None:
    both = Both("both", Brightness("a", ["masks", "backbone"]), Brightness("b", ["seed"]))
    assert both.depends_on(tools, 0) == Provenance("both", 0, masks=3, seed=1, backbone="lite0")
    assert detect(both, tools, part(0)).made_by == both.depends_on(tools, 0)


def test_sums_share_parts_that_are_learned_and_used_once(tools: Tools, good) -> None:
    a, b, c = (Brightness(name) for name in "abc")
    methods = [Both("a+b", a, b), Both("b+c", b, c), a, Both("c+a", c, a)]
    together = Together(tools, good)
    for seed in (5, 6, 7):
        found = together(part(seed), methods)
    assert [one.learned for one in (a, b, c)] == [1, 1, 1]
    assert [one.judged for one in (a, b, c)] == [3, 3, 3]
    for method in methods:
        assert np.array_equal(
            found[method].error_map, detect(method, tools, part(7), learn(method, tools, good)).error_map
        )


def test_how_many_shots_a_method_allows() -> None:
    assert [[shots.allow(count) for count in (0, 1, 9)] for shots in (Shots.NONE, Shots.OPTIONAL, Shots.REQUIRED)] == [
        [True, False, False],
        [True, True, True],
        [False, True, True],
    ]


def test_methods_that_do_the_same_are_equal() -> None:
    for method in METHODS.values():
        assert type(method)() == method
        assert hash(type(method)()) == hash(method)
        assert all(method != other for name, other in METHODS.items() if name != method.name)


def test_every_method_has_a_title_and_a_style_of_its_own() -> None:
    assert len({method.title for method in METHODS.values()}) == len(METHODS)
    assert len({method.style.colour for method in METHODS.values()}) == len(METHODS)
    assert len({method.style.marker for method in METHODS.values()}) == len(METHODS)
    assert [method.name for method in METHODS.values() if not method.offered] == ["2xpatchcore", "ensemble-raw"]


def test_without_good_parts_another_method_asks_the_same() -> None:
    alone = {method.name: method.zero_shot.name for method in METHODS.values()}
    assert alone == {
        "maeday": "maeday",
        "self": "self",
        "patchcore": "self",
        "ensemble": "ensemble",
        "2xpatchcore": "self",
        "ensemble-raw": "ensemble-raw",
    }


def test_uses_names_only_what_there_is() -> None:
    known = {field.name for field in fields(Provenance)}
    for method in METHODS.values():
        for one in (*method.parts(False), *method.parts(True)):
            assert one.uses <= known


def test_the_last_of_some_items() -> None:
    assert last(iter([1, 2, 3])) == 3


def test_a_method_that_learns_nothing_says_so(tools: Tools) -> None:
    class Blind(Method):
        name = title = "blind"

        def detector(self, tools: Tools, reference: Reference):
            raise NotImplementedError

    with pytest.raises(NotImplementedError, match="blind learns nothing"):
        Blind().learning(tools, [])
