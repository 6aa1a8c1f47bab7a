"""Why a place stands out: every method shows it, and never the place itself as what is most alike."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core import METHODS, Settings, Tools, detect, load_image
from maeday_core.cli import main
from maeday_core.detection.decision import Verdict
from maeday_core.detection.result import Detection, Matches, Reconstructions
from maeday_core.drawing.command import command
from maeday_core.drawing.shown import Shown, shown
from maeday_core.drawing.why import CLOSE_UP_SIDE, WHOLE, Area, why
from maeday_core.drawing.why_cards import place_labels, why_place, why_point
from maeday_core.methods.reference import GoodPart, Reference
from tests.conftest import part
from tests.drawing.detections import DISTANCE, error_map, matched, reconstructed, threshold
from tests.drawing.test_cards import words

SIDE = 120
LIKE, UNLIKE = (10, 10), (100, 90)


def photo() -> np.ndarray:
    """Grey; the defect is red, and the piece elsewhere that is like it is green."""
    picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    picture[50:70, 50:70] = 200, 0, 0
    picture[100:110, 90:110] = 0, 200, 0
    return picture


def self_referring(score: float = 1.5) -> Detection:
    """Patches of 10 px; those of the defect are most like each other, then like that at (100, 90)."""
    values = np.full((SIDE, SIDE), 0.1, np.float32)
    values[50:70, 50:70] = score
    inside, green = 5 * 12 + 6, 10 * 12 + 10
    nearest = np.broadcast_to(np.array([inside, inside + 1, 4 * 12 + 5, green, 0]), (12, 12, 5))
    seen = Matches(photo(), np.full((12, 12), 0.3, np.float32), nearest)
    return replace(matched(), image_score=score, error_map=values, threshold=threshold(1.0), unit=DISTANCE, seen=seen)


def test_what_is_most_alike_is_never_a_piece_of_the_same_thing() -> None:
    view = shown("part.png", photo(), self_referring())
    (place,) = view.places
    found = why(view, place)
    assert found.elsewhere is not None
    assert (found.elsewhere == (0, 200, 0)).all(axis=2).any()
    assert not (found.elsewhere[..., 0] > 180).any()
    assert (found.here[..., 0] > 180).any()


def test_a_picture_with_nothing_but_the_place_shows_nothing_elsewhere() -> None:
    view = replace(shown("part.png", photo(), self_referring()), by_hand=0.05)
    assert view.anomalous.all()
    assert why(view, view.places[0]).elsewhere is None


def test_what_the_model_expected_is_the_mean_over_the_masks_that_hid_it() -> None:
    masks = np.zeros((3, 4, 4), bool)
    masks[0, :2], masks[1, :2] = True, True  # the third hides nothing
    pictures = np.ones((3, 16, 16, 3), np.float32)
    pictures[0], pictures[1] = 0.2, 0.4
    seen = Reconstructions(np.zeros((16, 16, 3), np.uint8), masks, pictures, np.zeros((3, 16, 16), np.float32), 3)
    view = shown("part.png", np.full((24, 32, 3), 128, np.uint8), replace(reconstructed(), seen=seen))
    hidden, never = (why(view, view.point(20, y)).expected for y in (2, 21))
    assert hidden is not None
    assert never is not None
    assert np.abs(hidden.astype(int) - round(0.3 * 255)).max() <= 1
    assert np.abs(never.astype(int) - round(1.6 / 3 * 255)).max() <= 1


def test_what_lies_outside_the_window_that_was_kept_is_not_shown_as_expected() -> None:
    result = reconstructed()
    assert result.reconstructions
    seen = replace(result.reconstructions, window=(0.0, 0.5, 0.5, 0.5))
    view = shown("part.png", np.full((24, 32, 3), 128, np.uint8), replace(result, seen=seen))
    assert why(view, view.point(26, 5)).expected is not None
    assert why(view, view.point(3, 20)).expected is None


def test_the_same_place_of_the_most_alike_good_part_is_shown_whatever_the_method() -> None:
    other, same = np.zeros((SIDE, SIDE, 3), np.uint8), photo()
    other[:60], same[50:70, 50:70] = 255, (0, 0, 200)
    good = Reference(photos=(GoodPart.of(other, "other.jpg"), GoodPart.of(same, "same.jpg")))
    view = shown("part.png", photo(), self_referring(), reference=good)
    found = why(view, view.places[0])
    assert found.good_part_name == "same.jpg"
    assert found.good_part is not None
    middle = found.good_part[CLOSE_UP_SIDE // 2, CLOSE_UP_SIDE // 2].astype(int)
    assert np.abs(middle - (0, 0, 200)).max() < 12
    assert "The same place in the most alike good part, same.jpg" in why_place(view)


@pytest.mark.parametrize("name", [name for name, one in METHODS.items() if one.shots.allow(0)])
@pytest.mark.parametrize("tile", ["off", "on"])
def test_every_method_explains_its_place_and_any_point(tiny_model, name: str, tile: str) -> None:
    query = np.asarray(part(1, True))
    result = detect(METHODS[name], Tools.of(tiny_model, Settings(masks=2, tile=tile)), query)
    view = shown("part.png", query, result)
    for x, y in ((0, 0), (view.query.shape[1] - 1, view.query.shape[0] - 1)):
        assert "The place you clicked" in why_point(view, x, y)
    html = why_place(view, 99)
    assert html.count("<img") >= 2
    assert html.count("<li>") == len(result.parts)
    assert sum(one.share for one in why(view, view.places[0]).evidence) == pytest.approx(float(bool(result.parts)))
    for one in why(view, view.places[-1]).evidence:
        assert one.verdict in Verdict


def test_places_are_told_in_pixels_of_the_photo_with_the_factor_to_the_limit() -> None:
    values = np.full((2400, 1600), 0.1, np.float32)
    values[100:300, 1200:1500] = 2.0
    result = replace(matched(2.0), error_map=values)
    view = shown("part.png", np.zeros((2400, 1600, 3), np.uint8), result)
    (label,) = place_labels(view)
    size, where, factor = label.removeprefix("1: ").split(", ")
    width, height = map(int, size.removesuffix(" px").split(" x "))
    assert abs(width - 300) < 8
    assert abs(height - 200) < 8
    assert (where, factor) == ("upper right", "2.0 x the limit")
    assert place_labels(replace(view, by_hand=4.0)) == ["The most unusual place: upper right, 0.5 x the limit"]
    assert "1: 30" in words(why_place(view))


def test_areas() -> None:
    piece = Area(0.25, 0.5, 0.25, 0.25)
    assert WHOLE.holds(piece)
    assert not piece.holds(WHOLE)
    assert piece.within(Area(0.25, 0.5, 0.5, 0.5)) == Area(0, 0, 0.5, 0.5)
    assert piece.meets(Area(0.4, 0.6, 0.1, 0.1))
    assert not piece.meets(Area(0.5, 0.5, 0.1, 0.1))


@pytest.mark.parametrize("method", ["maeday", "self", "ensemble"])
def test_the_command_gives_the_same_result(method: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    name = "-it's a part.png"
    Image.fromarray(part(3, True)).save(tmp_path / name)
    settings = Settings(masks=1, mask_ratio=0.5, seed=3, sampling="balanced", tile="auto", alarm_rate=0.1)
    result = detect(METHODS[method], Tools.of("bundled", settings), load_image(tmp_path / name))
    program, *arguments = shlex.split(command(Shown(name, part(3, True), (64, 64), result)))
    assert program == "maeday"
    assert main([*arguments, "--out", "out"]) == 0
    assert f"{result.image_score:8.4f}" in capsys.readouterr().out
    again = np.load(next((tmp_path / "out").glob("*.npy")))
    assert np.allclose(again, result.error_map, atol=1e-5)


def test_good_parts_are_named_by_their_file_in_a_command() -> None:
    good = Reference({"patchcore": None}, "patchcore", "two transistors")  # type: ignore[dict-item]
    view = Shown("a.png", photo(), (SIDE, SIDE), replace(matched(crops=True), error_map=error_map(1)), reference=good)
    assert command(view).endswith("--adapter 'two transistors.safetensors'")
