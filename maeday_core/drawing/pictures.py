"""Pictures of a result: heat map, overlay, what the model saw, and a figure to keep."""

from __future__ import annotations

from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from maeday_core.detection.result import Detection, Reconstructions, Scale
from maeday_core.detection.windows import FloatMap
from maeday_core.io.images import RGBImage, resize, resize_map
from maeday_core.methods import find
from maeday_core.methods.ensemble import shares

COLOUR_MAP = "inferno"
SOFTWARE = "MAEDAY"  # in the header of a picture that is written, which marks it as a result
HIDDEN_COLOUR = 118
_COLOURS = (matplotlib.colormaps[COLOUR_MAP](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def _position(error_map: FloatMap, scale: Scale) -> FloatMap:
    low, top = scale
    return np.asarray(np.clip((error_map - low) / (top - low), 0, 1))


def heat_map(error_map: FloatMap, scale: Scale) -> RGBImage:
    """Colour a map: black where `scale` begins, pale yellow where it ends; the scale is never the image's own."""
    return _COLOURS[(_position(error_map, scale) * 255).astype(np.uint8)]


def overlay(query: RGBImage, error_map: FloatMap, scale: Scale) -> RGBImage:
    """Lay the heat map over the query; where the error is low the photo shows, so a calm part looks like itself."""
    strength = _position(error_map, scale)[..., None] ** 0.7 * 0.85
    blended = query * (1 - strength) + heat_map(error_map, scale) * strength
    return np.asarray(np.clip(blended, 0, 255), np.uint8)


def outline(picture: RGBImage, error_map: FloatMap, threshold: float) -> RGBImage:
    """Draw the border of every region above `threshold`, light within dark so that it shows on any ground."""
    contours, _ = cv2.findContours((error_map > threshold).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.ascontiguousarray(picture).copy()
    width = max(1, round(min(picture.shape[:2]) / 320))
    cv2.drawContours(drawn, contours, -1, (10, 10, 10), 3 * width, cv2.LINE_AA)
    cv2.drawContours(drawn, contours, -1, (64, 224, 255), width, cv2.LINE_AA)
    return drawn


def masked_input(seen: Reconstructions, index: int) -> RGBImage:
    """What the encoder saw under mask `index`: the query with its hidden patches grey, (S, S, 3)."""
    side = seen.query.shape[0] // seen.masks.shape[1]
    hidden = np.kron(seen.masks[index], np.ones((side, side), dtype=bool))
    return np.where(hidden[..., None], np.uint8(HIDDEN_COLOUR), seen.query)


def reconstruction(seen: Reconstructions, index: int) -> RGBImage:
    """What the decoder made of mask `index`, clipped to what a picture can show, (S, S, 3)."""
    return np.asarray(np.clip(seen.pictures[index], 0, 1) * 255 + 0.5).astype(np.uint8)


def difference(seen: Reconstructions, index: int, scale: Scale) -> RGBImage:
    """The error map of mask `index` alone, (S, S, 3)."""
    return heat_map(seen.error_maps[index], scale)


def save_figure(query: RGBImage, result: Detection, threshold: float, path: str | Path) -> None:
    """Write query, heat map with its colour bar, and overlay side by side, with the settings beneath.

    Of a sum, the map of each part and its share of the peak come after.
    """
    height, width = query.shape[:2]
    shrink = min(1.0, 1024 / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = resize(query, *size)
    small_map = resize_map(result.error_map, size[1], size[0])
    scale = result.unit.scale(result.threshold.value)
    panel = 4.2
    count = 3 + len(result.parts)
    figure = Figure(
        figsize=(count * panel + 0.8, panel * min(max(height / width, 0.3), 2.5) + 0.9), layout="constrained"
    )
    axes = figure.subplots(1, count)
    axes[0].imshow(small)
    image = axes[1].imshow(small_map, cmap=COLOUR_MAP, vmin=scale[0], vmax=scale[1])
    axes[2].imshow(outline(overlay(small, small_map, scale), small_map, threshold))
    titles = ["Query", result.unit.title, "Overlay"]
    for axis, part, share in zip(axes[3:], result.parts, shares(result), strict=True):
        part_map = resize_map(part.error_map, size[1], size[0])
        axis.imshow(heat_map(part_map, part.unit.scale(part.threshold.value)))
        titles.append(f"{find(part.made_by.method).title}: {share:.0%} of the peak")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    bar = figure.colorbar(image, ax=axes[1], fraction=0.046, pad=0.02, extend="max")
    bar.set_label(result.unit.label)
    bar.ax.axhline(min(max(threshold, scale[0]), scale[1]), color="#40e0ff", linewidth=2)
    scores = f"image score {result.image_score:.3f}, threshold {threshold:.3f}"
    figure.supxlabel(f"{scores}   |   {_how(result)}", fontsize=9)
    figure.savefig(path, dpi=130, metadata={"Software": SOFTWARE})


def _how(result: Detection) -> str:
    """What a result depends on, in words."""
    made_by = result.made_by
    how = [made_by.method]
    if made_by.masks is not None:
        how.append(f"{made_by.model}, {made_by.masks} masks of {made_by.mask_ratio:.0%}, {made_by.sampling}")
    if made_by.backbone is not None:
        how.append(made_by.backbone)
    if made_by.shots:
        how.append(f"{made_by.shots} good part{'s' * (made_by.shots > 1)}")
    adapted = f"\nadapted: {made_by.adapter}" if made_by.adapter else ""
    return f"{', '.join(how)}, seed {made_by.seed}{adapted}"
