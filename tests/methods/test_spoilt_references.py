"""What was learned and then spoilt, by whoever sends it: it is refused at once, or does no harm."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from maeday_core.errors import SettingsError, WeightsError
from maeday_core.methods import METHODS, Reference, Tools, detect, load_reference, save_reference
from maeday_core.methods import saved as files
from maeday_core.methods.saved import HEADER
from tests.conftest import part
from tests.methods.test_reference import taken_apart, written


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, reference: Reference) -> Path:
    path = tmp_path_factory.mktemp("saved") / "parts.safetensors"
    save_reference(reference, path)
    return path


HOSTILE = [
    *(
        None,
        True,
        -1,
        0,
        1.5,
        10**400,
        -(10**18),
        float("nan"),
        float("inf"),
        -1e308,
        1e308,
        "",
        "word",
        "1",
        "x" * 10_000,
    ),
    *([], [0], [0, 0, 0], [float("nan")], ["a"], [[]], [[1.0] * 9], [[1e308] * 9] * 2, {}, {"a": 1}, [1.0] * 100_000),
]


def places_in(value: object, above: tuple = ()) -> Iterator[tuple]:
    """Where each value of nested JSON stands."""
    yield above
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if not isinstance(key, int) or key < 2:
            yield from places_in(inner, (*above, key))


def put(facts: dict, place: tuple, value: object) -> object:
    if not place:
        return value
    holder = facts
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return facts


def spoilt(one: torch.Tensor, how: str) -> torch.Tensor:
    shapes = {
        "flat": one.flatten(), "longer": torch.cat([one, one]), "shorter": one[:-1], "empty": one[:0],
        "deeper": one[None], "a number": torch.zeros(()), "turned": one.transpose(0, -1).contiguous(),
    }  # fmt: skip
    if how in shapes:
        return shapes[how]
    if how in ("int64", "uint8", "float64", "bfloat16", "bool", "complex64", "float8_e4m3fn"):
        return one.float().to(getattr(torch, how))
    changed = one.float().clone() if one.is_floating_point() else one.clone()
    if one.is_floating_point():
        changed.view(-1)[-1:] = float(how)
    return changed


TENSORS = [
    "flat",
    "longer",
    "shorter",
    "empty",
    "deeper",
    "a number",
    "turned",
    "int64",
    "uint8",
    "float64",
    "bfloat16",
]
TENSORS += ["bool", "complex64", "float8_e4m3fn", "nan", "inf", "-inf", "1e30", "-1e30", "-1"]


def is_used_or_refused(path: Path, tools: Tools) -> None:
    """Either it is refused at once, or everything that is done with it works and gives numbers."""
    try:
        known = load_reference(path)
    except WeightsError:
        return
    said = json.dumps([known.doubts, *(one.describe() for one in known.learned.values())], allow_nan=False)
    said += "".join(one.summary for one in known.learned.values())
    assert len(said) < 10_000
    known.doubt_of(part(3))
    try:
        found = detect(METHODS[known.method], tools, part(3)[:64, :64], known)
    except (WeightsError, SettingsError):  # it fits another model, or other settings
        return
    assert np.isfinite(found.error_map).all()
    assert np.isfinite(found.threshold.value)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_facts_that_are_spoilt_are_refused_or_harmless(saved: Path, tmp_path: Path, tools: Tools, data) -> None:
    facts, tensors = taken_apart(saved)
    place = data.draw(st.sampled_from(list(places_in(facts))), label="place")
    spoiled = put(facts, place, data.draw(st.sampled_from(HOSTILE), label="value"))
    is_used_or_refused(written(tmp_path / "a.safetensors", spoiled, tensors), tools)


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tensors_that_are_spoilt_are_refused_or_harmless(saved: Path, tmp_path: Path, tools: Tools, data) -> None:
    facts, tensors = taken_apart(saved)
    name = data.draw(st.sampled_from(sorted(tensors)), label="name")
    how = data.draw(st.sampled_from(TENSORS), label="how")
    is_used_or_refused(written(tmp_path / "a.safetensors", facts, tensors | {name: spoilt(tensors[name], how)}), tools)


@pytest.mark.parametrize(
    "facts",
    ["[" * 200_000, '{"a":' * 100_000, '{"format": 2, "method": ' + "9" * 5000 + "}", "[NaN]", "\\ud800", ""],
    ids=["lists", "objects", "digits", "no number", "half a character", "nothing"],
)
def test_a_header_that_is_no_object_is_refused(tmp_path: Path, facts: str) -> None:
    (tmp_path / "a.safetensors").write_bytes(save({"x": torch.zeros(2)}, {HEADER: facts}))
    with pytest.raises(WeightsError, match=r"^a\.safetensors .* again\.$"):
        load_reference(tmp_path / "a.safetensors")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", saved.stat().st_size - 1)
    with pytest.raises(WeightsError, match="damaged"):
        load_reference(saved)
    (tmp_path / "a.safetensors").write_bytes((2_000_000).to_bytes(8, "little") + b" " * 100)
    with pytest.raises(WeightsError, match="damaged"):
        load_reference(tmp_path / "a.safetensors")


@pytest.mark.parametrize("half", ["lora_a", "lora_b"])
def test_a_factor_without_its_other_half_is_damaged(saved: Path, tmp_path: Path, half: str) -> None:
    facts, tensors = taken_apart(saved)
    name = next(name for name in tensors if name.endswith(half))
    del tensors[name]
    with pytest.raises(WeightsError, match="damaged"):
        load_reference(written(tmp_path / "a.safetensors", facts, tensors))


def test_a_layer_that_is_missing_is_noticed(saved: Path, tmp_path: Path, tools: Tools) -> None:
    facts, tensors = taken_apart(saved)
    name = next(name for name in tensors if name.endswith("lora_a")).removesuffix("a")
    rest = {key: value for key, value in tensors.items() if not key.startswith(name)}
    known = load_reference(written(tmp_path / "a.safetensors", facts, rest))
    with pytest.raises(WeightsError, match="damaged"):
        detect(METHODS["maeday"], tools, part(3), known)


def test_patches_of_another_network_are_noticed(saved: Path, tmp_path: Path, tools: Tools) -> None:
    facts, tensors = taken_apart(saved)
    for name in ("patchcore/features", "patchcore/views"):
        tensors[name] = tensors[name][..., :-1].contiguous()
    known = load_reference(written(tmp_path / "a.safetensors", facts, tensors))
    with pytest.raises(WeightsError, match="not learned with the network lite0"):
        detect(METHODS["patchcore"], tools, part(3), known)


def test_a_file_whose_name_is_no_text_is_not_called_damaged(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"pr\xfcf.safetensors")
    path.write_bytes(saved.read_bytes())
    with pytest.raises(WeightsError, match="is no UTF-8; rename it"):
        load_reference(path)
