"""Methods that judge together find, bit for bit, what each finds alone, and share the work that they have in common."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from maeday_core.errors import SettingsError
from maeday_core.io.images import Photos
from maeday_core.methods import (
    ENSEMBLE,
    ENSEMBLE_RAW,
    MAEDAY,
    PATCHCORE,
    SELF_REFERENCE,
    TWO_PATCHCORES,
    Method,
    Reference,
    Together,
    Tools,
    detect,
    learn,
    maeday,
    patchcore,
)
from tests.conftest import part
from tests.methods.checks import FEW

pytestmark = pytest.mark.usefixtures("small_banks")
FEW_SHOT = (MAEDAY, PATCHCORE, TWO_PATCHCORES, ENSEMBLE, ENSEMBLE_RAW)
ZERO_SHOT = (MAEDAY, SELF_REFERENCE, ENSEMBLE, ENSEMBLE_RAW)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    folder = tmp_path_factory.mktemp("good")
    paths = [folder / f"{i}.png" for i in range(2)]
    for i, path in enumerate(paths):
        Image.fromarray(part(i)).save(path)
    return Photos(paths)


@pytest.fixture(scope="module")
def calibrated(tiny_model) -> Tools:
    return Tools.of(tiny_model, FEW, preset="calibrate")


@pytest.mark.parametrize("methods", [ZERO_SHOT, FEW_SHOT], ids=["zero-shot", "few-shot"])
def test_each_finds_what_it_finds_alone(calibrated: Tools, photos: Photos, methods: tuple[Method, ...]) -> None:
    shots, query = (photos if methods is FEW_SHOT else []), part(5, defect=True)
    together = Together(calibrated, shots)(query, methods)
    assert tuple(together) == methods
    for method in methods:
        alone = detect(method, calibrated, query, learn(method, calibrated, shots) if shots else Reference())
        ours = together[method]
        assert np.array_equal(ours.error_map, alone.error_map)
        for name in ("image_score", "threshold", "unit", "made_by"):
            assert getattr(ours, name) == getattr(alone, name), (method.name, name)


def test_work_in_common_is_done_once(calibrated: Tools, photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    done: Counter[str] = Counter()

    def counted(module, name: str) -> None:
        function = getattr(module, name)

        def count(*arguments, **options):
            done[name] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, count)

    for module, name in ((maeday, "fine_tune"), (maeday, "stream"), (patchcore, "build_bank"), (patchcore, "compare")):
        counted(module, name)
    together = Together(calibrated, photos)
    for seed in (5, 6, 7):
        together(part(seed), FEW_SHOT)
    # MAEDAY's map is another one alone, in the ensemble, and in the raw sum
    assert done == {"fine_tune": 1, "build_bank": 2, "stream": 3 * 3, "compare": 2 * 3}


def test_a_part_is_learned_when_a_method_first_needs_it(calibrated: Tools, photos: Photos) -> None:
    together = Together(calibrated, photos)
    assert together.learn_seconds(PATCHCORE) is None
    together(part(5), [PATCHCORE])
    assert together.learn_seconds(PATCHCORE) > 0
    assert together.learn_seconds(ENSEMBLE) is None


def test_seconds_are_those_of_the_method_alone(calibrated: Tools, photos: Photos) -> None:
    together = Together(calibrated, photos)
    found = together(part(5), FEW_SHOT)
    seconds = {method: together.learn_seconds(method) for method in FEW_SHOT}
    assert seconds[ENSEMBLE] == pytest.approx(seconds[MAEDAY] + seconds[PATCHCORE])
    assert seconds[ENSEMBLE_RAW] == seconds[ENSEMBLE]
    assert seconds[TWO_PATCHCORES] > seconds[PATCHCORE]
    assert found[ENSEMBLE].seconds == pytest.approx(sum(one.seconds for one in found[ENSEMBLE].parts))


def test_methods_that_do_not_fit_the_good_parts_are_refused(calibrated: Tools, photos: Photos) -> None:
    with pytest.raises(SettingsError, match="uses no photos"):
        Together(calibrated, photos)(part(5), [SELF_REFERENCE])
    with pytest.raises(SettingsError, match="has none"):
        Together(calibrated)(part(5), [PATCHCORE])
