"""What the page shows of a result: pictures and a few lines of HTML, drawn from a value and never from the model."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maeday_core import Detection
from maeday_core.detection.reconstruction import DEVIATIONS, SQUARED_ERROR
from maeday_core.drawing.pictures import (
    COLOUR_SCALE,
    Scale,
    colour_scale,
    difference,
    heat_map,
    masked_input,
    outline,
    overlay,
    reconstruction,
    save_figure,
)
from maeday_core.io.images import RGBImage, resize, resize_map
from maeday_core.methods.base import NAMES, Reference
from maeday_core.methods.ensemble import shares
from maeday_core.methods.patchcore import CROP, crops_of

SHOWN_SIDE = 800
HIDE_MASKS = "<style>#what-the-model-saw{display:none}</style>"


@dataclass(frozen=True)
class Shown:
    """One visitor's current result.

    Attributes:
        name: the query's file name.
        query: the query at display size.
        result: the detection; its error map is at display size, its score that of the full map.
        stopped: whether the visitor ended it early.
        before: with an adapter, the same query without one.
        doubt: a sentence on a query that looks unlike the good parts.
    """

    name: str
    query: RGBImage
    result: Detection
    stopped: bool = False
    before: Shown | None = None
    doubt: str | None = None


def shown(name: str, query: RGBImage, result: Detection) -> Shown:
    """Bring a result to display size."""
    height, width = query.shape[:2]
    shrink = min(1.0, SHOWN_SIDE / max(height, width))
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))

    def small(result: Detection) -> Detection:
        error_map = resize_map(result.error_map, height, width)
        error_map = error_map * (result.image_score / max(float(error_map.max()), 1e-12))  # its peak stays the score
        return replace(result, error_map=error_map, parts=tuple(small(part) for part in result.parts))

    return Shown(name, resize(query, width, height), small(result))


def scale_of(view: Shown, own_scale: bool) -> Scale:
    """The colour scale: the fixed one, that around the threshold, or from this picture's own lowest to its highest."""
    if not own_scale:
        return colour_scale(view.result)
    low = 0.0 if view.result.unit in (SQUARED_ERROR, DEVIATIONS) else float(view.result.error_map.min())
    return low, max(view.result.image_score, low + 1e-6)


def overlay_pair(view: Shown, threshold: float, own_scale: bool) -> tuple[RGBImage, RGBImage]:
    """The photo, and the photo under its heat map with the regions above the threshold outlined."""
    error_map = view.result.error_map
    return view.query, outline(overlay(view.query, error_map, scale_of(view, own_scale)), error_map, threshold)


def map_picture(view: Shown, threshold: float, own_scale: bool) -> RGBImage:
    """The heat map alone, outlined."""
    return outline(heat_map(view.result.error_map, scale_of(view, own_scale)), view.result.error_map, threshold)


def one_mask(view: Shown, index: int, own_scale: bool) -> tuple[RGBImage | None, RGBImage | None, RGBImage | None]:
    """Masked input, reconstruction and difference of view `index`, from 1; an index too high shows the last.

    One mask's difference is a squared error, whatever the map of all counts in. A method without masks has none.
    """
    if not len(view.result.masks):
        return None, None, None
    i = min(max(index, 1), len(view.result.masks)) - 1
    top = float(view.result.error_maps.mean(axis=0).max()) if own_scale else COLOUR_SCALE
    return masked_input(view.result, i), reconstruction(view.result, i), difference(view.result, i, (0.0, top))


def number(view: Shown, value: float) -> str:
    """A score as this result counts: squared errors are small, deviations are not."""
    return f"{value:.{3 if view.result.unit == SQUARED_ERROR else 2}f}"


def all_masks(view: Shown, own_scale: bool) -> list[tuple[RGBImage, str]]:
    """A tile for each mask: masked input, reconstruction and difference side by side."""
    count = len(view.result.masks)
    gap = np.full((view.result.query.shape[0], 6, 3), 255, np.uint8)
    tiles = []
    for index in range(1, count + 1):
        masked, filled, error = one_mask(view, index, own_scale)
        tiles.append((np.hstack([masked, gap, filled, gap, error]), f"Mask {index} of {count}"))
    return tiles


def message(title: str, text: str = "", kind: str = "hint", picture: str = "") -> str:
    """A card that says one thing, with HTML beneath; `kind` is `hint`, `busy`, `adapted` or `problem`."""
    return f'<div class="verdict {kind}"><h2>{html.escape(title)}</h2><p>{html.escape(text)}</p>{picture}</div>'


