"""The Inspect tab: one photo, one detection, what the model saw. What stands where, and what happens when."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from app import cards
from app.cards import Shown, message
from app.inspect.good_parts import example_photos, fine_tune, forget, good_parts, stop_tuning, take_reference, working
from app.models import device_label, in_turns, loading, loading_backbone, model_choices, without_folders
from maeday_core import MaedayError, Settings, load_image
from maeday_core.detection.reconstruction import DEVIATIONS, SQUARED_ERROR
from maeday_core.drawing.pictures import map_name
from maeday_core.fewshot.doubts import doubt_of_query
from maeday_core.methods.base import NAMES, Reference, default_backbone, detector

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
MAX_MASKS = 64
MASKS = 16
"""Balanced, these come within half a point of 64 (docs/evaluation.md) in half the time of the paper's 32."""
MAX_RUNS = 8
SHOWN = 15
"""How many components show a result; the files and the gallery come after."""

METHOD_INFO = (
    "MAEDAY hides and reconstructs. Self-reference looks for patches unlike the rest of the picture, PatchCore for "
    "patches unlike the good parts. The ensemble adds both kinds of evidence."
)
HINT = message("Is there something here that does not belong?", "Add a photo and press Detect, or click an example.")
SCROLL_TO_VERDICT = """() => {
    if (innerWidth < 768) document.getElementById("verdict").scrollIntoView({behavior: "smooth"});
    return [];
}"""
SCROLL_TO_NEW_VERDICT = """() => {
    const photo = document.querySelector("#query img");
    if (photo && innerWidth < 768) document.getElementById("verdict").scrollIntoView({behavior: "smooth"});
}"""


@dataclass(frozen=True)
class Incoming:
    """A picture that another tab wants to see here: how it was seen there, and the threshold it was judged by."""

    path: str
    method: str
    tile: str
    masks: int
    threshold: float
    time: float


