"""What a run over frames leaves to look at: annotated pictures, a timeline, and one self-contained HTML page."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from maeday_core.drawing.pictures import overlay
from maeday_core.frames.objects import BlockMap
from maeday_core.frames.run import PICTURES, REPORT, Judged, Normal, ignored
from maeday_core.frames.sources import LeftOut
from maeday_core.io.images import RGBImage

WORST = 24
BOX = (64, 224, 255)
CONTOUR = (255, 214, 64)


def annotated(
    one: Judged,
    folder: Path,
    usual: Normal,
    ignore: RGBImage | None = None,
    heat: bool = False,
    labels: bool = True,
) -> RGBImage:
    """The frame, its longer side at most 1280 px, with the contour and the box of each object and its peak score.

    What is ignored is darkened.

    Args:
        heat: lay the map over the frame, its colours around the threshold.
        labels: write the peak scores.
    """
    picture = one.looked.picture(folder)
    height, width = picture.shape[:2]
    blocks = one.looked.map(folder)
    hidden = ignored(ignore, blocks)
    if hidden is not None:
        picture = np.where(_at(hidden.astype(np.uint8), blocks, width, height)[..., None] > 0, picture // 3, picture)
    values = usual.map(blocks, hidden).values
    above = (values > one.threshold).astype(np.uint8)
    if heat:
        scale = 0.75 * one.threshold, max(1.25 * one.threshold, 1e-6)
        quarter = max(1, width // 4), max(1, height // 4)
        smooth = cv2.resize(_at(values, blocks, width, height), quarter, interpolation=cv2.INTER_AREA)
        picture = overlay(picture, cv2.resize(smooth, (width, height)), scale)
    drawn = np.ascontiguousarray(picture)
    contours, _ = cv2.findContours(_at(above, blocks, width, height), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    line = max(1, round(min(height, width) / 360))
    cv2.drawContours(drawn, contours, -1, CONTOUR, line, cv2.LINE_AA)
    across, down = width / blocks.width, height / blocks.height
    for box in one.boxes:
        left, top = round(box.x * across) - 3 * line, round(box.y * down) - 3 * line
        right, bottom = round((box.x + box.width) * across) + 3 * line, round((box.y + box.height) * down) + 3 * line
        for colour, thickness in (((10, 10, 10), 3 * line), (BOX, line)):
            cv2.rectangle(drawn, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
        if labels:
            _label(drawn, f"{box.peak:.2f}", left, top, bottom, line)
    return drawn


def _label(picture: RGBImage, text: str, left: int, top: int, bottom: int, line: int) -> None:
    """Write on a dark ground above the box, or below where it begins at the border."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.3 * (1 + line)
    (width, height), base = cv2.getTextSize(text, font, size, 1)
    left = min(max(left, 0), picture.shape[1] - width - 8)
    foot = top - line if top > height + base + 6 else min(bottom + height + base + 6, picture.shape[0] - 1)
    cv2.rectangle(picture, (left, foot - height - base - 4), (left + width + 8, foot), (10, 10, 10), -1)
    cv2.putText(picture, text, (left + 4, foot - base), font, size, BOX, 1, cv2.LINE_AA)


def _at(blocks: np.ndarray, of: BlockMap, width: int, height: int) -> np.ndarray:
    """Blocks (rows, columns) at a picture's size; the last ones may reach beyond it."""
    across, down = width / of.width * of.block, height / of.height * of.block
    columns = np.minimum((np.arange(width) / across).astype(int), blocks.shape[1] - 1)
    rows = np.minimum((np.arange(height) / down).astype(int), blocks.shape[0] - 1)
    return blocks[rows][:, columns]


def worst_first(judged: Sequence[Judged]) -> list[Judged]:
    """By score, the highest first."""
    return sorted(judged, key=lambda one: -one.image_score)


def timeline(judged: Sequence[Judged], threshold: float) -> str:
    """The scores in the order of the frames, with the threshold, as SVG."""
    if not judged:
        return ""
    scores = [one.image_score for one in judged]
    low, top = min(*scores, threshold), max(*scores, threshold)
    pad = 0.08 * (top - low) or 1.0
    low, top = low - pad, top + pad
    left, wide, high = 70, 900, 150

    def y(value: float) -> float:
        return 8 + high * (top - value) / (top - low)

    def x(index: int) -> float:
        return left + wide * (index + 0.5) / len(judged)

    dots = "".join(
        f'<circle cx="{x(i):.1f}" cy="{y(one.image_score):.1f}" r="{4 if one.boxes else 3}" class="{one.verdict}">'
        f"<title>{html.escape(one.looked.name)}: {one.image_score:.2f}</title></circle>"
        for i, one in enumerate(judged)
    )
    ticks = "".join(
        f'<text x="{left - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.2f}</text>'
        f'<line x1="{left}" x2="{left + wide}" y1="{y(v):.1f}" y2="{y(v):.1f}" class="grid"/>'
        for v in np.linspace(low + pad, top - pad, 3)
    )
    ends = (
        f'<text x="{left}" y="{high + 26}">{html.escape(_when(judged[0]))}</text>'
        f'<text x="{left + wide}" y="{high + 26}" text-anchor="end">{html.escape(_when(judged[-1]))}</text>'
    )
    bar = (
        f'<line x1="{left}" x2="{left + wide}" y1="{y(threshold):.1f}" y2="{y(threshold):.1f}" class="limit"/>'
        f'<text x="{left + wide - 4}" y="{y(threshold) - 5:.1f}" text-anchor="end" class="limit">'
        f"threshold {threshold:.2f}</text>"
    )
    found = sum(one.verdict == "anomalous" for one in judged)
    label = f"Scores of {len(judged)} frames from {min(scores):.2f} to {max(scores):.2f}; {found} anomalous"
    return (
        f'<svg class="timeline" viewBox="0 0 {left + wide + 8} {high + 32}" role="img" aria-label="{label}">'
        f"{ticks}{bar}{dots}{ends}</svg>"
    )


