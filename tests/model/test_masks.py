"""Masks hide what they should, reproducibly."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maeday_core.errors import SettingsError
from maeday_core.model.masks import SAMPLINGS, draw_masks, mask_from_noise, visible_count

grids = st.integers(2, 16).map(lambda side: side**2)
ratios = st.floats(0.05, 0.95)


@given(st.integers(1, 40), grids, ratios, st.integers(0, 2**32), st.sampled_from(SAMPLINGS))
def test_every_mask_hides_the_same_number(count, patches, ratio, seed, sampling):
    if not 0 < int(patches * (1 - ratio)) < patches:
        with pytest.raises(SettingsError):
            draw_masks(count, patches, ratio, seed, sampling)
        return
    masks = draw_masks(count, patches, ratio, seed, sampling)
    assert masks.shape == (count, patches)
    assert masks.dtype == torch.bool
    assert ((~masks).sum(dim=1) == visible_count(patches, ratio)).all()
    assert torch.equal(masks, draw_masks(count, patches, ratio, seed, sampling))
    longer = draw_masks(count + 3, patches, ratio, seed, sampling)
    assert torch.equal(longer[:count], masks)


def test_seeds_differ():
    assert not torch.equal(draw_masks(4, 196, 0.75, 0), draw_masks(4, 196, 0.75, 1))


def test_balanced_shows_every_patch_equally_often():
    shown = (~draw_masks(32, 196, 0.75, 0, "balanced")).sum(dim=0)
    assert (shown == 8).all()


def test_random_shows_a_quarter_on_average():
    shown = (~draw_masks(400, 196, 0.75, 0)).float().mean(dim=0)
    assert shown.mean() == pytest.approx(0.25)
    assert shown.std() < 0.04


def test_keeps_the_smallest_noise():
    mask = mask_from_noise(torch.tensor([[0.4, 0.1, 0.9, 0.2]]), 0.5)
    assert mask.tolist() == [[True, False, True, False]]


def test_unknown_sampling_is_an_error():
    with pytest.raises(SettingsError, match="random, balanced"):
        draw_masks(1, 196, 0.75, 0, "spiral")