def inspect_tab(lifetime: int) -> gr.State:
    """Lay out the tab; a visitor's result is forgotten after `lifetime` seconds.

    Returns:
        Where another tab puts what to inspect.
    """
    incoming = gr.State(None)
    state = gr.State(None, time_to_live=lifetime)
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            query = gr.Image(
                label="Query",
                placeholder="One photo of a surface or a part: drop it here",
                type="filepath",
                image_mode=None,
                height=300,
                sources=["upload", "clipboard", "webcam"],
                elem_id="query",
                buttons=["fullscreen"],
            )
            with gr.Row():
                detect = gr.Button("Detect", variant="primary", elem_id="detect", min_width=100)
                stop = gr.Button("Stop", variant="stop", elem_id="stop", interactive=False, min_width=100)
            method = gr.Radio(_method_choices(None), value="maeday", label="Method", info=METHOD_INFO, elem_id="method")
            parts = good_parts(lifetime)
            examples = gr.Examples(
                [[str(path)] for path in sorted(EXAMPLES.glob("*.jpg"))],
                inputs=[query],
                label="Examples: click one to inspect it",
                elem_id="examples",
                examples_per_page=12,
                cache_examples=False,
            )
            with gr.Accordion("Settings", open=False):
                choices = model_choices()
                licence = (
                    "The weights of base, large and huge: Apache-2.0 by their model cards, CC BY-NC by their origin."
                )
                model = gr.Dropdown(choices, value=choices[0][1], label="Model", info=licence, elem_id="model")
                masks = gr.Slider(
                    1, MAX_MASKS, MASKS, step=1, label="Masks (N)", info="The paper uses 32.", elem_id="masks"
                )
                ratio = gr.Slider(
                    0.1, 0.9, Settings.mask_ratio, step=0.05, label="Mask ratio", info="Share hidden: 0.75."
                )
                seed = gr.Number(Settings.seed, label="Seed", precision=0, info="Same seed, same heat map.")
                sampling = gr.Radio(
                    [("random (paper)", "random"), ("balanced", "balanced")], value="balanced", label="Mask sampling"
                )
                patches = gr.Radio(
                    [("all (paper)", "all"), ("hidden only", "masked")], value="all", label="Patches that count"
                )
                tile = gr.Radio(
                    [("by its size", "auto"), ("whole, 224 x 224 (paper)", "off"), ("through windows", "on")],
                    value="auto",
                    label="How the photo is seen",
                    info="Large or long photos are looked at through overlapping windows, so that no detail is lost.",
                    elem_id="tile",
                )
                paper = gr.Button("As in the paper", size="sm", elem_id="as-in-the-paper")
            gr.Markdown(f"Running on {device_label()}", elem_id="device")
        with gr.Column(scale=7, min_width=340):
            verdict = gr.HTML(HINT, elem_id="verdict")
            with gr.Row():
                slider = gr.ImageSlider(
                    label="Photo | heat map",
                    type="numpy",
                    format="png",
                    interactive=False,
                    slider_position=35,
                    max_height=400,
                    min_width=300,
                    elem_id="overlay",
                )
                heat = gr.Image(
                    label="Error map E",
                    format="png",
                    interactive=False,
                    min_width=300,
                    elem_id="heat",
                    alt_text="The error map: bright where the reconstructions disagree with the photo",
                    buttons=["fullscreen"],
                )
            with gr.Row():
                with gr.Column(scale=3, min_width=260):
                    threshold = gr.Slider(
                        0,
                        1,
                        0.1,
                        step=0.005,
                        label="Threshold",
                        info="Move it freely: the model does not run again.",
                        elem_id="threshold",
                    )
                    auto = gr.Checkbox(
                        True,
                        label="automatic: from the good parts; without them a guess from this picture",
                        container=False,
                        elem_id="auto-threshold",
                    )
                own_scale = gr.Radio(
                    [("fixed", False), ("this picture", True)],
                    value=False,
                    label="Colour scale",
                    info="Fixed keeps a good part calm.",
                    scale=2,
                )
            with gr.Row():
                downloads = [
                    gr.DownloadButton(label, interactive=False, size="sm", elem_id=name)
                    for label, name in (
                        ("Heat map (PNG)", "get-png"),
                        ("Error map (.npy)", "get-npy"),
                        ("Report (HTML)", "get-report"),
                    )
                ]
            pair = gr.HTML("", elem_id="before-and-after")
            evidence = gr.HTML("", elem_id="evidence")
            nearest = gr.HTML("", elem_id="nearest")
            with gr.Column(elem_id="what-the-model-saw"):
                gr.Markdown("### What the model saw")
                index = gr.Slider(1, MASKS, 1, step=1, label="Mask", elem_id="mask-index")
                with gr.Row(elem_id="saw"):
                    saw = [
                        gr.Image(
                            label=label,
                            format="png",
                            interactive=False,
                            height=250,
                            min_width=90,
                            elem_id=name,
                            alt_text=f"{label} of the chosen mask",
                            buttons=[],
                        )
                        for label, name in (
                            ("Masked input", "masked"),
                            ("Reconstruction", "reconstruction"),
                            ("Difference", "difference"),
                        )
                    ]
                with gr.Accordion("All masks: input, reconstruction, difference", open=False):
                    gallery = gr.Gallery(
                        show_label=False,
                        columns=2,
                        format="jpeg",
                        height=640,
                        object_fit="contain",
                        elem_id="all-masks",
                    )

    settings = [model, masks, ratio, seed, sampling, patches, tile]
    buttons = [detect, stop, parts.tune]
    shown = [state, verdict, pair, evidence, nearest, slider, heat, index, *saw, threshold, *buttons]
    private = {"api_visibility": "private", "show_progress": "hidden"}
    busy = {
        "fn": _inspect,
        "inputs": [query, parts.reference, method, *settings, own_scale, threshold, auto],
        "outputs": [*shown, *downloads, gallery],
        "concurrency_limit": MAX_RUNS,
        "trigger_mode": "always_last",
        **private,
    }
    # What a click does at once, before its turn comes.
    waiting = {
        "fn": _waiting,
        "js": SCROLL_TO_VERDICT,
        "outputs": [state, verdict, *buttons, *downloads],
        "queue": False,
        **private,
    }
    again = {**busy, "fn": _inspect_again}
    learn = {
        "fn": fine_tune,
        "inputs": [parts.shots, parts.reference, *settings],
        "outputs": [*parts.outputs, *buttons],
        "concurrency_limit": MAX_RUNS,
        **private,
    }
    detect.click(**waiting)
    taken = incoming.change(
        _take, [incoming, parts.reference], [query, method, tile, masks, threshold, auto], **private
    )
    tried = parts.example.click(lambda: example_photos(EXAMPLES), None, [query, parts.shots], **private)
    adapted = [
        parts.tune.click(**learn),
        tried.then(**learn),
        parts.upload.upload(take_reference, [parts.upload, parts.reference], parts.outputs, **private),
        parts.forget.click(forget, None, parts.outputs, **private),
    ]
    runs = [
        detect.click(**busy),
        examples.load_input_event.then(**waiting).then(**busy),
        taken.then(**waiting).then(**busy),
        *[
            change.then(_offer_methods, [parts.reference, method], [method, auto], **private)
            .then(None, js=SCROLL_TO_NEW_VERDICT)
            .then(**again)
            for change in adapted
        ],
    ]
    stop.click(stop_tuning, cancels=runs, queue=False, **private)
    looks = {"queue": False, "trigger_mode": "always_last", **private}
    redraw = {
        "fn": _redraw,
        "inputs": [state, threshold, own_scale],
        "outputs": [verdict, pair, evidence, slider, heat],
        **looks,
    }
    files = {
        "fn": _files,
        "inputs": [state, threshold],
        "outputs": [downloads[0], downloads[2]],
        "trigger_mode": "always_last",
        **private,
    }
    for run in runs:  # A run that was stopped counts as failed, and only once nothing more can come from it.
        run.failure(
            _ended,
            [state, threshold, own_scale],
            shown,
            **looks,
        ).then(**files).then(_show_all_masks, [state, own_scale], gallery, **looks)
    method.input(lambda: True, None, auto, **looks)
    paper.click(_as_in_the_paper, None, [method, masks, ratio, sampling, patches, tile], **looks)
    threshold.input(lambda: False, None, auto, **looks).then(**redraw).then(**files)
    auto.input(_first_threshold, [state, threshold, auto], threshold, **looks).then(**redraw).then(**files)
    own_scale.input(**redraw).then(_show_mask, [state, index, own_scale], saw, **looks).then(
        _show_all_masks, [state, own_scale], gallery, **looks
    )
    heat.select(_show_nearest, state, nearest, **looks)
    index.input(_show_mask, [state, index, own_scale], saw, **looks)
    return incoming


