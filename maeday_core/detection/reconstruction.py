"""Zero-shot detection: hide, reconstruct, compare, N times over (Section 3 of the paper).

Eq. 1: E = g * (1 / N) sum over masks i of sum over R, G, B of (I - I_i)^2, and the image score S = max(E). I_i is the
reconstruction under mask i; `reconstruct` squares, `Sums` adds up and takes the mean, `smooth` is the Gaussian g.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, replace

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maeday_core.detection.perceptual import perceptual_error
from maeday_core.detection.reading import PLAIN, Reading
from maeday_core.detection.result import Alone, Detection, Provenance, Reconstructions
from maeday_core.detection.scale import map_size
from maeday_core.detection.settings import Settings
from maeday_core.detection.windows import FloatMap, Tiling, is_large
from maeday_core.errors import ImageError, WeightsError
from maeday_core.io.images import RGBImage, resize_map
from maeday_core.model.device import give_memory_back
from maeday_core.model.mae import MaskedAutoencoder, denormalise, normalise, visible_places
from maeday_core.model.masks import draw_masks

KERNEL_SIZE, SIGMA = 7, 1.4  # docs/decisions.md#eq-1
MICRO_BATCHES = (1, 3, 4, 8)
MICRO_BATCH = 16
TIDIED = 64
"""Of more windows, memory is given back after each look: glibc would keep 300 MB of what they were computed with."""
MANY_WINDOWS = 192
"""Of more windows, which no picture of 4 megapixels has, the sums of reconstructions are kept in half precision: 60 MB
less, and far below a grey level."""


def detect(
    model: MaskedAutoencoder,
    query: RGBImage,
    settings: Settings | None = None,
    reading: Reading = PLAIN,
) -> Detection:
    """Detect anomalies in one image: with no reference (zero-shot), or with a model adapted to good parts.

    Args:
        model: from `load_model`.
        query: uint8 (H, W, 3) RGB, any size, from `load_image`.
        settings: by default the paper's.
        reading: how the errors become a map; by default as Eq. 1 has them.

    Raises:
        ImageError: the query is no such array.
        WeightsError: the model computes no finite numbers.
    """
    *_, result = stream(model, query, settings, reading, partial=False)
    return result


def stream(
    model: MaskedAutoencoder,
    query: RGBImage,
    settings: Settings | None = None,
    reading: Reading = PLAIN,
    *,
    partial: bool = True,
) -> Iterator[Detection]:
    """Like `detect`, yielding a result after the first mask and after each further micro-batch.

    The last result is the whole one; stopping early costs nothing but what was not computed. Memory grows with the
    picture where it is seen through windows, not with the number of masks.

    Args:
        model, query, settings, reading: as in `detect`.
        partial: else yield the whole result only.
    """
    settings = settings or Settings()
    sums = Sums(model, query, settings, reading.perceptual(is_large(query.shape)))
    for count in micro_batches(settings.masks):
        sums.add(count)
        if partial or sums.done == settings.masks:
            yield sums.result(reading)


def provenance(model: MaskedAutoencoder, settings: Settings) -> Provenance:
    """What a zero-shot detection depends on."""
    return Provenance("maeday", **asdict(settings), model=model.info.name, model_sha256=model.info.sha256)


class Sums:
    """The running totals of a detection: masks are added in batches of any size, a result can be had at any time.

    Args:
        model: from `load_model`, or adapted.
        query: uint8 (H, W, 3).
        settings: of the detection; the masks are added in the order in which they are drawn.
        perceptual: whether reconstructions are summed up too, for the perceptual error.

    Attributes:
        done: how many masks have been added.
    """

    def __init__(self, model: MaskedAutoencoder, query: RGBImage, settings: Settings, perceptual: bool = False) -> None:
        if query.dtype != np.uint8 or query.ndim != 3 or query.shape[2] != 3:
            raise ImageError(f"A query is uint8 (H, W, 3), not {query.dtype} {query.shape}; load_image makes it so.")
        self.start = time.perf_counter()
        self.model, self.settings, self.shape = model, settings, (query.shape[0], query.shape[1])
        config = model.config
        self.view = Tiling.of(query.shape, settings.tile, config.image_size)
        self.fitted = self.view.fit(query)
        self.masks = draw_masks(
            settings.masks, config.num_patches, settings.mask_ratio, settings.seed, settings.sampling
        )
        self.hidden = hidden_pixels(self.masks, config.image_size)
        self.counted = self.hidden if settings.patches == "masked" else np.ones((settings.masks, 1, 1), np.float32)
        self.done = 0
        size = (len(self.view.corners), config.image_size, config.image_size)
        self.errors = np.zeros(size, np.float32)
        precision = np.float16 if len(self.errors) > MANY_WINDOWS else np.float32
        self.guesses = np.zeros((*size, 3), precision) if perceptual else None
        self.shown: int | None = None
        self.kept: list[tuple[FloatMap, FloatMap]] = []

    def add(self, count: int) -> None:
        """Look at every window under the next `count` masks."""
        chosen = slice(self.done, self.done + count)
        together = max(1, MICRO_BATCH // count)
        leading: tuple[float, int, tuple[FloatMap, FloatMap]] | None = None
        for first in range(0, len(self.errors), together):
            numbers = range(first, min(first + together, len(self.errors)))
            pictures, errors = self._look(numbers, chosen)
            self.errors[numbers.start : numbers.stop] += (errors * self.counted[chosen]).sum(axis=1)
            if self.guesses is not None:
                for index, hidden in enumerate(
                    self.hidden[chosen]
                ):  # one by one: a sum then does not depend on batches
                    self.guesses[numbers.start : numbers.stop] += pictures[:, index] * hidden[..., None]
            for number, picture, error in zip(numbers, pictures, errors, strict=True):
                height = float(self.errors[number].max())
                if number == self.shown or (self.shown is None and (leading is None or height > leading[0])):
                    leading = height, number, (picture, error)
            del pictures, errors
            self._tidy()
        assert leading
        _, self.shown, (picture, error) = leading
        self.kept.append((picture.copy(), error.copy()))  # not the whole batch
        self.done += count

    def mean_errors(self) -> Iterator[FloatMap]:
        """The errors of each window so far, float32 (1 or 2, S, S): squared and, if asked for, perceptual."""
        times = self.hidden[: self.done].sum(axis=0)
        for number, squared in enumerate(self._squared()):
            errors = [squared]
            if self.guesses is not None:
                (window,) = self.view.cut(self.fitted, [self.view.corners[number]])
                errors.append(perceptual_error(window, self.guesses[number], times, self.model.device))
                self._tidy()
            yield np.stack(errors)

    def _tidy(self) -> None:
        if len(self.errors) > TIDIED:
            give_memory_back()

    def _squared(self) -> Iterator[FloatMap]:
        """The squared error of each window so far, float32 (S, S)."""
        counted = np.maximum(self.counted[: self.done].sum(axis=0), 1)
        return (smooth(error / counted) for error in self.errors)

    def result(self, reading: Reading = PLAIN) -> Detection:
        """The detection by the masks so far."""
        alone = replace(reading, evidence=False)
        error_map, *map_alone = self._maps(reading, alone) if reading.evidence else self._maps(reading)
        if not np.isfinite(error_map).all():
            raise WeightsError(f"The model {self.model.info.name} computes no finite numbers; its weights are broken.")
        seen = self._seen(error_map)
        return Detection(
            image_score=float(error_map.max()),
            error_map=error_map,
            unit=reading.unit,
            threshold=reading.ordinary(error_map).threshold(self.settings.alarm_rate),
            seconds=time.perf_counter() - self.start,
            made_by=replace(
                provenance(self.model, self.settings),
                windows=None if self.view.whole else self.view,
                device=self.model.device.type,
                dtype=str(self.model.dtype).removeprefix("torch."),
            ),
            seen=seen,
            size=self.shape,
            good=reading.good,
            alone=self._alone(alone, *map_alone) if map_alone else None,
        )

    def _maps(self, *readings: Reading) -> list[FloatMap]:
        """The maps of the errors of all windows, as some readings have them; window by window, to save memory."""
        large = is_large(self.shape)
        squared = np.empty_like(self.errors)
        for window, error in zip(squared, self._squared(), strict=True):
            window[:] = error
        usual = [reading.usual(squared, large) for reading in readings]
        del squared
        blended = self.view.blend(
            np.concatenate(
                [
                    reading.maps(errors[None], self.done, large, compared)
                    for reading, compared in zip(readings, usual, strict=True)
                ]
            )
            for errors in self.mean_errors()
        )
        return [resize_map(one, *map_size(self.shape)) for one in blended]

    def _alone(self, reading: Reading, error_map: FloatMap) -> Alone:
        """What the same errors say where they are not read as evidence for a sum."""
        return Alone(float(error_map.max()), reading.ordinary(error_map).threshold(self.settings.alarm_rate))

    def _seen(self, error_map: FloatMap) -> Reconstructions:
        """What the model saw of the window around the highest value of the map."""
        row, column = np.unravel_index(error_map.argmax(), error_map.shape)
        number = self.view.around((row + 0.5) / error_map.shape[0], (column + 0.5) / error_map.shape[1])
        if number != self.shown:  # another window than it seemed at first
            self.shown, self.kept = number, []
            for first in range(0, self.done, MICRO_BATCH):
                (pictures,), (errors,) = self._look(
                    range(number, number + 1), slice(first, min(first + MICRO_BATCH, self.done))
                )
                self.kept.append((pictures, errors))
        pictures, errors = (np.concatenate(found) for found in zip(*self.kept, strict=True))
        (query,) = self.view.cut(self.fitted, [self.view.corners[number]])
        grid = self.model.config.grid_size
        return Reconstructions(
            query=query,
            masks=self.masks[: self.done].reshape(self.done, grid, grid).numpy(),
            pictures=pictures,
            error_maps=np.stack([smooth(error) for error in errors]),
            total=self.settings.masks,
            window=self.view.place(number),
        )

    def _look(self, numbers: range, chosen: slice) -> tuple[FloatMap, FloatMap]:
        """Reconstructions (n, N, S, S, 3) and squared errors (n, N, S, S) of n windows under N masks."""
        model, masks = self.model, self.masks[chosen].to(self.model.device)
        windows = self.view.cut(self.fitted, [self.view.corners[number] for number in numbers])
        images = normalise(torch.from_numpy(windows).to(model.device).permute(0, 3, 1, 2).contiguous().float() / 255)
        with torch.inference_mode():
            tokens = model.embed(images)
            if len(images) > 1:
                images, tokens = (one.repeat_interleave(len(masks), 0) for one in (images, tokens))
                masks = masks.repeat(len(numbers), 1)
            pictures, errors = reconstruct(model, images, tokens, masks, self.settings.error_space)
            count = len(numbers), len(masks) // len(numbers)
            pictures = pictures.permute(0, 2, 3, 1)
            pictures, errors = (one.reshape(*count, *one.shape[1:]) for one in (pictures, errors))
            return pictures.cpu().numpy(), errors.cpu().numpy()


def reconstruct(
    model: MaskedAutoencoder, images: Tensor, tokens: Tensor, masks: Tensor, error_space: str
) -> tuple[Tensor, Tensor]:
    """Fill in what masks (N, L) hide of images (N or 1, 3, S, S), normalised, with their tokens (N or 1, L, D).

    Returns:
        Reconstructions (N, 3, S, S) in RGB, and their squared errors (N, S, S), summed over the channels.
    """
    visible = visible_places(masks)
    predicted = model.decode(model.encode(tokens, visible), visible, model.draft(images, masks))
    predicted = model.unpatchify(predicted.float())
    reconstruction = denormalise(predicted)
    if error_space == "rgb":
        return reconstruction, (denormalise(images) - reconstruction).square().sum(dim=1)
    return reconstruction, (images - predicted).square().sum(dim=1)


def micro_batches(masks: int) -> Iterator[int]:
    """Sizes that add up to `masks`: small first, for an early picture, then bounded, for bounded memory."""
    left = masks
    sizes = iter(MICRO_BATCHES)
    while left:
        size = min(next(sizes, MICRO_BATCH), left)
        left -= size
        yield size


def smooth(error: FloatMap) -> FloatMap:
    """Convolve a map (H, W) with the paper's Gaussian: 7 x 7, sigma 1.4, borders reflected."""
    blurred = cv2.GaussianBlur(error, (KERNEL_SIZE, KERNEL_SIZE), SIGMA, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.float32)


def hidden_pixels(masks: Tensor, size: int) -> npt.NDArray[np.float32]:
    """1 where a mask (N, L) hides the pixel, else 0: (N, size, size)."""
    grid = round(masks.shape[1] ** 0.5)
    block = np.ones((1, size // grid, size // grid), dtype=np.float32)
    return np.kron(masks.reshape(-1, grid, grid).numpy(), block)