def verdict(view: Shown, threshold: float, own_scale: bool) -> str:
    """The card above the heat map: what was found, the numbers, and the colour bar they lie on."""
    result = view.result
    above = result.image_score > threshold
    share = float((result.error_map > threshold).mean())
    done, total = len(result.masks), result.total
    if above:
        title = "Something here does not belong"
        found = f"{share:.1%} of the picture lies" if share >= 0.001 else "A spot lies"
        text = f"{found} above the threshold and is outlined."
    else:
        title = "Nothing stands out"
        text = "The whole picture lies below the threshold."
        if result.unit == SQUARED_ERROR:
            text += " On rough or speckled ground the ensemble sees more."
    if not result.complete:
        text = f"Stopped after {done} of {total} masks. {text}" if view.stopped else f"{done} of {total} masks so far."
    if "tiles" in result.settings and done:
        text += f" Seen through {result.settings['tiles']}; the masks below are those of the one around the peak."
    if result.shots:
        text = " ".join([text, sureness(result), *([view.doubt] if view.doubt else [])])
    facts = f"image score <b>{number(view, result.image_score)}</b> · threshold <b>{number(view, threshold)}</b>"
    facts += f" · {NAMES[result.settings['method']]}"
    facts += f" · {done} mask{'s' if done > 1 else ''}" if done else ""
    facts += f" · {result.seconds:.2f} s"
    return (
        f'<div class="verdict {"anomalous" if above else "calm"}"><h2>{title}</h2>'
        f"<p>{html.escape(text)}</p>{colour_bar(view, threshold, own_scale)}<p class='facts'>{facts}</p></div>"
    )


def colour_bar(view: Shown, threshold: float, own_scale: bool) -> str:
    """The colour scale in HTML, with the threshold and the image score marked on it."""
    low, top = scale_of(view, own_scale)
    stops = ", ".join("rgb({},{},{})".format(*c) for c in heat_map(np.linspace(0, 1, 9)[None], (0.0, 1.0))[0])
    marks = "".join(
        f'<span class="mark {kind}" style="left:{100 * min(max((value - low) / (top - low), 0), 1):.1f}%" '
        f'title="{label} {number(view, value)}"></span>'
        for kind, label, value in (
            ("threshold", "threshold", threshold),
            ("score", "image score", view.result.image_score),
        )
    )
    score = number(view, view.result.image_score)
    label = f"Colour scale from {low:.2g} to {top:.2f}, threshold {number(view, threshold)}, image score {score}"
    unit = view.result.unit
    scale = "this picture's" if own_scale else "fixed" if unit == SQUARED_ERROR else "threshold in the middle of the"
    return (
        f'<div class="bar" role="img" aria-label="{label}" style="background:linear-gradient(90deg,{stops})">'
        f"{marks}</div>"
        f'<div class="ends"><span>{low:.2g}</span><span>{unit}, {scale} scale</span>'
        f"<span>{top:.2f}{'' if own_scale else '+'}</span></div>"
    )


def sureness(result: Detection) -> str:
    """How far the threshold can be trusted, in words."""
    scores = result.good_scores
    span = f"score {min(scores):.2f} to {max(scores):.2f}" if scores else ""
    if result.shots == 1:
        copies = f", whose copies {span}" if span else ""
        return (
            f"The threshold rests on one good part{copies}: it cannot tell how much good parts vary, so add more if "
            "you can."
        )
    if not span:
        return f"The threshold rests on {result.shots} good parts, each judged by the others."
    return f"The {result.shots} good parts {span}, each judged by the others."


def before_and_after(view: Shown | None, threshold: float, own_scale: bool) -> str:
    """The same query judged without the good parts and with them, side by side; empty without an adapter."""
    if view is None or view.before is None:
        return ""
    before = view.before
    pictures = ""
    for name, one, limit in (("Before", before, before.result.first_threshold), ("After", view, threshold)):
        score = one.result.image_score
        found = "stands out" if score > limit else "calm"
        caption = f"{name}: {found}, {number(one, score)} against {number(one, limit)}"
        pictures += _figure(overlay_pair(one, limit, own_scale)[1], caption)
    return f'<h3>Before and after the good parts</h3><div class="pair">{pictures}</div>'