def _as_in_the_paper() -> tuple[Any, ...]:
    s = Settings()
    return "maeday", s.masks, s.mask_ratio, s.sampling, s.patches, s.tile


def _take(incoming: Incoming | None, reference: Reference | None) -> tuple[Any, ...]:
    """A picture from another tab, to be seen as it was there, or as the good parts in use were."""
    if incoming is None:
        return (gr.skip(),) * 6
    if reference is not None:
        return incoming.path, incoming.method, reference.tile, incoming.masks, gr.skip(), True
    return incoming.path, incoming.method, incoming.tile, incoming.masks, incoming.threshold, False


def _inspect(
    path: str | None,
    reference: Reference | None,
    method: str,
    model_name: str,
    masks: int,
    ratio: float,
    seed: int | None,
    sampling: str,
    patches: str,
    tile: str,
    own_scale: bool,
    threshold: float,
    auto: bool,
) -> Iterator[tuple[Any, ...]]:
    """Run one detection, showing it as it sharpens; ends with the files to download."""
    if not path:
        yield _problem("There is no photo yet", "Add one on the left, or click an example, then press Detect.")
        return
    try:
        settings = Settings(min(int(masks), MAX_MASKS), ratio, int(seed or 0), sampling, patches, tile=tile)
        query = load_image(path)
        for model in loading(model_name):
            if isinstance(model, str):
                yield _busy(f"Loading the model {model_name}", model)
        if method != "maeday":
            for backbone in loading_backbone(model_name):
                if isinstance(backbone, str):
                    yield _busy("Loading the network that compares patches", backbone)
        name, before, doubt = Path(path).name, None, None
        network = default_backbone(model_name)
        reference = None if method == "self" else reference
        judge = detector(method, model, network, settings, reference, partial=True)
        if reference:
            doubt = doubt_of_query(query, reference.adapter.appearances) if reference.adapter else None
            yield _busy("Looking without the good parts first", "Then with them, side by side.")
            zero_shot = "self" if method == "patchcore" else method
            seen = settings if reference.tile == "auto" else replace(settings, tile=reference.tile)
            for result in in_turns(detector(zero_shot, model, network, seen)(query)):
                before = cards.shown(name, query, result)
        for result in in_turns(judge(query)):
            view = replace(cards.shown(name, query, result), before=before, doubt=doubt)
            threshold = _first_threshold(view, threshold, auto)
            yield _show(view, threshold, own_scale)
        with tempfile.TemporaryDirectory(prefix="maeday-") as folder:
            figure, report = cards.write_figure_and_report(Path(folder), view, threshold)
            raw = cards.write_error_map(Path(folder), view, result.error_map)
            files = (gr.DownloadButton(value=str(file), interactive=True) for file in (figure, raw, report))
            yield (*[gr.skip()] * SHOWN, *files, cards.all_masks(view, own_scale))
    except MaedayError as error:
        yield _problem("This did not work", without_folders(str(error)))
    except Exception:
        logging.getLogger(__name__).exception("detection failed")
        yield _problem(
            "This did not work", "The program made a mistake; its log says more. Try again, or another photo."
        )


def _inspect_again(path: str | None, *settings: Any) -> Iterator[tuple[Any, ...]]:
    """The same photo, now that the adapter is another; nothing without a photo.

    A result from before is gone first, so that Stop does not bring it back.
    """
    if path:
        yield None, *(gr.skip(),) * (SHOWN + 3)
        yield from _inspect(path, *settings)
    else:
        yield (gr.skip(),) * (SHOWN + 4)


def _waiting() -> tuple[Any, ...]:
    card = message("Starting", "If others inspect photos now, you take turns.", "busy")
    return None, card, *working(True), *[gr.DownloadButton(interactive=False)] * 3


