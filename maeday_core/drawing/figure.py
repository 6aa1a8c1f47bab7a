"""A result as one picture to keep: query, heat map and overlay, with the settings beneath."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from maeday_core import __version__
from maeday_core.drawing.cards import TITLES, factor_of
from maeday_core.drawing.letters import cut, in_letters_at_hand
from maeday_core.drawing.pictures import COLOUR_MAP, heat_map
from maeday_core.drawing.shown import Shown, number, overlay_pair, scale_of
from maeday_core.methods import find
from maeday_core.methods.ensemble import shares

SOFTWARE = "MAEDAY"  # in the header of a picture that is written, which marks it as a result
PANEL = 4.2  # inches
LONGEST_NAME = 80  # letters, about as wide as the three panels


def save_figure(view: Shown, path: str | Path) -> None:
    """Write query, heat map with its colour bar, and overlay side by side, with the settings beneath.

    Of a sum, the map of each part and its share of the peak come after.
    """
    result, scale = view.result, scale_of(view.result, own_scale=False, limit=view.limit)
    height, width = view.query.shape[:2]
    count = 3 + len(result.parts)
    figure = Figure(
        figsize=(count * PANEL + 0.8, PANEL * min(max(height / width, 0.3), 2.5) + 0.9), layout="constrained"
    )
    axes = figure.subplots(1, count)
    photo, covered = overlay_pair(view, own_scale=False)
    axes[0].imshow(photo)
    image = axes[1].imshow(result.error_map, cmap=COLOUR_MAP, vmin=scale[0], vmax=scale[1])
    axes[2].imshow(covered)
    titles = ["Photo", result.unit.title, TITLES[view.verdict]]
    for axis, part, share in zip(axes[3:], result.parts, shares(result), strict=True):
        axis.imshow(heat_map(part.error_map, scale_of(part, own_scale=False)))
        titles.append(f"{find(part.made_by.method).title}: {share:.0%} of the peak")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    bar = figure.colorbar(image, ax=axes[1], fraction=0.046, pad=0.02, extend="max")
    bar.set_label(result.unit.label)
    bar.ax.axhline(min(max(view.limit, scale[0]), scale[1]), color="#40e0ff", linewidth=2)
    factor = factor_of(result.image_score, view.limit)
    scores = f"score {number(result, result.image_score)}, limit {number(result, view.limit)}"
    facts = in_letters_at_hand(f"{factor} x the limit ({scores})   |   {_how(view)}")
    figure.supxlabel(facts, fontsize=9, parse_math=False)
    figure.savefig(path, dpi=130, metadata={"Software": SOFTWARE})


def _how(view: Shown) -> str:
    """What a result depends on, in words."""
    made_by = view.result.made_by
    how = [made_by.method]
    if made_by.masks is not None:
        how.append(f"{made_by.model}, {made_by.masks} masks of {made_by.mask_ratio:.0%}, {made_by.sampling}")
    if made_by.backbone is not None:
        how.append(made_by.backbone)
    if made_by.shots:
        named = ", ".join(filter(None, [view.reference.name, *view.reference.names]))
        how.append(f"{made_by.shots} good part{'s' * (made_by.shots > 1)}{f' ({named})' if named else ''}")
    adapted = f"\nadapted: {made_by.adapter}" if made_by.adapter else ""
    made = f"\n{cut(view.name, LONGEST_NAME)}, {view.time:%Y-%m-%d %H:%M}, MAEDAY {__version__}"
    return f"{', '.join(how)}, seed {made_by.seed}{adapted}{made}"