def parts_of(view: Shown | None, own_scale: bool) -> str:
    """Of an ensemble, each part's own map with how much of the peak it accounts for.

    Of one method nothing; and where none has masks, what shows them is hidden.
    """
    if view is None or not view.result.parts:
        return HIDE_MASKS if view and not view.result.total else ""
    figures = ""
    for part, share in zip(view.result.parts, shares(view.result), strict=True):
        one = replace(view, result=part)
        name = NAMES[part.settings["method"]]
        caption = f"{name}: {share:.0%} of the peak, {number(one, part.image_score)} {part.unit}"
        figures += _figure(heat_map(part.error_map, scale_of(one, own_scale)), caption)
    return f'<h3>Which evidence counted</h3><div class="pair">{figures}</div>'


def peak_of(view: Shown) -> tuple[int, int]:
    """Column and row of the map's highest value, at display size."""
    row, column = np.unravel_index(view.result.error_map.argmax(), view.result.error_map.shape)
    return int(column), int(row)


def nearest_patch(view: Shown | None, x: int, y: int) -> str:
    """What the patch at column `x`, row `y` of the shown map was compared with; empty without embeddings."""
    if view is None or view.result.match is None:
        return ""
    match = view.result.match
    embedded = next((part.query for part in view.result.parts if part.match), view.result.query)
    rows, columns = match.distances.shape
    height, width = view.query.shape[:2]
    row, column = min(y * rows // height, rows - 1), min(x * columns // width, columns - 1)
    near = int(match.nearest[row, column])
    (here,) = crops_of(embedded, rows, columns, [row * columns + column])
    (like,) = crops_of(embedded, rows, columns, [near]) if match.crops is None else match.crops[near : near + 1]
    boxes = [(row, column, (64, 224, 255))]
    if match.crops is None:
        boxes.append((near // columns, near % columns, (255, 214, 64)))
    marked = np.ascontiguousarray(view.query).copy()
    side = 2 * CROP * min(height / embedded.shape[0], width / embedded.shape[1]) / 2
    for r, c, colour in boxes:
        centre = np.array([(c + 0.5) * width / columns, (r + 0.5) * height / rows])
        corner, end = (tuple((centre + sign * side / 2).round().astype(int).tolist()) for sign in (-1, 1))
        cv2.rectangle(marked, corner, end, (10, 10, 10), 5)
        cv2.rectangle(marked, corner, end, colour, 2)
    where = "elsewhere in this picture (yellow)" if match.crops is None else "among the good parts"
    distance = f"distance {match.distances[row, column]:.2f}"
    pictures = (
        _figure(marked, "The peak, or the place you clicked (blue)")
        + _figure(_enlarged(here), "What is there")
        + _figure(_enlarged(like), f"The most alike {where}: {distance}")
    )
    return (
        "<h3>Compared with</h3><p>Click anywhere on the map: here is what that place looks like most. "
        f'What looks like nothing else is foreign.</p><div class="pair nearest">{pictures}</div>'
    )


def _enlarged(crop: RGBImage) -> RGBImage:
    return cv2.resize(crop, (192, 192), interpolation=cv2.INTER_CUBIC)


def reference_card(reference: Reference, left_out: Sequence[str] = ()) -> str:
    """What the good parts in use have told, how the loss fell, and what to doubt."""
    adapter, banks = reference.adapter, reference.banks
    shots = adapter.calibration.shots if adapter else banks[0].shots
    told, losses, doubts = [], (), tuple(left_out)
    if adapter:
        losses, doubts = adapter.losses, (*left_out, *adapter.doubts)
        told.append(f"{adapter.steps} steps on the model {adapter.base}")
        if losses:
            told.append(f"loss {np.mean(losses[:4]):.4f} to {np.mean(losses[-4:]):.4f}")
    if banks:
        told.append(f"{len(banks[0].features)} patches to compare with")
    text = ", ".join(told) + ". Kept for this visit, an hour at most; save it to use it tomorrow."
    items = "".join(f"<li>{html.escape(doubt)}</li>" for doubt in doubts)
    beneath = loss_curve(losses, adapter.steps if adapter else 0) + (f"<ul>{items}</ul>" if items else "")
    return message(f"Adapted to {shots} good part{'s' * (shots > 1)}", text, "adapted", beneath)


def loss_curve(losses: Sequence[float], steps: int) -> str:
    """The loss of each step so far as a small SVG line."""
    if len(losses) < 2:
        return ""
    top = max(losses)
    points = " ".join(
        f"{300 * i / max(steps - 1, 1):.1f},{4 + 40 * (1 - loss / top):.1f}" for i, loss in enumerate(losses)
    )
    return (
        '<svg class="curve" viewBox="0 0 300 48" preserveAspectRatio="none" role="img" '
        f'aria-label="Loss from {losses[0]:.4f} to {losses[-1]:.4f}"><polyline points="{points}"/></svg>'
    )


def write_figure_and_report(folder: Path, view: Shown, threshold: float) -> tuple[Path, Path]:
    """Write what depends on the threshold, the figure (PNG) and the report (HTML); their paths."""
    figure, report = folder / f"{_stem(view)}-maeday.png", folder / f"{_stem(view)}-report.html"
    save_figure(view.query, view.result, threshold, figure)
    report.write_text(report_page(view, threshold), encoding="utf-8")
    return figure, report


def write_error_map(folder: Path, view: Shown, error_map: np.ndarray) -> Path:
    """Write the raw map (.npy, float32, at the query's own size); its path."""
    path = folder / f"{_stem(view)}-error-map.npy"
    np.save(path, error_map)
    return path


def _stem(view: Shown) -> str:
    return Path(view.name).stem[:80] or "query"


def report_page(view: Shown, threshold: float) -> str:
    """One self-contained HTML page: the verdict, the pictures, four of the masks, and the settings to reproduce it."""
    query, covered = overlay_pair(view, threshold, False)
    pictures = (
        _figure(query, "Query")
        + _figure(covered, "Overlay")
        + _figure(map_picture(view, threshold, False), "Error map")
    )
    views = ""
    for index in range(1, min(4, len(view.result.masks)) + 1):
        titles = (f"Mask {index}: what the model saw", "What it made of it", "Where they differ")
        views += "<div class='row'>" + "".join(map(_figure, one_mask(view, index, False), titles)) + "</div>"
    rows = "".join(
        f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in view.result.settings.items()
    )
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>MAEDAY: {html.escape(view.name)}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;color:#1c1c1e}}
.row{{display:flex;gap:1rem;flex-wrap:wrap;margin-top:1.2rem}}figure{{margin:0 0 1rem;flex:1 1 220px}}img{{width:100%}}
th{{text-align:left;padding-right:2rem;font-weight:500}}{BAR_CSS}</style>
<h1>{html.escape(view.name)}</h1>{verdict(view, threshold, False)}<div class="row">{pictures}</div>
{before_and_after(view, threshold, False)}{parts_of(view, False) if view.result.parts else ""}
{nearest_patch(view, *peak_of(view))}
{f"<h2>What the model saw</h2>{views}" if views else ""}<h2>Settings</h2><table>{rows}</table></html>"""


def _figure(picture: RGBImage, caption: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<figure><img alt="{caption}" src="data:image/jpeg;base64,{data}"><figcaption>{caption}</figcaption></figure>'
    )


BAR_CSS = """
.verdict{border-left:6px solid #8a8f98;padding:.6rem 1rem;border-radius:8px;background:rgba(128,134,148,.10)}
.verdict h2{margin:0;font-size:1.25rem;line-height:1.35}
.verdict p{margin:.15rem 0 .4rem}
.verdict .facts{margin:.35rem 0 0;font-variant-numeric:tabular-nums;opacity:.85}
.verdict.anomalous{border-color:#d9480f;background:rgba(217,72,15,.10)}
.verdict.calm{border-color:#2b8a3e;background:rgba(43,138,62,.10)}
.verdict.problem{border-color:#c92a2a;background:rgba(201,42,42,.12)}
.bar{position:relative;height:14px;border-radius:3px;margin-top:.7rem}
.bar .mark{position:absolute;top:-5px;bottom:-5px;width:3px;margin-left:-1.5px;border-radius:2px;
box-shadow:0 0 0 1px rgba(0,0,0,.55)}
.bar .threshold{background:#40e0ff}.bar .score{background:#fff}
.verdict.adapted{border-color:#1c7ed6;background:rgba(28,126,214,.10)}
.verdict ul{margin:.2rem 0 .3rem 1.1rem;padding:0}
.pair{display:flex;gap:1rem;margin-top:.4rem}.pair figure{margin:0;flex:1 1 0;min-width:0}
.pair img{width:100%;max-height:300px;object-fit:contain;border-radius:6px}
.pair figcaption{font-size:.9rem;font-variant-numeric:tabular-nums}
.nearest{align-items:flex-start}.nearest figure:not(:first-child){flex:0 1 26%}
@media (max-width:640px){.nearest{flex-wrap:wrap}.nearest figure:first-child{flex:1 1 100%}
.nearest figure:not(:first-child){flex:1 1 0}}
.curve{width:100%;height:48px}.curve polyline{fill:none;stroke:#1c7ed6;stroke-width:2;vector-effect:non-scaling-stroke}
.ends{display:flex;justify-content:space-between;gap:.6rem;font-size:.8rem;opacity:.75;margin-top:.3rem}
"""
