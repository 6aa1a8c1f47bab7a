"""Zero-shot detection: hide, reconstruct, compare, N times over (Section 3 of the paper, Eq. 1)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from maeday_core.detection.calibration import Calibration
from maeday_core.detection.perceptual import perceptual_error
from maeday_core.errors import ImageError, SettingsError, WeightsError
from maeday_core.io.images import RGBImage, resize, resize_map
from maeday_core.model.mae import MaskedAutoencoder, denormalise, normalise
from maeday_core.model.masks import SAMPLINGS, draw_masks

KERNEL_SIZE = 7
SIGMA = 1.4
STANDS_OUT = 4.0
LEAST_THRESHOLD = 0.05
MAX_MASKS = 512
MICRO_BATCHES = (1, 3, 4, 8)
MICRO_BATCH = 16
TILE = ("auto", "off", "on")


@dataclass(frozen=True)
class Settings:
    """What a detection depends on beside the model and the query; the defaults are the paper's.

    Attributes:
        masks: N, the number of random masks, 1 to 512.
        mask_ratio: share of the patches that each mask hides.
        seed: of the masks.
        sampling: `random` (the paper) or `balanced` (every patch is shown equally often).
        patches: `all` compares visible patches too, as the paper does; `masked` only what was hidden.
        error_space: `rgb` measures the error in RGB [0, 1]; `normalised` in the model's ImageNet-normalised values.
        tile: `off` sees the picture whole, as the paper does; `on` through overlapping windows at its own detail;
            `auto` so where it is large or long. `tiling` has the rule.
    """

    masks: int = 32
    mask_ratio: float = 0.75
    seed: int = 0
    sampling: str = "random"
    patches: str = "all"
    error_space: str = "rgb"
    tile: str = "off"

    def __post_init__(self) -> None:
        if not isinstance(self.masks, int) or not isinstance(self.seed, int):
            raise SettingsError(f"Masks and seed are whole numbers, not {self.masks!r} and {self.seed!r}.")
        if not 1 <= self.masks <= MAX_MASKS:
            raise SettingsError(f"The number of masks is {self.masks}; choose 1 to {MAX_MASKS}.")
        if not 0.05 <= self.mask_ratio <= 0.95:
            raise SettingsError(f"The mask ratio is {self.mask_ratio:g}; choose 0.05 to 0.95.")
        if self.seed < 0:
            raise SettingsError(f"The seed is {self.seed}; choose 0 or a larger whole number.")
        for name, choices in (
            ("sampling", SAMPLINGS),
            ("patches", ("all", "masked")),
            ("error_space", ("rgb", "normalised")),
            ("tile", TILE),
        ):
            if getattr(self, name) not in choices:
                raise SettingsError(f"{name} is {getattr(self, name)!r}; choose {' or '.join(choices)}.")


SQUARED_ERROR = "squared error"
DEVIATIONS = "deviations above normal"


def _none() -> np.ndarray:
    return np.empty(0)


@dataclass(frozen=True)
class Detection:
    """What was found in one image, and how; the same for every method.

    Attributes:
        image_score: S = max(E), the highest value of `error_map`.
        error_map: E, float32 (H, W) of the query's own size, 0 or more, in `unit`.
        seconds: from the decoded query to this result.
        settings: all that is needed to reproduce it, the model's name and hash included.
        query: uint8 (h, w, 3), the query as the model saw it.
        first_threshold: a threshold to start from: what the good parts tell, or, where there are none, a guess.
        unit: of the map. `squared error` in RGB [0, 1] summed over the channels, so 0 is a perfect reconstruction and
            3 the most an in-range one can miss; `deviations above normal` on good parts; or, of embeddings, `distance`
            and `evidence`.
        good_scores: image scores of good parts that the threshold rests on; empty where there are none.
        shots: how many photos of good parts were known.
        masks: bool (N, g, g), True where a patch was hidden, g patches a side; none for embedding methods.
        reconstructions: float32 (N, S, S, 3), RGB; not clipped, so values may leave [0, 1].
        error_maps: float32 (N, S, S), E_i of each mask.
        total: N of the finished detection; more than `len(masks)` in a partial result.
        match: for embedding methods, what each patch was compared with.
        parts: for an ensemble, the results that it adds.
        window: where the masks were seen, as shares of the query: top, left, height, width. The whole of it, or, of a
            picture seen through windows, the one around its highest value.
    """

    image_score: float
    error_map: np.ndarray
    seconds: float
    settings: dict[str, Any]
    query: RGBImage
    first_threshold: float
    unit: str = SQUARED_ERROR
    good_scores: tuple[float, ...] = ()
    shots: int = 0
    masks: np.ndarray = field(default_factory=_none, repr=False)
    reconstructions: np.ndarray = field(default_factory=_none, repr=False)
    error_maps: np.ndarray = field(default_factory=_none, repr=False)
    total: int = 0
    match: Match | None = field(default=None, repr=False)
    parts: tuple[Detection, ...] = field(default=(), repr=False)
    window: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def complete(self) -> bool:
        """Whether all masks have been evaluated."""
        return len(self.masks) == self.total


@dataclass(frozen=True)
class Match:
    """What the patches of a picture were compared with (PatchCore, self-reference).

    Attributes:
        distances: float32 (h, w), of each patch to the nearest ones.
        nearest: int (h, w), the place of the nearest one among `crops`; for self-reference row * w + column.
        crops: uint8 (patches, s, s, 3), what the patches of a memory bank look like; None if it is this picture itself.
    """

    distances: np.ndarray
    nearest: np.ndarray
    crops: np.ndarray | None = None


def detect(
    model: MaskedAutoencoder,
    query: RGBImage,
    settings: Settings | None = None,
    calibration: Calibration | None = None,
) -> Detection:
    """Detect anomalies in one image: with no reference (zero-shot), or with a model adapted to good parts.

    Args:
        model: from `load_model`.
        query: uint8 (H, W, 3) RGB, any size, from `load_image`.
        settings: by default the paper's.
        calibration: of the adapter that made `model`; without one the error map is Eq. 1.
    """
    *_, result = stream(model, query, settings, calibration, partial=False)
    return result


def stream(
    model: MaskedAutoencoder,
    query: RGBImage,
    settings: Settings | None = None,
    calibration: Calibration | None = None,
    *,
    partial: bool = True,
) -> Iterator[Detection]:
    """Like `detect`, yielding a result after the first mask and after each further micro-batch.

    The last result is the whole one; stopping early costs nothing but what was not computed.
    """
    if query.dtype != np.uint8 or query.ndim != 3 or query.shape[2] != 3:
        raise ImageError(f"A query is uint8 (H, W, 3), not {query.dtype} {query.shape}; load_image makes it so.")
    settings = settings or Settings()
    config = model.config
    start = time.perf_counter()
    seen = resize(query, config.image_size, config.image_size)
    masks = draw_masks(settings.masks, config.num_patches, settings.mask_ratio, settings.seed, settings.sampling)
    record = {**asdict(settings), "method": "maeday", "model": model.info.name, "model_sha256": model.info.sha256}
    if "adapter" in model.info.metadata:
        record["adapter"] = model.info.metadata["adapter"]
    record |= {"device": model.device.type, "dtype": str(model.dtype).removeprefix("torch.")}

    images = normalise(torch.from_numpy(seen.copy()).permute(2, 0, 1)[None].to(model.device).float() / 255)
    with torch.inference_mode():
        tokens = model.embed(images)
    reconstructions, errors = [], []
    done = 0
    for size in micro_batches(settings.masks):
        batch = masks[done : done + size].to(model.device)
        done += size
        with torch.inference_mode():
            reconstruction, error = reconstruct(model, images, tokens, batch, settings.error_space)
            reconstructions.append(reconstruction.permute(0, 2, 3, 1).cpu().numpy())
            errors.append(error.cpu().numpy())
        if partial or done == settings.masks:
            error_maps = np.concatenate(errors)
            weights = counted(masks[:done], config.grid_size, config.image_size, settings.patches)
            error_map = smooth((error_maps * weights).sum(axis=0) / np.maximum(weights.sum(axis=0), 1))
            guessed = np.concatenate(reconstructions)
            if calibration:
                kinds = error_map[None]
                if calibration.looks:
                    kinds = both_errors(seen, error_map, guessed, masks[:done], model.device)
                error_map = calibration(kinds, done)
            error_map = resize_map(error_map, *query.shape[:2])
            if not np.isfinite(error_map).all():
                raise WeightsError(f"The model {model.info.name} computes no finite numbers; its weights are broken.")
            yield Detection(
                image_score=float(error_map.max()),
                error_map=error_map,
                seconds=time.perf_counter() - start,
                settings=record,
                query=seen,
                first_threshold=calibration.threshold if calibration else stands_out(error_map),
                unit=DEVIATIONS if calibration and calibration.relative else SQUARED_ERROR,
                good_scores=calibration.scores if calibration else (),
                shots=calibration.shots if calibration else 0,
                masks=masks[:done].reshape(done, config.grid_size, config.grid_size).numpy(),
                reconstructions=guessed,
                error_maps=np.stack([smooth(e) for e in error_maps]),
                total=settings.masks,
            )


def reconstruct(
    model: MaskedAutoencoder, images: Tensor, tokens: Tensor, masks: Tensor, error_space: str
) -> tuple[Tensor, Tensor]:
    """Fill in what masks (N, L) hide of images (N or 1, 3, S, S), normalised, with their tokens (N or 1, L, D).

    Returns:
        Reconstructions (N, 3, S, S) in RGB, and their squared errors (N, S, S), summed over the channels.
    """
    predicted = model.unpatchify(model.decode(model.encode(tokens, masks), masks, model.draft(images, masks)).float())
    reconstruction = denormalise(predicted)
    if error_space == "rgb":
        return reconstruction, (denormalise(images) - reconstruction).square().sum(dim=1)
    return reconstruction, (images - predicted).square().sum(dim=1)


def stands_out(error_map: np.ndarray) -> float:
    """A threshold for a squared error where no good part tells one: a guess.

    Four times the error that 95 % of this picture stays below, and at least 0.05 (an eighth of the range in each
    channel), so that a blank picture stays calm.
    """
    return max(STANDS_OUT * upper(error_map), LEAST_THRESHOLD)


def upper(error_map: np.ndarray) -> float:
    """What 95 % of a map (H, W) stays below; of a large one, by every few pixels."""
    step = max(1, min(error_map.shape) // 512)
    return float(np.quantile(error_map[::step, ::step], 0.95))


def micro_batches(masks: int) -> Iterator[int]:
    """Sizes that add up to `masks`: small first, for an early picture, then bounded, for bounded memory."""
    left = masks
    sizes = iter(MICRO_BATCHES)
    while left:
        size = min(next(sizes, MICRO_BATCH), left)
        left -= size
        yield size


def smooth(error: np.ndarray) -> np.ndarray:
    """Convolve a map (H, W) with the paper's Gaussian: 7 x 7, sigma 1.4, borders reflected."""
    return cv2.GaussianBlur(error, (KERNEL_SIZE, KERNEL_SIZE), SIGMA, borderType=cv2.BORDER_REFLECT_101)


def both_errors(
    seen: RGBImage, error_map: np.ndarray, reconstructions: np.ndarray, masks: Tensor, device: torch.device
) -> np.ndarray:
    """What a calibration compares: the squared error (S, S) and the perceptual one, float32 (2, S, S).

    Args:
        seen, error_map, reconstructions: as in `Detection`, the map at the model's own size.
        masks: bool (N, L).
        device: where features are computed.
    """
    size = len(seen)
    hidden = counted(masks, round(masks.shape[1] ** 0.5), size, "masked")
    total = np.einsum("nhwc,nhw->hwc", reconstructions, hidden)
    return np.stack([error_map, perceptual_error(seen, total, hidden.sum(axis=0), device)])


def counted(masks: Tensor, grid: int, size: int, patches: str) -> np.ndarray:
    """Which pixels count in the error, 0 or 1, (N, S, S): all of them, or those each mask (N, L) hid."""
    if patches == "all":
        return np.ones((len(masks), 1, 1), np.float32)
    scale = size // grid
    return np.kron(masks.reshape(-1, grid, grid).numpy(), np.ones((1, scale, scale), dtype=np.float32))
