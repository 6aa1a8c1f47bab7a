"""Self-reference: a patch is anomalous if nothing elsewhere in the same picture looks like it.

Zero-shot, from one picture, of any size and shape (the idea: Aota et al., WACV 2023). A surface repeats itself, so its
own patches are the memory bank; those around a patch are left out, for a defect is larger than one patch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from maeday_core.detection.decision import Roughness, from_picture
from maeday_core.detection.maps import to_map
from maeday_core.detection.region import Mask, blank, cells_that_count, counted
from maeday_core.detection.result import DISTANCE, Detection, Matches
from maeday_core.detection.scale import map_size, own_scale, resize_by, window_scale
from maeday_core.detection.windows import FloatMap, Tiling, is_large
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import Look, Method, Shots, Style, register
from maeday_core.methods.reference import Reference
from maeday_core.methods.tools import Tools
from maeday_core.model.backbone import SIDE
from maeday_core.model.device import give_memory_back


@dataclass(frozen=True)
class SelfMatching:  # docs/decisions.md#self-reference
    """How a picture is compared with itself.

    Attributes:
        neighbours: a patch's distance is the mean of that to so many nearest ones.
        apart: cells; patches so near are left out, for a defect is larger than one patch. Of a picture seen at the
            scale of windows, or a large defect would be compared with itself; of one seen whole, where so much less is
            elsewhere.
        bank: the most patches that serve as the bank.
        fields: the most alike patch is kept of each of so many fields down and across, so that one elsewhere can be
            shown however large the place is.
    """

    neighbours: int = 5
    apart: tuple[int, int] = (4, 2)
    bank: int = 2048
    fields: int = 6


MATCHING = SelfMatching()
MANY_PATCHES = 16_384
"""Of more, memory is given back after each part: glibc would keep 100 MB of what they were compared with."""
ROUGHNESS = Roughness(factor=1.07, power=0.86, spread=0.069, least=0.4, alike=0.045)  # docs/decisions.md#decision
ROUGHNESS_LARGE = replace(ROUGHNESS, least=0.75)


@dataclass(frozen=True)
class SelfReference(Method):
    """The picture against itself."""

    name = "self"
    title = "Self-reference"
    about = "Self-reference looks for patches unlike the rest of the picture."
    shots = Shots.NONE
    uses = frozenset({"seed", "tile", "alarm_rate", "backbone"})
    style = Style("#cc79a7", "D")

    def detector(self, tools: Tools, reference: Reference) -> Look:
        network, settings = tools.network(), tools.settings
        made_by = self.depends_on(tools, 0)

        def detect(query: RGBImage, ignored: Mask | None = None) -> Iterator[Detection]:
            start = time.perf_counter()
            view = Tiling.of(query.shape, settings.tile, SIDE)
            scale = (own_scale if view.whole else window_scale)(query.shape[0], query.shape[1], network.side)
            seen = resize_by(query, scale)
            distances, nearest = match_itself(network(seen), MATCHING.apart[view.whole], settings.seed, ignored)
            if is_large(query.shape):
                give_memory_back()
            error_map = blank(to_map(distances, *map_size(query.shape)), ignored)
            rough = ROUGHNESS_LARGE if is_large(query.shape) else ROUGHNESS
            yield Detection(
                image_score=float(error_map.max()),
                error_map=error_map,
                unit=DISTANCE,
                threshold=from_picture(counted(error_map, ignored), rough).threshold(settings.alarm_rate),
                seconds=time.perf_counter() - start,
                made_by=made_by,
                seen=Matches(seen, distances, nearest),
                size=query.shape[:2],
                ignored=ignored,
            )

        return detect


def match_itself(
    features: Tensor, apart: int, seed: int = 0, ignored: Mask | None = None
) -> tuple[FloatMap, npt.NDArray[np.int32]]:
    """Compare the patches of a picture (h, w, C) with each other; a sample of at most 2048 is the bank.

    So time and memory grow linearly with the pixels.

    Args:
        features: of unit length.
        apart: patches up to so many cells away are left out.
        seed: of the sample, where the picture has more patches.
        ignored: (H, W), where patches are not compared with.

    Returns:
        Mean distance to the five nearest patches elsewhere, float32 (h, w), 0 where there are none; and the places,
        row * w + column, of the nearest one in each field of the picture, the most alike first, int32 (h, w, fields).
    """
    rows, columns = features.shape[:2]
    patches = features.flatten(0, 1)
    at = torch.cartesian_prod(torch.arange(rows, dtype=torch.int32), torch.arange(columns, dtype=torch.int32))
    bank = torch.arange(len(patches))
    if ignored is not None:
        bank = bank[torch.from_numpy(cells_that_count(ignored, rows, columns).ravel())]
    if len(bank) > MATCHING.bank:
        drawn = torch.randperm(len(bank), generator=torch.Generator().manual_seed(seed))[: MATCHING.bank]
        bank = bank[drawn.sort().values]
    nearest = _Nearest(patches, at, bank, apart, _fields(at[bank], rows, columns))
    parts = zip(torch.split(patches, MATCHING.bank), torch.split(at, MATCHING.bank), strict=True)
    found = []
    for part, where in parts:
        found.append(nearest(part, where))
        if len(patches) > MANY_PATCHES:
            give_memory_back()
    distances, places = zip(*found, strict=True)
    return torch.cat(distances).view(rows, columns).numpy(), torch.cat(places).view(rows, columns, -1).numpy()


class _Nearest(nn.Module):
    """Compares patches, at some places, with a bank among all of them. A module, so that whoever shares the machine may
    have a turn before each part, as before each layer of a network."""

    def __init__(self, patches: Tensor, at: Tensor, bank: Tensor, apart: int, fields: list[Tensor]) -> None:
        super().__init__()
        self.known, self.at, self.bank = patches[bank.to(patches.device)], at[bank], bank
        self.apart, self.fields = apart, fields

    def forward(self, part: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """The mean distance to the nearest patches elsewhere, and where the nearest one in each field is."""
        between = torch.cdist(part, self.known).cpu()
        down, across = ((places[:, None, axis] - self.at[:, axis]).abs() <= self.apart for axis in (0, 1))
        between[down & across] = torch.inf
        found = between.topk(min(MATCHING.neighbours, len(self.bank)), largest=False)
        finite = torch.where(found.values.isinf(), torch.nan, found.values)
        return finite.nanmean(dim=1).nan_to_num(0), self.bank[_one_in_each(self.fields, between)].int()


def _fields(at: Tensor, rows: int, columns: int) -> list[Tensor]:
    """Which of some patches, at (n, 2), lie in each field of a picture of so many rows and columns."""
    down, across = ((at[:, axis] * MATCHING.fields) // length for axis, length in ((0, rows), (1, columns)))
    field = down * MATCHING.fields + across
    return [torch.nonzero(field == number)[:, 0] for number in field.unique()]


def _one_in_each(fields: list[Tensor], between: Tensor) -> Tensor:
    """The nearest in each field of each of m patches, whose distances are (m, n): (m, fields), the most alike first."""
    least = [between[:, own].min(dim=1) for own in fields]
    order = torch.stack([one.values for one in least], dim=1).argsort(dim=1, stable=True)
    return torch.stack([own[one.indices] for own, one in zip(fields, least, strict=True)], dim=1).gather(1, order)


SELF_REFERENCE = register(SelfReference())
