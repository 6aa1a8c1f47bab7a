"""What was learned of good parts as a file: one format with a number, whole again or one clear sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from maeday_core.detection.calibration import GRID
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.methods import (
    ENSEMBLE,
    METHODS,
    Method,
    Reference,
    Shots,
    Tools,
    detect,
    detector,
    learn,
    load_reference,
    save_reference,
)
from maeday_core.methods.memory_bank import LIMITS
from maeday_core.methods.reference import KEPT_SIDE, GoodPart
from maeday_core.methods.saved import FORMAT, HEADER, PHOTO
from tests.conftest import part
from tests.methods.checks import FEW, Brightness

LEARNERS = {name: method for name, method in METHODS.items() if method.shots is not Shots.NONE}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, reference: Reference) -> Path:
    path = tmp_path_factory.mktemp("saved") / "parts.safetensors"
    save_reference(reference, path)
    return path


def taken_apart(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()[HEADER]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def written(path: Path, facts: object, tensors: dict[str, torch.Tensor]) -> Path:
    path.write_bytes(save(tensors, {HEADER: json.dumps(facts)}))
    return path


def test_what_is_learned_again_has_the_same_bytes(tools: Tools, good, tmp_path: Path) -> None:
    learned, again = learn(ENSEMBLE, tools, good), learn(ENSEMBLE, tools, good)
    kept = []
    for number, reference in enumerate((learned, *[again] * 4)):
        path = tmp_path / f"{number}.safetensors"
        save_reference(reference, path)
        kept.append(sha256(path.read_bytes()).hexdigest())
    assert len(set(kept)) == 1


@pytest.mark.parametrize("method", LEARNERS.values(), ids=LEARNERS)
def test_what_every_method_learned_gives_the_same_results_again(
    tools: Tools, good, reference: Reference, tmp_path: Path, method: Method
) -> None:
    learned = reference if method is ENSEMBLE else learn(method, tools, good)
    save_reference(learned, tmp_path / "parts.safetensors")
    loaded = load_reference(tmp_path / "parts.safetensors")
    assert loaded.method == learned.method == method.name
    assert list(loaded.learned) == list(learned.learned) == [one.name for one in method.parts(good=True)]
    for name, one in learned.learned.items():
        assert loaded.learned[name].facts() == one.facts()
        assert loaded.learned[name].describe() == one.describe()
    for name in ("shots", "tile", "doubts"):
        assert getattr(loaded, name) == getattr(learned, name)
    one, other = (detect(method, tools, part(3, True), known) for known in (learned, loaded))
    assert np.array_equal(one.error_map, other.error_map)
    assert one.threshold == other.threshold
    assert one.made_by == other.made_by


@pytest.mark.parametrize("preset", ["default", "full"])
def test_an_adapter_keeps_its_numbers(tiny_model, good, tmp_path: Path, preset: str) -> None:
    adapter = learn(METHODS["maeday"], Tools.of(tiny_model, FEW, preset=preset, steps=2), good).learned["maeday"]
    save_reference(Reference({"maeday": adapter}, "maeday"), tmp_path / "a.safetensors")
    loaded = load_reference(tmp_path / "a.safetensors").learned["maeday"]
    ours, theirs = adapter.tensors(), loaded.tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert loaded.settings == adapter.settings
    assert loaded.photos == adapter.photos == 2
    for name in ("mean", "deviation", "judged"):
        assert np.array_equal(getattr(loaded.calibration, name), getattr(adapter.calibration, name))
    assert bool(loaded.weights) == (preset == "full")


def test_a_file_is_small_and_says_its_format(saved: Path) -> None:
    facts, tensors = taken_apart(saved)
    assert facts["format"] == FORMAT == 2
    assert facts["method"] == "ensemble"
    assert {name.partition("/")[0] for name in tensors} - {"photo"} == set(facts["learned"]) == {"maeday", "patchcore"}
    assert saved.stat().st_size < 12e6


def test_a_file_holds_nothing_for_a_method_that_learns_more(tools: Tools, reference: Reference, tmp_path: Path) -> None:
    save_reference(Reference({"maeday": reference.learned["maeday"]}, "maeday"), tmp_path / "a.safetensors")
    known = load_reference(tmp_path / "a.safetensors")
    assert detect(METHODS["maeday"], tools, part(2), known).threshold.shots == 2
    with pytest.raises(SettingsError, match="holds nothing for PatchCore: learn from them again with the method ens"):
        detector(ENSEMBLE, tools, known)


@pytest.mark.parametrize("header", ["maeday_adapter", "maeday_bank"])
def test_an_older_file_gets_a_sentence(tmp_path: Path, header: str) -> None:
    (tmp_path / "old.safetensors").write_bytes(save({"x": torch.zeros(2)}, {header: json.dumps({"shots": 1})}))
    with pytest.raises(WeightsError, match=r"^old\.safetensors was written by another version .* again\.$"):
        load_reference(tmp_path / "old.safetensors")


@pytest.mark.parametrize("number", [FORMAT + 1, 1, 0, None, str(FORMAT)])
def test_a_file_of_another_format_gets_a_sentence(saved: Path, tmp_path: Path, number: object) -> None:
    facts, tensors = taken_apart(saved)
    path = written(tmp_path / "new.safetensors", facts | {"format": number}, tensors)
    with pytest.raises(WeightsError, match=r"^new\.safetensors was written by another version .* again\.$"):
        load_reference(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", save({"x": torch.zeros(2)}), save({}, {HEADER: "{"}), save({}, {HEADER: "[1]"})],
    ids=["empty", "nonsense", "weights", "broken header", "list"],
)
def test_a_file_of_something_else_gets_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"^a\.safetensors [^\n]*(holds nothing|damaged)[^\n]* again\.$"):
        load_reference(tmp_path / "a.safetensors")


def test_a_missing_file_and_a_folder_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("none", "folder"):
        with pytest.raises(WeightsError, match=rf"^{name}\.safetensors cannot be read; check the name"):
            load_reference(tmp_path / f"{name}.safetensors")


def test_a_file_cut_short_gets_a_sentence(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    for length in (4, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.safetensors").write_bytes(content[:length])
        with pytest.raises(WeightsError, match="damaged"):
            load_reference(tmp_path / "cut.safetensors")


def test_a_file_of_a_method_that_is_not_here_gets_a_sentence(saved: Path, tmp_path: Path, toy: Brightness) -> None:
    facts, tensors = taken_apart(saved)
    path = written(tmp_path / "a.safetensors", facts | {"method": "magic"}, tensors)
    with pytest.raises(WeightsError, match=r"a\.safetensors was written for .*no method 'magic'"):
        load_reference(path)
    path = written(tmp_path / "b.safetensors", facts | {"method": toy.name}, tensors)
    with pytest.raises(WeightsError, match="damaged"):
        load_reference(path)


BANK = {
    "features of one dimension": ({}, {"features": torch.zeros(3)}),
    "features that are no numbers": ({}, {"features": torch.full((2, 4), torch.nan), "crops": None}),
    "crops of another size": ({}, {"crops": torch.zeros((1, 2, 2, 3), dtype=torch.uint8)}),
    "no shots": ({"shots": 0}, {}),
    "shots that are a word": ({"shots": "many"}, {}),
    "no maps of good parts": ({}, {"left_out": torch.zeros((0, GRID, GRID))}),
    "maps of another size": ({}, {"left_out": torch.zeros((1, 8, 8))}),
    "maps that are infinite": ({}, {"left_out": torch.full((1, GRID, GRID), torch.inf)}),
    "views of other features": ({}, {"views": torch.zeros((1, 8, 4, 4, 3))}),
    "views that are no numbers": ({}, {"views": torch.full((1, 1, 1, 1, 176), torch.nan)}),
    "nothing on copies": ({"alone": ...}, {}),
    "no tile": ({"tile": ...}, {}),
}
ADAPTER = {
    "no settings": ({"settings": ...}, {}),
    "settings of another version": ({"settings": {"mask": 1}}, {}),
    "shots that are a word": ({"shots": "many"}, {}),
    "no maps of good parts": ({}, {"calibration.judged": ...}),
    "appearances that are numbers": ({"appearances": [1, 2]}, {}),
    "half of a factor": ({}, {"blocks.0.attn.qkv.lora_b": ...}),
    "no calibration": ({}, {"calibration.mean": ...}),
}


@pytest.mark.parametrize(
    ("name", "facts_changed", "tensors_changed"),
    [
        *(pytest.param("patchcore", *changes, id=f"bank: {what}") for what, changes in BANK.items()),
        *(pytest.param("maeday", *changes, id=f"adapter: {what}") for what, changes in ADAPTER.items()),
    ],
)
def test_damaged_contents_get_a_sentence(saved: Path, tmp_path: Path, name, facts_changed, tensors_changed) -> None:
    """`...` takes an entry away; None stands for crops of as many patches as there are features."""
    facts, tensors = taken_apart(saved)
    own = facts["learned"][name] | facts_changed
    facts["learned"][name] = {key: value for key, value in own.items() if value is not ...}
    for key, value in tensors_changed.items():
        assert f"{name}/{key}" in tensors
        crops = torch.zeros((2, LIMITS.crop, LIMITS.crop, 3), dtype=torch.uint8)
        tensors[f"{name}/{key}"] = crops if value is None else value
    tensors = {key: value for key, value in tensors.items() if value is not ...}
    with pytest.raises(WeightsError, match=r"^a\.safetensors is damaged; learn from the good parts again\.$"):
        load_reference(written(tmp_path / "a.safetensors", facts, tensors))


def test_settings_out_of_range_get_a_sentence(saved: Path, tmp_path: Path) -> None:
    facts, tensors = taken_apart(saved)
    facts["learned"]["maeday"]["settings"]["masks"] = 0
    with pytest.raises(WeightsError, match=r"a\.safetensors was written for .*number of masks is 0"):
        load_reference(written(tmp_path / "a.safetensors", facts, tensors))


def test_a_file_without_what_its_method_learns_is_damaged(saved: Path, tmp_path: Path) -> None:
    facts, tensors = taken_apart(saved)
    del facts["learned"]["patchcore"]
    with pytest.raises(WeightsError, match="damaged"):
        load_reference(written(tmp_path / "a.safetensors", facts, tensors))


def test_doubts_of_all_that_was_learned_are_said(reference: Reference) -> None:
    assert reference.doubt_of(part(0)) is None
    assert "unlike every good part" in (reference.doubt_of(0 * part(0)) or "")
    assert reference.doubts == reference.learned["maeday"].doubts
    assert Reference().doubt_of(part(0)) is None
    assert Reference().shots == 0


def test_name_and_photos_of_good_parts_are_saved_and_files_without_them_are_read(
    reference: Reference, good, tmp_path: Path
) -> None:
    assert [photo.picture.shape for photo in reference.photos] == [photo.shape for photo in good]
    photos = tuple(replace(photo, name=f"{n}.jpg") for n, photo in enumerate(reference.photos))
    save_reference(replace(reference, name="transistor", photos=photos), tmp_path / "parts.safetensors")
    loaded = load_reference(tmp_path / "parts.safetensors")
    assert (loaded.name, loaded.photos) == ("transistor", photos)
    assert loaded.names == tuple(photo.name for photo in photos)
    facts, tensors = taken_apart(tmp_path / "parts.safetensors")
    for new in ("name", "photos"):
        del facts[new]
    older = {name: value for name, value in tensors.items() if not name.startswith(PHOTO)}
    assert load_reference(written(tmp_path / "older.safetensors", facts, older)).photos == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts, tensors: tensors.pop(f"{PHOTO}0"),
        lambda facts, tensors: tensors.update({f"{PHOTO}0": torch.zeros(100, dtype=torch.uint8)}),
        lambda facts, tensors: tensors.update({f"{PHOTO}0": torch.zeros(100)}),
        lambda facts, tensors: facts.update(photos=[""] * 99),
        lambda facts, tensors: facts.update(photos=[3]),
        lambda facts, tensors: facts.update(name="x" * 2000),
    ],
)
def test_a_file_with_spoilt_photos_is_refused(saved: Path, tmp_path: Path, spoil) -> None:
    facts, tensors = taken_apart(saved)
    spoil(facts, tensors)
    with pytest.raises(WeightsError, match=r"spoilt.safetensors is damaged; learn from the good parts again."):
        load_reference(written(tmp_path / "spoilt.safetensors", facts, tensors))


def test_a_large_photo_is_kept_smaller_and_the_most_alike_one_is_found() -> None:
    dark, striped = np.zeros((300, 3000, 3), np.uint8), np.zeros((300, 3000, 3), np.uint8)
    striped[:, ::500] = striped[:, 1::500] = 255
    striped[:150] = 255
    photos = GoodPart.of(dark, "dark"), GoodPart.of(striped, "striped")
    assert photos[0].picture.shape == (102, KEPT_SIDE, 3)
    known = Reference(photos=photos)
    assert known.most_alike(np.full((30, 40, 3), 200, np.uint8)) == photos[0]
    assert known.most_alike(striped[:, :400] // 4 * 3 + 30) == photos[1]
    assert Reference().most_alike(dark) is None
