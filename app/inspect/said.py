"""What a visitor said of photos, so that it can be taken back, saved and loaded; and where it stands on the tab."""

from __future__ import annotations

from dataclasses import dataclass, field

import gradio as gr

from app.cards import message
from maeday_core import Reference
from maeday_core.detection.feedback import Moved, moved_limit
from maeday_core.io.corrections import Correction, Label, merged

HINT = (
    "Is the verdict right?",
    "Say so, and the next verdicts follow: a normal one joins the good parts, a missed defect lowers the limit.",
)


@dataclass(frozen=True)
class Told:
    """One thing that was said, and what it changed.

    Attributes:
        correction: as a file has it.
        score: of the photo, as a multiple of its automatic limit.
        before, after: what was known about good parts, where the photo joined them.
    """

    correction: Correction
    score: float
    before: Reference | None = field(default=None, repr=False)
    after: Reference | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Said:
    """All that was said in a visit, the latest last.

    Attributes:
        told: of photos of this visit.
        loaded: from a file, of photos that are not here.
    """

    told: tuple[Told, ...] = ()
    loaded: tuple[Correction, ...] = ()

    @property
    def moved(self) -> Moved:
        """Where the limit lies by it; what joined the good parts counts there."""
        scores: dict[Label, list[float]] = {label: [] for label in Label}
        for one in self.told:
            if one.after is None:
                scores[one.correction.label].append(one.score)
        return moved_limit(scores[Label.NORMAL], scores[Label.DEFECT])

    @property
    def joined(self) -> int:
        """How many photos joined the good parts."""
        return sum(one.after is not None for one in self.told)

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """As a file has them."""
        return merged(self.loaded, (one.correction for one in self.told))

    def of(self, picture: str) -> Told | None:
        """What was said of a photo, by its hash."""
        return next((one for one in self.told if one.correction.picture == picture), None)

    def without(self, picture: str) -> Said:
        """All but what was said of a photo."""
        kept = tuple(one for one in self.told if one.correction.picture != picture)
        return Said(kept, tuple(one for one in self.loaded if one.picture != picture))

    def plus(self, told: Told) -> Said:
        """One thing more; what was said of the same photo before does not hold any more."""
        others = self.without(told.correction.picture)
        return Said((*others.told, told), others.loaded)


@dataclass(frozen=True)
class SaidPanel:
    """What the visitor says of the photo that is shown; `said` is its value, `marked` marks that there is some."""

    said: gr.State
    marked: gr.Checkbox
    column: gr.Column
    card: gr.HTML
    normal: gr.Button
    defect: gr.Button
    back: gr.Button
    save: gr.DownloadButton
    load: gr.UploadButton


def lay_out_said(lifetime: int, marked: gr.Checkbox) -> SaidPanel:
    """Lay out the panel; what was said is forgotten after `lifetime` seconds."""
    said = gr.State(Said(), time_to_live=lifetime)
    with gr.Column(elem_id="said") as column:
        card = gr.HTML(message(*HINT), elem_id="said-card")
        with gr.Row():
            normal = gr.Button("This one is normal", size="md", elem_id="say-normal", min_width=120)
            defect = gr.Button("This is a defect", size="md", elem_id="say-defect", min_width=120)
            back = gr.Button("Take the last one back", size="md", interactive=False, elem_id="say-back", min_width=120)
        with gr.Row():
            save = gr.DownloadButton(
                "Save the corrections", interactive=False, size="sm", elem_id="save-said", min_width=120
            )
            load = gr.UploadButton(
                "Load corrections", file_types=[".jsonl"], size="sm", elem_id="load-said", min_width=120
            )
    return SaidPanel(said, marked, column, card, normal, defect, back, save, load)
