"""Windows over large pictures: nothing is squeezed, no seam shows, and one window is the whole picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maeday_core import ENSEMBLE, ImageError, Reference, Settings, SettingsError, Tools, detector, learn
from maeday_core.detection.calibration import Calibration
from maeday_core.detection.reading import PLAIN, Reading
from maeday_core.detection.reconstruction import Sums, detect, stream
from maeday_core.detection.windows import RULE, Tiling, sample_windows
from maeday_core.methods.building import build_bank
from maeday_core.methods.memory_bank import as_compared
from maeday_core.model.backbone import load_backbone

SIZE = 64
NARROW = Settings(masks=4, mask_ratio=0.5, tile="on")


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_windows_cover_every_pixel_and_squeeze_nothing(height: int, width: int) -> None:
    tiles = Tiling.of((height, width), "on", 224)
    for starts, length in ((tiles.tops, tiles.height), (tiles.lefts, tiles.width)):
        assert starts[0] == 0
        assert starts[-1] == length - 224
        steps = np.diff(starts)
        assert (steps > 0).all()
        assert (steps <= 168).all()
    if min(height, width) > 224 and max(height, width) < 20 * min(height, width):
        assert tiles.width / tiles.height == pytest.approx(width / height, rel=0.01)


@pytest.mark.parametrize(
    ("shape", "tile", "windows"),
    [
        ((1024, 1024), "auto", None),
        ((512, 448), "auto", None),
        ((1024, 1536), "auto", 15),
        ((1024, 1536), "off", None),
        ((224, 224), "on", 1),
        ((100, 100), "on", 1),
        ((300, 1000), "auto", 5),
        ((480, 640), "on", 12),
    ],
)
def test_auto_decides_by_size_and_shape(shape: tuple[int, int], tile: str, windows: int | None) -> None:
    tiles = Tiling.of(shape, tile, 224)
    assert tiles.whole == (windows is None)
    assert len(tiles.corners) == (windows or 1)
    assert str(tiles).startswith("whole" if windows is None else f"{windows} window")


def test_a_picture_of_a_few_rows_stays_small() -> None:
    tiles = Tiling.of((1, 50_000), "on", 224)
    assert tiles.height == 224
    assert 0.9 * RULE.most < len(tiles.corners) <= RULE.most


@given(st.integers(1, 50_000), st.integers(1, 50_000))
def test_windows_are_bounded_and_a_large_picture_keeps_its_detail(height: int, width: int) -> None:
    tiles = Tiling.of((height, width), "on", 224)
    assert len(tiles.corners) <= RULE.most
    if height * width <= 24_000_000 and max(height, width) <= 2 * min(height, width) and min(height, width) > 900:
        assert tiles.scale == 0.5


def slow_blend(tiles, maps: np.ndarray) -> np.ndarray:
    """The weighted mean, pixel by pixel in float64."""
    total = np.zeros((2, tiles.height, tiles.width))
    window = np.sin(np.pi * (np.arange(tiles.size) + 0.5) / tiles.size) ** 2
    for (top, left), one in zip(tiles.corners, maps, strict=True):
        for y in range(tiles.size):
            for x in range(tiles.size):
                weight = window[y] * window[x]
                total[:, top + y, left + x] += weight * one[y, x], weight
    return total[0] / total[1]


def test_blending_is_the_weighted_mean() -> None:
    tiles = Tiling.of((130, 200), "on", SIZE)
    maps = np.random.default_rng(0).random((len(tiles.corners), SIZE, SIZE)).astype(np.float32)
    assert np.allclose(tiles.blend(maps), slow_blend(tiles, maps), atol=1e-5)
    ones = np.ones_like(maps)
    assert np.allclose(tiles.blend(ones), 1, atol=1e-6)


def test_no_step_at_a_window_s_border() -> None:
    """Windows that disagree as much as they can, 0 and 1 like a chessboard, still blend without a step."""
    tiles = Tiling.of((700, 900), "on", 224)
    levels = [(tiles.tops.index(top) + tiles.lefts.index(left)) % 2 for top, left in tiles.corners]
    blended = tiles.blend(np.ones((len(levels), 224, 224), np.float32) * np.reshape(levels, (-1, 1, 1)))
    ramp = np.pi / 2 / (224 - tiles.lefts[1])  # the steepest that a smooth change over the overlap may be
    for axis, starts in ((0, tiles.tops), (1, tiles.lefts)):
        steps = np.abs(np.diff(blended, axis=axis)).max(axis=1 - axis)
        borders = [at - 1 for start in starts for at in (start, start + 224) if 0 < at <= len(steps)]
        assert steps[borders].max() < 0.01
        assert steps.max() < 2 * ramp


@pytest.mark.parametrize("query", ["gradient", "noise"])
def test_a_tiled_map_has_no_more_of_a_step_at_borders_than_elsewhere(tiny_model, query: str) -> None:
    y, x = np.mgrid[:180, :230]
    gradient = np.stack([x, y, x // 2 + y // 2], axis=-1).astype(np.uint8)
    result = detect(tiny_model, gradient if query == "gradient" else noise(180, 230), NARROW)
    tiles = Tiling.of((180, 230), "on", SIZE)
    span = float(np.ptp(result.error_map))
    for axis, starts in ((0, tiles.tops), (1, tiles.lefts)):
        steps = np.abs(np.diff(result.error_map, axis=axis)).mean(axis=1 - axis)
        borders = np.array([at - 1 for start in starts for at in (start, start + SIZE) if 0 < at <= len(steps)])
        assert steps[borders].max() - np.median(steps) < 0.01 * span + 3 * steps.std()


@pytest.mark.parametrize("patches", ["all", "masked"])
def test_one_window_is_the_whole_picture(tiny_model, patches: str) -> None:
    query = noise(SIZE, SIZE)
    whole, tiled = (
        detect(tiny_model, query, Settings(masks=5, mask_ratio=0.5, patches=patches, tile=tile))
        for tile in ("off", "on")
    )
    assert np.allclose(tiled.error_map, whole.error_map, atol=1e-6)
    assert np.array_equal(tiled.reconstructions.masks, whole.reconstructions.masks)
    assert np.array_equal(tiled.reconstructions.pictures, whole.reconstructions.pictures)
    assert tiled.reconstructions.window == whole.reconstructions.window == (0, 0, 1, 1)
    assert whole.made_by.windows is None
    assert tiled.made_by.windows is not None


@pytest.mark.parametrize("calibrated", [False, True])
def test_every_window_is_a_detection_of_its_own(tiny_model, calibrated: bool) -> None:
    """Where only one window sees a pixel, the map is that window's."""
    query = noise(150, 210)
    errors = np.random.default_rng(0).random((2, 2, 2, SIZE, SIZE), dtype=np.float32)
    reading = Reading(Calibration.of(errors, 4, relative=True), shots=2) if calibrated else PLAIN
    result = detect(tiny_model, query, NARROW, reading)
    assert result.error_map.shape == (150, 210)
    assert result.error_map.max() > 0
    corner = detect(tiny_model, query[:SIZE, :SIZE].copy(), Settings(masks=4, mask_ratio=0.5), reading)
    tiles = Tiling.of((150, 210), "on", SIZE)
    alone = (slice(tiles.tops[1]), slice(tiles.lefts[1]))
    assert np.allclose(result.error_map[alone], corner.error_map[alone], atol=1e-5)


