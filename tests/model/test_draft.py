"""The draft continues what repeats, adds nothing else, and depends on no hidden pixel."""

import numpy as np
import pytest
import torch

from maeday_core.model.draft import EXTRAPOLATION, extrapolate
from maeday_core.model.masks import draw_masks

MASKS = draw_masks(4, 196, 0.75, 0)


def upsample(masks: torch.Tensor) -> torch.Tensor:
    return masks.view(-1, 1, 14, 14).repeat_interleave(16, 2).repeat_interleave(16, 3)


def waves(period: float, angle: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(224.0), torch.arange(224.0), indexing="ij")
    u, v = (np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x)
    return torch.sin(2 * torch.pi * u / period) + torch.cos(2 * torch.pi * v / period)


def unexplained(images: torch.Tensor, masks: torch.Tensor = MASKS) -> torch.Tensor:
    """Share of the variance that the draft misses on hidden pixels, one value a mask."""
    missed = (extrapolate(images, masks) - images).square() * upsample(masks)
    return missed.sum(dim=(1, 2, 3)) / upsample(masks).sum(dim=(1, 2, 3)) / 3 / images.var()


@pytest.mark.parametrize(("period", "angle"), [(9, 0.0), (13.7, 0.4), (22, 0.7), (40, 1.1)])
def test_a_repeating_pattern_is_continued(period, angle):
    images = waves(period, angle).expand(1, 3, -1, -1)
    assert unexplained(images).max() < 0.25
    blurred = torch.nn.functional.avg_pool2d(images, 31, 1, 15)
    assert (blurred - images).square().mean() / images.var() > 0.5  # what a blur misses


def test_each_channel_follows_the_brightness():
    images = torch.stack([waves(16, 0.3), 0.5 * waves(16, 0.3) + 2, -0.2 * waves(16, 0.3)])[None]
    drafted = extrapolate(images, MASKS)
    for channel, scale in enumerate((1, 0.5, -0.2)):
        error = (drafted - images)[:, channel].square().mean() / (scale * waves(16, 0.3)).var()
        assert error < 0.2


def test_visible_pixels_come_back_and_hidden_ones_do_not_matter():
    images = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    hidden = upsample(MASKS).expand(-1, 3, -1, -1)
    drafted = extrapolate(images, MASKS)
    assert torch.equal(drafted[~hidden], images[~hidden])
    assert torch.equal(extrapolate(torch.where(hidden, 1e6, images), MASKS), drafted)


@pytest.mark.parametrize("value", [0.0, -2.1, 1e4])
def test_a_flat_picture_stays_flat(value):
    images = torch.full((1, 3, 224, 224), value)
    torch.testing.assert_close(extrapolate(images, MASKS), images.expand(4, -1, -1, -1), atol=1e-3, rtol=1e-4)


def test_one_picture_serves_all_masks():
    image = torch.randn(1, 3, 224, 224)
    torch.testing.assert_close(extrapolate(image, MASKS), extrapolate(image.expand(4, -1, -1, -1), MASKS))


def test_agrees_with_a_slow_loop():
    settings = EXTRAPOLATION
    size = 112 + settings.margin
    image = waves(15, 0.2) + 0.3 * torch.randn(224, 224, generator=torch.Generator().manual_seed(1))
    hidden = upsample(MASKS[:1])[0, 0].numpy()
    picture = image.numpy().astype(np.float64)
    small = picture.reshape(112, 2, 112, 2).mean(axis=(1, 3))
    seen = np.zeros((size, size), bool)
    seen[:112, :112] = ~hidden[::2, ::2]
    mean = small[seen[:112, :112]].mean()
    known = np.zeros(seen.shape)
    known[:112, :112] = small - mean
    known[~seen] = 0
    guess = known.copy()
    for step in range(settings.steps):
        spectrum = np.fft.fft2(guess)
        threshold = settings.highest * (settings.lowest / settings.highest) ** (step / (settings.steps - 1))
        spectrum[np.abs(spectrum) < threshold * np.abs(spectrum).max()] = 0
        continued = np.fft.ifft2(spectrum).real
        guess = np.where(seen, known, continued)
    ours = extrapolate(image.expand(1, 3, -1, -1), MASKS[:1])[0, 0].numpy()
    middle = np.kron(continued[:112, :112] + mean, np.ones((2, 2)))
    difference = np.abs(ours - middle)[hidden]
    assert np.median(difference) < 0.2 * picture.std()  # bilinear against nearest neighbours
    assert np.corrcoef(ours[hidden], middle[hidden])[0, 1] > 0.95
