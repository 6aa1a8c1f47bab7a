"""Backbone: a pretrained network that describes every patch of a picture by a feature vector.

The features are mid-level ones, as in PatchCore: those of two or three stages, each averaged over its 3 x 3
neighbourhood, brought to one grid and concatenated. Unlike in PatchCore, each stage is divided by its standard
deviation and the whole has unit length, so that no stage and no contrast of the picture outweighs the others, and the
distance of two vectors lies in [0, 2] for every picture.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maeday_core.io.images import RGBImage, resize
from maeday_core.model.device import best_device, give_memory_back

SIDE = 224
MULTIPLE = 8


@dataclass(frozen=True)
class Parts:  # docs/decisions.md#memory-bank
    """How a large picture is seen in parts, so that memory is bounded; all in px, multiples of the coarsest stride.

    Attributes:
        pixels: a picture of more is seen so.
        side: of a part.
        around: what a part sees of its neighbours: half of what a feature of EfficientNet-Lite0 depends on, and more.
        multiple: the sides of the picture are rounded to it, so that all parts are sampled in step.
    """

    pixels: int = 600_000
    side: int = 320
    around: int = 192
    multiple: int = 32


PARTS = Parts()

LITE0 = "lite0"
WRN50 = "wrn50"
BACKBONES = {
    LITE0: "tf_efficientnet_lite0",
    WRN50: "wide_resnet50_2.tv_in1k",
    "dinov2": "vit_small_patch14_dinov2.lvd142m",
}
"""Short names and timm's: EfficientNet-Lite0 comes with a package; PatchCore's WideResNet-50-2 and AnomalyDINO's DINOv2
come from the Hub."""


@dataclass(frozen=True)
class Backbone:
    """A pretrained network, frozen; safe to share between threads.

    Attributes:
        name: a short name in `BACKBONES`, or timm's.
        network: returns the feature maps of its stages, (1, C, h, w) each, the finest first.
        mean, std: (3, 1, 1), of the pixels it was trained on, RGB in [0, 1].
        side: the shorter side in pixels that a picture should have.
        multiple: the sides of a picture are rounded to a multiple of it.
    """

    name: str
    network: nn.Module = field(repr=False)
    mean: Tensor = field(repr=False)
    std: Tensor = field(repr=False)
    side: int = SIDE
    multiple: int = MULTIPLE

    def __call__(self, picture: RGBImage) -> Tensor:
        """Features (h, w, C) of a picture (H, W, 3): float32, unit length, on the device of the network.

        A convolutional network sees a large picture in parts, with what lies around them. The features are those of the
        whole, but for the rounding of sums; a network that takes means over the whole picture takes them over each
        part.
        """
        large = self.multiple == MULTIPLE and picture.shape[0] * picture.shape[1] > PARTS.pixels
        multiple = PARTS.multiple if large else self.multiple
        height, width = (max(1, round(side / multiple)) * multiple for side in picture.shape[:2])
        picture = resize(picture, width, height)
        features = join(self._in_parts(picture) if large else self._stages(picture))
        if large:
            give_memory_back()
        return features

    def _stages(self, picture: RGBImage) -> list[Tensor]:
        image = torch.from_numpy(picture.copy()).to(self.mean.device).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            return [stage.float() for stage in self.network((image - self.mean) / self.std)]

    def _in_parts(self, picture: RGBImage) -> list[Tensor]:
        height, width = picture.shape[:2]
        whole: list[Tensor] = []
        for top, left in product(range(0, height, PARTS.side), range(0, width, PARTS.side)):
            above, before = max(0, top - PARTS.around), max(0, left - PARTS.around)
            bottom, right = min(height, top + PARTS.side), min(width, left + PARTS.side)
            part = picture[above : bottom + PARTS.around, before : right + PARTS.around]
            stages = self._stages(part)
            give_memory_back()
            strides = [part.shape[0] // stage.shape[2] for stage in stages]
            if not whole:
                whole = [
                    stage.new_empty(1, stage.shape[1], height // stride, width // stride)
                    for stage, stride in zip(stages, strides, strict=True)
                ]
            for all_of_it, stage, by in zip(whole, stages, strides, strict=True):
                place = all_of_it[..., top // by : bottom // by, left // by : right // by]
                rows, columns = place.shape[2:]
                place[:] = stage[..., (top - above) // by :, (left - before) // by :][..., :rows, :columns]
        return whole


def join(stages: list[Tensor]) -> Tensor:
    """Concatenate stages (1, C, h, w), the finest first, to features (h, w, sum of C) of unit length.

    The grid is that of the second of three stages, else that of the first. A single stage, a transformer's, is neither
    averaged nor scaled: attention has already mixed neighbouring tokens.
    """
    rows, columns = stages[1 if len(stages) > 2 else 0].shape[-2:]
    if len(stages) > 1:
        stages = [_averaged(stage, (rows, columns)) for stage in stages]
    joined = torch.cat(stages, dim=1)[0].permute(1, 2, 0)
    del stages  # of a large picture 40 MB
    return joined.div_(joined.norm(dim=-1, keepdim=True).clamp_min(1e-12)).contiguous()


def _averaged(stage: Tensor, grid: tuple[int, int]) -> Tensor:
    averaged = F.avg_pool2d(stage, 3, stride=1, padding=1, count_include_pad=False)
    return _to_grid(averaged, grid) / (averaged.std() + 1e-6)


def _to_grid(stage: Tensor, grid: tuple[int, int]) -> Tensor:
    if stage.shape[-2] > grid[0]:
        return F.avg_pool2d(stage, int(stage.shape[-2]) // int(grid[0]))  # the sides of a picture are multiples of both
    return F.interpolate(stage, grid, mode="bilinear", align_corners=False)


_locks: dict[tuple[str, bool, torch.device], threading.Lock] = {}


def load_backbone(name: str = LITE0, pretrained: bool = True, device: torch.device | None = None) -> Backbone:
    """Load a backbone; the same arguments return the same object.

    Args:
        name: a short name in `BACKBONES`, or any model name of timm's.
        pretrained: with its trained weights; else with random ones, for tests.
        device: by default `best_device`.

    Raises:
        WeightsError: there is no such backbone, or its weights cannot be loaded.
    """
    device = device or best_device()
    # A lock for each backbone: two callers load it once, and nobody waits for the download of another one.
    with _locks.setdefault((name, pretrained, device), threading.Lock()):
        return _load(name, pretrained, device)


@functools.cache
def _load(name: str, pretrained: bool, device: torch.device) -> Backbone:
    from maeday_core.model.networks import build  # timm, which the masked autoencoder by itself does without

    return build(name, pretrained, device)