def _show(view: Shown, threshold: float, own_scale: bool) -> tuple[Any, ...]:
    count = len(view.result.masks)
    running = not (view.result.complete or view.stopped)
    return (
        view,
        cards.verdict(view, threshold, own_scale),
        cards.before_and_after(view, threshold, own_scale),
        cards.parts_of(view, own_scale),
        cards.nearest_patch(view, *cards.peak_of(view)),
        cards.overlay_pair(view, threshold, own_scale),
        gr.Image(cards.map_picture(view, threshold, own_scale), label=map_name(view.result)),
        gr.Slider(maximum=max(count, 2), value=1, interactive=count > 1 and not running),
        *cards.one_mask(view, 1, own_scale),
        gr.Slider(**_threshold_range(view), value=threshold, interactive=not running),
        *working(running),
        *[gr.DownloadButton(interactive=False)] * 3,
        gr.skip(),
    )


def _busy(title: str, text: str) -> tuple[Any, ...]:
    return gr.skip(), message(title, text, "busy"), *[gr.skip()] * (SHOWN - 5), *working(True), *[gr.skip()] * 4


def _problem(title: str, text: str, kind: str = "problem") -> tuple[Any, ...]:
    """The card says what is wrong, and nothing of an earlier photo stays beside it."""
    return (
        None,
        message(title, text, kind),
        *[""] * 3,
        None,
        None,
        gr.skip(),
        *[None] * 3,
        gr.Slider(interactive=True),
        *working(False),
        *[gr.DownloadButton(interactive=False)] * 3,
        None,
    )


def _ended(view: Shown | None, threshold: float, own_scale: bool) -> tuple[Any, ...]:
    """After Stop, or after Gradio refused what was entered: show what there is."""
    if view is None:
        text = "Press Detect to try again. If a setting was refused, the note in the corner says which."
        return _problem("Nothing was computed", text, kind="hint")[:SHOWN]
    return _show(replace(view, stopped=True), threshold, own_scale)[:SHOWN]


def _files(view: Shown | None, threshold: float) -> Iterator[tuple[Any, ...]]:
    """The figure and the report as the page shows them now."""
    if view is None:
        yield gr.skip(), gr.skip()
        return
    with tempfile.TemporaryDirectory(prefix="maeday-") as folder:
        paths = cards.write_figure_and_report(Path(folder), view, threshold)
        yield tuple(gr.DownloadButton(value=str(path), interactive=True) for path in paths)


def _first_threshold(view: Shown | None, threshold: float, auto: bool) -> float:
    """The automatic threshold or the visitor's; never beyond the slider, which would refuse every event after."""
    if view is None:
        return threshold
    return round(min(view.result.first_threshold if auto else threshold, _threshold_range(view)["maximum"]), 3)


def _threshold_range(view: Shown) -> dict[str, float]:
    """Squared errors beyond 1 are rare; deviations reach further, in larger steps; distances and sums lie between."""
    ranges = {SQUARED_ERROR: {"maximum": 1, "step": 0.005}, DEVIATIONS: {"maximum": 30, "step": 0.05}}
    return ranges.get(view.result.unit, {"maximum": 3, "step": 0.01})


def _redraw(view: Shown | None, threshold: float, own_scale: bool) -> tuple[Any, ...]:
    if view is None:
        return (gr.skip(),) * 5
    return (
        cards.verdict(view, threshold, own_scale),
        cards.before_and_after(view, threshold, own_scale),
        cards.parts_of(view, own_scale),
        cards.overlay_pair(view, threshold, own_scale),
        cards.map_picture(view, threshold, own_scale),
    )


def _method_choices(reference: Reference | None) -> list[tuple[str, str]]:
    """Labels and names of the methods that can judge now."""
    learned = ["patchcore"] if reference and reference.banks else []
    return [(NAMES[name], name) for name in ("maeday", "self", "ensemble", *learned)]


def _offer_methods(reference: Reference | None, method: str) -> tuple[gr.Radio, bool]:
    """PatchCore once there are good parts; without them back to the paper's method.

    And the automatic threshold: one of another unit means nothing.
    """
    choices = _method_choices(reference)
    return gr.Radio(choices, value=method if method in [name for _, name in choices] else "maeday"), True


def _show_nearest(view: Shown | None, event: gr.SelectData) -> str:
    return cards.nearest_patch(view, *event.index)


def _show_mask(view: Shown | None, index: int, own_scale: bool) -> tuple[Any, ...]:
    return cards.one_mask(view, int(index), own_scale) if view else (gr.skip(), gr.skip(), gr.skip())


def _show_all_masks(view: Shown | None, own_scale: bool) -> Any:
    return cards.all_masks(view, own_scale) if view else gr.skip()