def _when(one: Judged) -> str:
    return one.looked.name if one.looked.time is None else f"{one.looked.time:g} s"


def write_pictures(folder: Path, judged: Sequence[Judged], usual: Normal, ignore: RGBImage | None = None) -> list[Path]:
    """Write every anomalous frame, annotated, into `DIR/anomalous`, in place of those of an earlier verdict."""
    target = folder / PICTURES
    for old in target.glob("*.jpg"):
        old.unlink()
    target.mkdir(exist_ok=True)
    written = []
    for one in worst_first(judged):
        if one.boxes:
            path = target / f"{one.looked.stem}.jpg"
            path.write_bytes(_jpeg(annotated(one, folder, usual, ignore)))
            written.append(path)
    return written


def write_report(
    folder: Path,
    judged: Sequence[Judged],
    usual: Normal,
    left_out: Sequence[LeftOut] = (),
    ignore: RGBImage | None = None,
) -> Path:
    """Write `DIR/report.html`: the counts, the timeline, the worst frames, all scores, and what was left out."""
    found = [one for one in judged if one.boxes]
    threshold = judged[0].threshold if judged else usual.threshold
    worst = "".join(
        f'<figure><img alt="{html.escape(one.looked.name)}" '
        f'src="data:image/jpeg;base64,{_data(one, folder, usual, ignore)}">'
        f"<figcaption><b>{html.escape(one.looked.name)}</b>, score {one.image_score:.2f}, {objects(len(one.boxes))}"
        "</figcaption></figure>"
        for one in worst_first(found or judged)[:WORST]
    )
    rows = "".join(
        f'<tr class="{one.verdict}"><td>{html.escape(one.looked.path)}</td>'
        f"<td>{'' if one.looked.time is None else f'{one.looked.time:g}'}</td><td>{one.image_score:.3f}</td>"
        f"<td>{one.verdict}</td><td>{len(one.boxes)}</td></tr>"
        for one in worst_first(judged)
    )
    lost = "".join(f"<li>{html.escape(one.path)}: {html.escape(one.reason)}</li>" for one in left_out)
    settings = judged[0].looked.settings if judged else {}
    facts = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in settings.items())
    because = reason(usual, threshold)
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>MAEDAY: {len(judged)} frames</title>
<style>{STYLE}{TIMELINE_CSS}</style><h1>{found_in(len(found), len(judged))}</h1>
<p>Threshold {threshold:.3f}. {html.escape(because)}</p>{timeline(judged, threshold)}
<h2>{"The worst frames" if found else "The highest scores, all below the threshold"}</h2><div class="grid">{worst}</div>
<h2>All frames</h2><table><tr><th>frame</th><th>time, s</th><th>image score</th><th>verdict</th><th>objects</th></tr>
{rows}</table>{f"<h2>Left out</h2><ul>{lost}</ul>" if lost else ""}<h2>Settings</h2><table>{facts}</table></html>"""
    path = folder / REPORT
    path.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def reason(usual: Normal, threshold: float) -> str:
    """Where a threshold comes from, a sentence."""
    return usual.because if threshold == usual.threshold else "The threshold was set by hand."


def found_in(count: int, total: int) -> str:
    """In how many frames something was found, in words."""
    return f"{count} of {total} frames {'holds' if count == 1 else 'hold'} something that does not belong"


def objects(count: int) -> str:
    """How many, in words."""
    return f"{count} object{'' if count == 1 else 's'}"


def _data(one: Judged, folder: Path, usual: Normal, ignore: RGBImage | None) -> str:
    return base64.b64encode(_jpeg(annotated(one, folder, usual, ignore))).decode()


def _jpeg(picture: RGBImage) -> bytes:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    return data.tobytes()


STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:1200px;margin:2rem auto;padding:0 1rem;color:#1c1c1e;
background:#fff}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,360px),1fr));gap:1rem}
figure{margin:0}img{width:100%;border-radius:6px}figcaption{font-size:.9rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.9rem}th{text-align:left}td,th{padding:.15rem .8rem .15rem 0;
border-bottom:1px solid #e3e5ea;overflow-wrap:anywhere}.anomalous td{color:#b93a06;font-weight:600}
"""
TIMELINE_CSS = """
.timeline{width:100%;height:auto;font:11px system-ui,sans-serif}.timeline text{fill:currentColor;opacity:.8}
.timeline .grid{stroke:currentColor;opacity:.15}.timeline .limit{stroke:#1c7ed6;stroke-width:1.5;stroke-dasharray:6 4}
.timeline text.limit{stroke:none;fill:#1c7ed6;opacity:1;stroke-dasharray:none}
@media (max-width:640px){.timeline{font-size:22px}.timeline circle{r:9px}}
.timeline circle.normal{fill:#2b8a3e}.timeline circle.anomalous{fill:#d9480f}
"""