def spotted() -> np.ndarray:
    query = np.full((160, 300, 3), 90, np.uint8)
    query[100:120, 240:262] = (250, 240, 30)
    return query


def test_it_sharpens_as_masks_come_and_shows_the_window_of_the_peak(tiny_model) -> None:
    results = list(stream(tiny_model, spotted(), Settings(masks=6, mask_ratio=0.5, tile="on")))
    assert [len(result.reconstructions.masks) for result in results] == [1, 4, 6]
    assert [result.complete for result in results] == [False, False, True]
    for result in results:
        y, x = np.unravel_index(result.error_map.argmax(), result.error_map.shape)
        top, left, height, width = result.reconstructions.window
        assert top <= y / 160 <= top + height
        assert left <= x / 300 <= left + width
        assert result.image_score == result.error_map.max()
    assert "windows of 64 px" in results[-1].made_by.record()["windows"]


@pytest.mark.parametrize("query", [spotted(), noise(150, 210), noise(150, 210, 3)], ids=["spot", "noise", "more noise"])
@pytest.mark.parametrize("partial", [False, True])
def test_the_window_shown_is_a_detection_of_its_own(tiny_model, query: np.ndarray, partial: bool) -> None:
    """Also where another window seemed the worst at first, so that what was kept on the way is of no use."""
    *_, result = stream(tiny_model, query, NARROW, partial=partial)
    seen = result.reconstructions
    alone = detect(tiny_model, seen.query, Settings(masks=4, mask_ratio=0.5)).reconstructions
    assert np.array_equal(seen.masks, alone.masks)
    assert np.allclose(seen.pictures, alone.pictures, atol=1e-5)
    assert np.allclose(seen.error_maps, alone.error_maps, atol=1e-5)


