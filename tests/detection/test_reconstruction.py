"""The error map is Eq. 1, whatever the number of masks, the ratio and the size of the query."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from maeday_core.detection.decision import from_picture, ordinary_level
from maeday_core.detection.reading import ERROR
from maeday_core.detection.reconstruction import detect, micro_batches, smooth, stream
from maeday_core.detection.settings import SETTINGS, Settings
from maeday_core.errors import ImageError, SettingsError, WeightsError
from maeday_core.io.images import resize_map
from maeday_core.model.mae import IMAGENET_MEAN, IMAGENET_STD, MaskedAutoencoder
from maeday_core.model.masks import draw_masks
from tests.conftest import TINY


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow_error_map(model, query: np.ndarray, settings: Settings) -> np.ndarray:
    """Eq. 1 by loops over masks, channels and pixels, in float64, one mask a forward pass."""
    side = model.config.image_size
    seen = np.asarray(Image.fromarray(query).resize((side, side), Image.Resampling.BILINEAR), dtype=np.float64) / 255
    model_input = torch.tensor((seen - IMAGENET_MEAN) / IMAGENET_STD).permute(2, 0, 1)[None].float()
    masks = draw_masks(settings.masks, model.config.num_patches, settings.mask_ratio, settings.seed, settings.sampling)

    half = 3
    offsets = range(-half, half + 1)
    weights = [[math.exp(-(i**2 + j**2) / (2 * 1.4**2)) for j in offsets] for i in offsets]
    total_weight = sum(map(sum, weights))

    def mirrored(index: int) -> int:
        return side - 1 - abs(side - 1 - abs(index))

    total = np.zeros((side, side))
    for mask in masks:
        predicted = model.unpatchify(model(model_input, mask[None]))[0].double().numpy()
        for channel in range(3):
            reconstruction = predicted[channel] * IMAGENET_STD[channel] + IMAGENET_MEAN[channel]
            squared = (seen[..., channel] - reconstruction) ** 2
            for y in range(side):
                for x in range(side):
                    for i in offsets:
                        for j in offsets:
                            value = squared[mirrored(y + i), mirrored(x + j)]
                            total[y, x] += weights[i + half][j + half] / total_weight * value
    return total / settings.masks


@pytest.fixture(scope="module")
def small_model():
    """32 px, so that the slow loops end."""
    torch.manual_seed(1)
    return MaskedAutoencoder(replace(TINY, image_size=32)).requires_grad_(False).eval()


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        (Settings(masks=1), (32, 32)),
        (Settings(masks=3, mask_ratio=0.5, seed=7), (64, 64)),
        (Settings(masks=4, mask_ratio=0.9, sampling="balanced"), (50, 120)),
    ],
)
def test_error_map_is_equation_1(settings, shape, small_model):
    query = picture(*shape)
    result = detect(small_model, query, settings)
    expected = slow_error_map(small_model, query, settings)
    np.testing.assert_allclose(result.reconstructions.error_maps.mean(axis=0), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(result.error_map, resize_map(expected, *shape), rtol=1e-4, atol=1e-6)
    assert result.error_map.shape == shape
    assert result.error_map.dtype == np.float32
    assert result.image_score == result.error_map.max()


def test_masked_patches_only(tiny_model):
    result = detect(tiny_model, picture(64, 64), Settings(masks=6, patches="masked"))
    hidden = np.repeat(np.repeat(result.reconstructions.masks, 8, axis=1), 8, axis=2)
    seen = result.reconstructions.query / 255
    squared = ((seen - result.reconstructions.pictures) ** 2).sum(axis=3)
    expected = smooth(((squared * hidden).sum(axis=0) / np.maximum(hidden.sum(axis=0), 1)).astype(np.float32))
    np.testing.assert_allclose(result.error_map, expected, rtol=1e-4, atol=1e-6)


def test_normalised_space_weighs_channels_by_their_deviation(tiny_model):
    result = detect(tiny_model, picture(64, 64), Settings(masks=2, error_space="normalised"))
    seen = result.reconstructions.query / 255
    squared = (((seen - result.reconstructions.pictures) / IMAGENET_STD) ** 2).sum(axis=3)
    expected = smooth(squared.mean(axis=0).astype(np.float32))
    np.testing.assert_allclose(result.error_map, expected, rtol=1e-3, atol=1e-5)


def test_same_seed_same_map(tiny_model):
    query = picture(70, 90)
    first, second = (detect(tiny_model, query, Settings(masks=9, seed=3)) for _ in range(2))
    assert np.array_equal(first.error_map, second.error_map)
    assert not np.array_equal(first.error_map, detect(tiny_model, query, Settings(masks=9, seed=4)).error_map)


def test_stream_sharpens_towards_the_whole(tiny_model):
    query = picture(64, 64)
    whole = detect(tiny_model, query, Settings(masks=32))
    partial = list(stream(tiny_model, query, Settings(masks=32)))
    assert [len(result.reconstructions.masks) for result in partial] == [1, 4, 8, 16, 32]
    assert [result.complete for result in partial] == [False, False, False, False, True]
    assert np.array_equal(partial[-1].error_map, whole.error_map)
    early = detect(tiny_model, query, Settings(masks=8))
    np.testing.assert_allclose(partial[2].error_map, early.error_map, rtol=1e-5)
    distances = [np.abs(result.error_map - whole.error_map).mean() for result in partial]
    assert distances == sorted(distances, reverse=True)


@pytest.mark.parametrize("masks", [1, 2, 5, 32, 33, 512])
def test_micro_batches_are_bounded(masks):
    sizes = list(micro_batches(masks))
    assert sum(sizes) == masks
    assert max(sizes) <= 16
    assert sizes[0] == 1


def test_result_says_how_to_reproduce_it(tiny_model):
    settings = Settings(masks=2, mask_ratio=0.6, seed=5, sampling="balanced", patches="masked")
    result = detect(tiny_model, picture(64, 64), settings)
    assert result.made_by.method == "maeday"
    assert Settings(**{name: getattr(result.made_by, name) for name in SETTINGS}) == settings


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"masks": 0}, "masks"),
        ({"masks": 513}, "512"),
        ({"masks": 2.5}, "whole"),
        ({"seed": "0"}, "whole"),
        ({"mask_ratio": 1.0}, "0.95"),
        ({"mask_ratio": float("nan")}, "mask ratio"),
        ({"seed": -1}, "seed"),
        ({"alarm_rate": 0}, "alarm rate"),
        ({"alarm_rate": 1.0}, "alarm rate"),
        ({"alarm_rate": float("nan")}, "alarm rate"),
        ({"sampling": "x"}, "sampling"),
        ({"patches": "x"}, "patches"),
        ({"error_space": "x"}, "error_space"),
    ],
)
def test_settings_out_of_range_are_errors(changes, word):
    with pytest.raises(SettingsError, match=word):
        Settings(**changes)


def test_kernel_is_the_papers():
    impulse = np.zeros((15, 15), np.float32)
    impulse[7, 7] = 1
    kernel = smooth(impulse)
    assert np.count_nonzero(kernel) == 49
    assert kernel.sum() == pytest.approx(1)
    assert kernel[7, 8] / kernel[7, 7] == pytest.approx(math.exp(-1 / (2 * 1.4**2)), rel=1e-4)


def test_first_threshold_follows_the_picture_and_is_never_tiny(tiny_model):
    result = detect(tiny_model, picture(64, 64), Settings(masks=2))
    middle = result.threshold.ordinary.level
    assert middle == pytest.approx(ERROR.factor * ordinary_level(result.error_map) ** ERROR.power)
    assert result.threshold.value > middle
    assert result.threshold.shots == 0
    assert from_picture(np.full((8, 8), 0.001, np.float32), ERROR).threshold().value == ERROR.least > 0


def test_fewer_false_alarms_raise_the_threshold_and_change_nothing_else(tiny_model):
    few, many = (detect(tiny_model, picture(64, 64), Settings(masks=2, alarm_rate=share)) for share in (1e-12, 0.4))
    assert math.inf > few.threshold.value > many.threshold.value
    assert np.array_equal(few.error_map, many.error_map)
    assert few.image_score == many.image_score


@pytest.mark.parametrize("query", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))])
def test_a_query_of_another_kind_is_an_error(tiny_model, query):
    with pytest.raises(ImageError, match="load_image"):
        detect(tiny_model, query)


def test_broken_weights_are_no_calm_picture():
    model = MaskedAutoencoder(TINY).requires_grad_(False).eval()
    model.decoder_pred.bias.fill_(float("nan"))
    with pytest.raises(WeightsError, match="finite"):
        detect(model, picture(8, 8), Settings(masks=1))
