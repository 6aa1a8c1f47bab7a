"""Methods that judge together find, bit for bit, what each finds alone, and do the work they share once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core.detection.reconstruction import Settings
from maeday_core.methods import base as methods
from maeday_core.methods.reference import Reference
from maeday_core.methods.together import Judge
from maeday_core.methods.use import detector, learn
from tests.conftest import part

SETTINGS = Settings(masks=3, seed=1)
FEW = ("maeday", "patchcore", "2xpatchcore", "ensemble")
ZERO = ("maeday", "self", "ensemble")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("good")
    paths = [folder / f"{i}.png" for i in range(2)]
    for i, path in enumerate(paths):
        Image.fromarray(part(i)).save(path)
    return paths


@pytest.mark.parametrize("raw_sum", [False, True])
@pytest.mark.parametrize("names", [ZERO, FEW])
def test_each_finds_what_it_finds_alone(tiny_model, good: list[Path], names: tuple[str, ...], raw_sum: bool) -> None:
    shots, query = (good if names == FEW else []), part(5, defect=True)
    judge = Judge(tiny_model, SETTINGS, shots, "calibrate", "lite0", raw_sum)
    together = judge(query, names)
    assert tuple(together) == names
    for method in names:
        reference = Reference()
        if shots:
            photos = (np.array(Image.open(path)) for path in shots)
            reference = learn(method, tiny_model, "lite0", photos, "calibrate", SETTINGS.seed, settings=SETTINGS)
        raw = raw_sum and method == "ensemble"
        *_, alone = detector(method, tiny_model, "lite0", SETTINGS, reference, raw_sum=raw)(query)
        ours = together[method]
        assert np.array_equal(ours.error_map, alone.error_map)
        for name in ("image_score", "first_threshold", "good_scores", "unit", "shots", "settings"):
            assert getattr(ours, name) == getattr(alone, name), (method, name)


def test_what_they_share_is_done_once(tiny_model, good: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    done: Counter[str] = Counter()

    def counted(name: str) -> None:
        function = getattr(methods, name)

        def count(*arguments, **options):
            done[name] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(methods, name, count)

    for name in ("FineTuning", "build_bank", "stream", "patchcore"):
        counted(name)
    judge = Judge(tiny_model, SETTINGS, good, "calibrate", "lite0", raw_sum=False)
    assert judge.learn_seconds("maeday") is None
    for seed in (5, 6, 7):
        judge(part(seed), FEW)
    assert done == {"FineTuning": 1, "build_bank": 2, "stream": 6, "patchcore": 6}  # MAEDAY looks, its part does not


def test_seconds_are_those_of_the_method_alone(tiny_model, good: list[Path]) -> None:
    judge = Judge(tiny_model, SETTINGS, good, "calibrate", "lite0", raw_sum=False)
    found = judge(part(5), FEW)
    learning = {method: judge.learn_seconds(method) for method in FEW}
    assert learning["ensemble"] == pytest.approx(learning["maeday"] + learning["patchcore"])
    assert learning["2xpatchcore"] > learning["patchcore"]
    assert found["ensemble"].seconds == pytest.approx(sum(one.seconds for one in found["ensemble"].parts))
