"""Pictures of a result: heat map, overlay, what the model saw, and a figure to keep."""

from __future__ import annotations

from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from maeday_core.detection.reconstruction import DEVIATIONS, SQUARED_ERROR, Detection
from maeday_core.io.images import RGBImage, resize, resize_map
from maeday_core.methods.base import NAMES
from maeday_core.methods.ensemble import shares

COLOUR_MAP = "inferno"
COLOUR_SCALE = 0.5
"""The top of the fixed colour scale, for every model and picture: wrong by 0.4 of the range in each of R, G and B."""
HIDDEN_COLOUR = 118
_COLOURS = (matplotlib.colormaps[COLOUR_MAP](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


Scale = tuple[float, float]
"""Where the colours begin and where they end."""


def colour_scale(result: Detection) -> Scale:
    """The colour scale: a fixed one, or one around the threshold, which it has in its middle; never the image's own.

    No patch is nought away from all others, so that a scale of distances does not begin at 0.
    """
    if result.unit == SQUARED_ERROR:
        return 0.0, COLOUR_SCALE
    width = 1.0 if result.unit == DEVIATIONS else 0.25
    return (1 - width) * result.first_threshold, (1 + width) * result.first_threshold


def map_name(result: Detection) -> str:
    """What the map of a result is called."""
    return {SQUARED_ERROR: "Error map E", DEVIATIONS: "Error map"}.get(result.unit, f"Map of {result.unit}")


def _position(error_map: np.ndarray, scale: Scale) -> np.ndarray:
    low, top = scale
    return np.clip((error_map - low) / (top - low), 0, 1)


def heat_map(error_map: np.ndarray, scale: Scale) -> RGBImage:
    """Colour a map: black where `scale` begins, pale yellow where it ends; the scale is never the image's own."""
    return _COLOURS[(_position(error_map, scale) * 255).astype(np.uint8)]


def overlay(query: RGBImage, error_map: np.ndarray, scale: Scale) -> RGBImage:
    """Lay the heat map over the query; where the error is low the photo shows, so a calm part looks like itself."""
    strength = _position(error_map, scale)[..., None] ** 0.7 * 0.85
    blended = query * (1 - strength) + heat_map(error_map, scale) * strength
    return np.clip(blended, 0, 255).astype(np.uint8)


def outline(picture: RGBImage, error_map: np.ndarray, threshold: float) -> RGBImage:
    """Draw the border of every region above `threshold`, light within dark so that it shows on any ground."""
    contours, _ = cv2.findContours((error_map > threshold).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.ascontiguousarray(picture).copy()
    width = max(1, round(min(picture.shape[:2]) / 320))
    cv2.drawContours(drawn, contours, -1, (10, 10, 10), 3 * width, cv2.LINE_AA)
    cv2.drawContours(drawn, contours, -1, (64, 224, 255), width, cv2.LINE_AA)
    return drawn


def masked_input(result: Detection, index: int) -> RGBImage:
    """What the encoder saw in view `index`: the query with its hidden patches grey, (S, S, 3)."""
    side = result.query.shape[0] // result.masks.shape[1]
    hidden = np.kron(result.masks[index], np.ones((side, side), dtype=bool))
    return np.where(hidden[..., None], np.uint8(HIDDEN_COLOUR), result.query)


def reconstruction(result: Detection, index: int) -> RGBImage:
    """What the decoder made of view `index`, clipped to what a picture can show, (S, S, 3)."""
    return (np.clip(result.reconstructions[index], 0, 1) * 255 + 0.5).astype(np.uint8)


def difference(result: Detection, index: int, scale: Scale) -> RGBImage:
    """The error map of view `index` alone, on the same scale as the whole, (S, S, 3)."""
    return heat_map(result.error_maps[index], scale)


def save_figure(query: RGBImage, result: Detection, threshold: float, path: str | Path) -> None:
    """Write query, heat map with its colour bar, and overlay side by side, with the settings beneath.

    Of an ensemble, the map of each part and its share of the peak come after.
    """
    height, width = query.shape[:2]
    shrink = min(1.0, 1024 / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = resize(query, *size)
    small_map = resize_map(result.error_map, size[1], size[0])
    scale = colour_scale(result)
    covered = outline(overlay(small, small_map, scale), small_map, threshold)
    panel = 4.2
    count = 3 + len(result.parts)
    figure = Figure(
        figsize=(count * panel + 0.8, panel * min(max(height / width, 0.3), 2.5) + 0.9), layout="constrained"
    )
    axes = figure.subplots(1, count)
    axes[0].imshow(small)
    image = axes[1].imshow(small_map, cmap=COLOUR_MAP, vmin=scale[0], vmax=scale[1])
    axes[2].imshow(covered)
    titles = ["Query", map_name(result), "Overlay"]
    for axis, part, share in zip(axes[3:], result.parts, shares(result), strict=True):
        axis.imshow(heat_map(resize_map(part.error_map, size[1], size[0]), colour_scale(part)))
        titles.append(f"{NAMES[part.settings['method']]}: {share:.0%} of the peak")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    bar = figure.colorbar(image, ax=axes[1], fraction=0.046, pad=0.02, extend="max")
    bar.set_label("squared error, RGB in [0, 1]" if result.unit == SQUARED_ERROR else result.unit)
    bar.ax.axhline(min(max(threshold, scale[0]), scale[1]), color="#40e0ff", linewidth=2)
    s = result.settings
    how = [s["method"]]
    if "masks" in s:
        how.append(f"{s['model']}, {s['masks']} masks of {s['mask_ratio']:.0%}, {s['sampling']}")
    if "backbone" in s:
        how.append(f"{s['backbone']}, {result.shots} good parts" if result.shots else s["backbone"])
    figure.supxlabel(
        f"image score {result.image_score:.3f}, threshold {threshold:.3f}   |   {', '.join(how)}, seed {s['seed']}"
        + (f"\nadapted: {s['adapter']}" if "adapter" in s else ""),
        fontsize=9,
    )
    figure.savefig(path, dpi=130)