def test_masks_may_be_added_in_any_batches(tiny_model) -> None:
    query = noise(100, 190)
    whole = detect(tiny_model, query, NARROW)
    sums = Sums(tiny_model, query, NARROW)
    for count in (2, 1, 1):
        sums.add(count)
    assert np.allclose(sums.result().error_map, whole.error_map, atol=1e-6)
    first = Sums(tiny_model, query, NARROW)
    first.add(2)
    two = detect(tiny_model, query, Settings(masks=2, mask_ratio=0.5, tile="on"))
    assert np.allclose(first.result().error_map, two.error_map, atol=1e-6)
    assert not first.result().complete


def test_the_same_seed_gives_the_same_map(tiny_model) -> None:
    query = noise(100, 190)
    first, second = (detect(tiny_model, query, NARROW) for _ in range(2))
    assert np.array_equal(first.error_map, second.error_map)


def test_good_parts_seen_through_windows_judge_through_windows(tiny_model) -> None:
    frames = [noise(480, 700, seed) // 4 + 90 for seed in range(2)]
    settings = Settings(masks=2, mask_ratio=0.5, tile="on")
    reference = learn(ENSEMBLE, Tools.of(tiny_model, settings, steps=1), frames)
    assert reference.tile == "on"
    assert reference.shots == 2
    auto = Tools.of(tiny_model, Settings(masks=2, mask_ratio=0.5, tile="auto"))
    *_, result = detector(ENSEMBLE, auto, reference)(frames[0])
    assert result.error_map.shape == (480, 700)
    assert result.made_by.windows
    with pytest.raises(SettingsError, match="through windows"):
        detector(ENSEMBLE, Tools.of(tiny_model, Settings(masks=2, mask_ratio=0.5)), reference)
    assert Reference().tile == "auto"


def test_a_bank_of_frames_keeps_their_shape() -> None:
    backbone = load_backbone("lite0")
    bank = build_bank(backbone, [noise(480, 700)], tile="on")
    assert bank.tile == "on"
    assert as_compared(noise(480, 700), backbone.side, "on").shape == (480, 700, 3)
    assert as_compared(noise(480, 700), backbone.side, "off").shape == (224, 224, 3)


def test_windows_to_learn_from_are_cut_from_all_frames() -> None:
    frames = [np.full((300, 400, 3), level, np.uint8) for level in (10, 200)]
    windows = sample_windows(frames, 64, 5, seed=0)
    assert [window.shape for window in windows] == [(64, 64, 3)] * 5
    assert [window.max() for window in windows] == [10, 200, 10, 200, 10]


@pytest.mark.parametrize("query", [np.zeros((90, 80), np.uint8), np.zeros((90, 80, 3))])
def test_a_query_of_another_type_is_refused_through_windows_too(tiny_model, query: np.ndarray) -> None:
    with pytest.raises(ImageError, match="load_image"):
        detect(tiny_model, query, NARROW)
