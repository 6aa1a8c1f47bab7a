"""The settings of a detection: their panel, and what is chosen there."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.events import Answer, Values
from app.gradio_fixes import OFFERED
from app.models import model_choices
from maeday_core import ENSEMBLE, METHODS, Settings
from maeday_core.detection.decision import ALARM_RATE

FIRST_METHOD = ENSEMBLE
"""It ranks best of those that need no good parts, and with them (docs/results.md)."""
MAX_MASKS = 64
MAX_SEED = 9999
MASKS = 16
"""Balanced, these come within half a point of 64 (docs/evaluation.md) in half the time of the paper's 32."""


@dataclass(frozen=True)
class SettingsPanel:
    """The components of the panel."""

    method: gr.Radio
    model: gr.Radio
    masks: gr.Slider
    ratio: gr.Slider
    seed: gr.Slider
    sampling: gr.Radio
    patches: gr.Radio
    tile: gr.Radio
    paper: gr.Button

    @property
    def inputs(self) -> set[Component]:
        """What `settings_of` reads, the method and the model."""
        return {self.method, self.model, self.masks, self.ratio, self.seed, self.sampling, self.patches, self.tile}


def settings_of(panel: SettingsPanel, values: Values, alarm_rate: float = ALARM_RATE) -> Settings:
    """The settings that are chosen, and the false alarms that are chosen beside the threshold.

    Raises:
        SettingsError: a value is out of its range.
    """
    return Settings(
        masks=min(int(values[panel.masks]), MAX_MASKS),
        mask_ratio=values[panel.ratio],
        seed=int(values[panel.seed]),
        sampling=values[panel.sampling],
        patches=values[panel.patches],
        tile=values[panel.tile],
        alarm_rate=alarm_rate,
    )


def as_in_the_paper(panel: SettingsPanel) -> Answer:
    """The settings of the paper, which are the engine's own."""
    return chosen(panel, Settings())


def chosen(panel: SettingsPanel, settings: Settings) -> Answer:
    """The panel shows these settings."""
    return {
        panel.masks: settings.masks,
        panel.ratio: settings.mask_ratio,
        panel.seed: settings.seed,
        panel.sampling: settings.sampling,
        panel.patches: settings.patches,
        panel.tile: settings.tile,
    }


def _as_in_the_paper() -> gr.Button:
    button = gr.Button("As in the paper", size="sm", elem_id="as-in-the-paper")
    gr.HTML(
        "<p>MAEDAY with 32 random masks, all patches, seed 0, the photo whole. The model stays the one that is chosen "
        "above: bundled is this project's own small one; base, large and huge are the paper's kind.</p>"
    )
    return button


def lay_out_settings(methods: list[tuple[str, str]]) -> SettingsPanel:
    """Lay out the panel; `methods` are titles and names of those that need no good parts."""
    choices = model_choices()
    about = " ".join(method.about for method in METHODS.values() if method.offered)
    with gr.Accordion("Method and settings", open=False, elem_id="settings"):
        return SettingsPanel(
            method=gr.Radio(
                methods,
                value=FIRST_METHOD.name,
                label="Method",
                info=about,
                elem_id="method",
                elem_classes=OFFERED,
            ),
            model=gr.Radio(
                choices,
                value=choices[0][1],
                label="Model",
                info="The weights of base, large and huge: Apache-2.0 by their model cards, CC BY-NC by their origin.",
                elem_id="model",
            ),
            masks=gr.Slider(1, MAX_MASKS, MASKS, step=1, label="Masks (N)", info="The paper uses 32.", elem_id="masks"),
            ratio=gr.Slider(
                0.1, 0.9, Settings.mask_ratio, step=0.05, label="Mask ratio", info="Share that is hidden at once."
            ),
            seed=gr.Slider(
                0, MAX_SEED, Settings.seed, step=1, label="Seed", info="Same seed, same heat map.", elem_id="seed"
            ),
            sampling=gr.Radio(
                [("random (paper)", "random"), ("balanced", "balanced")], value="balanced", label="Mask sampling"
            ),
            patches=gr.Radio(
                [("all (paper)", "all"), ("hidden only", "masked")], value="all", label="Patches that count"
            ),
            tile=gr.Radio(
                [("by its size", "auto"), ("whole, 224 x 224 (paper)", "off"), ("through windows", "on")],
                value="auto",
                label="How the photo is seen",
                info="Large or long photos are looked at through overlapping windows, so that no detail is lost.",
                elem_id="tile",
            ),
            paper=_as_in_the_paper(),
        )
