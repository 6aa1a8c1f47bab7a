"""Good parts: photos of what is normal, learning from them, and the reference that comes of it."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from app import cards
from app.cards import message
from app.gradio_fixes import uploaded
from app.models import in_turns, loading, loading_backbone, without_folders
from maeday_core import Adapter, FineTuning, ImageError, MaedayError, Settings, SettingsError, load_image
from maeday_core.fewshot.fine_tuning import MAX_SHOTS, Step
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import Reference, close_up, keeping, load_reference, resolved
from maeday_core.methods.patchcore import build_bank
from maeday_core.model.backbone import BACKBONES

EXAMPLE = "metal-scratch.jpg", "metal-clean.jpg"
PAUSE = 0.2  # seconds between two pictures of the progress
_stopping: set[str] = set()
"""The sessions whose fine-tuning shall end: cancelling an event would lose what it has learned."""

HINT = message(
    "Judged without a reference",
    "Add photos of good parts, taken like the query, and press Fine-tune: the model learns what is normal here.",
)


@dataclass(frozen=True)
class GoodParts:
    """What the Inspect tab wires: the reference in use, and the components that make one."""

    reference: gr.State
    shots: gr.Gallery
    tune: gr.Button
    example: gr.Button
    card: gr.HTML
    download: gr.DownloadButton
    upload: gr.UploadButton
    forget: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """What every step of fine-tuning, loading and forgetting sets."""
        return [self.reference, self.card, self.download, self.forget]


def good_parts(lifetime: int) -> GoodParts:
    """Lay out the panel; what was learned is forgotten after `lifetime` seconds."""
    reference = gr.State(None, time_to_live=lifetime)
    with gr.Accordion("Good parts: show it what is normal (optional)", open=False, elem_id="good-parts"):
        shots = gr.Gallery(
            label=f"1 to {MAX_SHOTS} photos, several at once",
            type="filepath",
            columns=4,
            height=190,
            object_fit="cover",
            sources=["upload", "clipboard", "webcam"],
            buttons=[],
            elem_id="shots",
        )
        with gr.Row():
            tune = gr.Button("Fine-tune", variant="primary", elem_id="tune", min_width=100)
            example = gr.Button("Try an example", elem_id="try-good-part", min_width=100)
        card = gr.HTML(HINT, elem_id="adapter")
        with gr.Row():
            download = gr.DownloadButton("Save", interactive=False, size="sm", elem_id="get-adapter", min_width=80)
            upload = gr.UploadButton(
                "Load", file_types=[".safetensors"], size="sm", elem_id="load-adapter", min_width=80
            )
            forget = gr.Button("Forget", interactive=False, size="sm", elem_id="forget", min_width=80)
    return GoodParts(reference, shots, tune, example, card, download, upload, forget)


def fine_tune(
    files: list[tuple[str, str | None]] | None,
    reference: Reference | None,
    model_name: str,
    masks: int,
    ratio: float,
    seed: int | None,
    sampling: str,
    patches: str,
    tile: str,
    request: gr.Request,
) -> Iterator[tuple[Any, ...]]:
    """Fine-tune on the shots, telling how far it is; Stop keeps what was learned so far."""
    session = request.session_hash or ""
    _stopping.discard(session)
    try:
        if not files:
            raise SettingsError(f"There are no photos of good parts yet: add 1 to {MAX_SHOTS} above.")
        if len(files) > MAX_SHOTS:
            raise SettingsError(f"{len(files)} photos of good parts were given; keep 1 to {MAX_SHOTS}.")
        yield _running(message("Starting", "If others work here now, you take turns.", "busy"))
        settings = Settings(int(masks), ratio, int(seed or 0), sampling, patches, tile=tile)
        left_out: list[str] = []
        for text in loading(model_name):
            if not isinstance(text, str):
                model = text
                break
            yield _running(message(f"Loading the model {model_name}", text, "busy"))
        for backbone in loading_backbone(model_name):
            if isinstance(backbone, str):
                yield _running(message("Loading the network that compares patches", backbone, "busy"))
        small: list[RGBImage] = []
        settings, photos = resolved(settings, _decoded(files, left_out))
        tiled = settings.tile == "on"
        shots = keeping(photos, small, backbone.side, tiled)
        tuning = FineTuning(model, close_up(model, shots, settings), seed=settings.seed, settings=settings)
        shown = 0.0
        for step in in_turns(iter(tuning)):
            if time.monotonic() - shown > PAUSE:
                yield _running(_progress(step, tuning.losses))
                shown = time.monotonic()
            if session in _stopping:
                break
        for found in in_turns(tuning.calibrating()):
            if isinstance(found, Adapter):
                adapter = found
            else:
                text = f"{found:.0%} done: the normal error sets the threshold."
                yield _running(message("Measuring what is normal", text, "busy"))
        yield _running(message("Remembering what is normal", "Patches of the good parts, to compare with.", "busy"))
        (bank,) = in_turns(build_bank(backbone, shots, settings.seed, tiled=tiled) for shots in [small])
        for shown_at_last in _ready(Reference(adapter, (bank,)), left_out):
            yield *shown_at_last, *working(False)
    except MaedayError as error:
        yield *_problem(without_folders(str(error)), reference), *working(False)
    except Exception:
        logging.getLogger(__name__).exception("fine-tuning failed")
        text = "The program made a mistake; its log says more. Try again, or other photos."
        yield *_problem(text, reference), *working(False)
    finally:
        _stopping.discard(session)


def stop_tuning(request: gr.Request) -> None:
    """End this visitor's fine-tuning after the step in work."""
    _stopping.add(request.session_hash or "")


def take_reference(path: str | None, reference: Reference | None) -> Iterator[tuple[Any, ...]]:
    """Use what was saved before; a bad file leaves what is in use."""
    try:
        loaded = load_reference(path or "")
        if any(bank.backbone not in BACKBONES for bank in loaded.banks):  # no file chooses what this server downloads
            raise SettingsError("What was saved compares with a network that this page does not offer; fine-tune here.")
        yield from _ready(loaded, [])
    except MaedayError as error:
        yield _problem(without_folders(str(error)), reference)


def forget() -> tuple[Any, ...]:
    """Back to zero-shot detection."""
    return None, HINT, gr.DownloadButton(interactive=False), gr.Button(interactive=False)


def working(running: bool) -> tuple[gr.Button, gr.Button, gr.Button]:
    """Detect, Stop and Fine-tune while something runs, or not."""
    return gr.Button(interactive=not running), gr.Button(interactive=running), gr.Button(interactive=not running)


def example_photos(folder: Path) -> tuple[str, list[str]]:
    """A query and its good part, to try the panel with."""
    query, good = (str(folder / name) for name in EXAMPLE)
    return query, [good]


def _decoded(files: list[tuple[str, str | None]], left_out: list[str]) -> Iterator[RGBImage]:
    """The shots that can be read, one at a time; sentences on the others go to `left_out`."""
    for path, _ in files:
        try:
            yield load_image(uploaded(path))
        except ImageError as error:
            left_out.append(without_folders(str(error)))
    if len(left_out) == len(files):
        raise ImageError(" ".join(left_out))


def _progress(step: Step, losses: list[float]) -> str:
    text = (
        f"Step {step.step} of {step.steps}, loss {step.loss:.4f}, about {step.seconds_left:.0f} s left. Stop keeps it."
    )
    return message("Learning what is normal", text, "busy", cards.loss_curve(losses, step.steps))


def _running(card: str) -> tuple[Any, ...]:
    return gr.skip(), card, gr.DownloadButton(interactive=False), gr.skip(), *working(True)


def _ready(reference: Reference, left_out: list[str]) -> Iterator[tuple[Any, ...]]:
    with tempfile.TemporaryDirectory(prefix="maeday-") as folder:
        file = Path(folder) / "adapter.safetensors"
        reference.save(file)
        saved = gr.DownloadButton(value=str(file), interactive=True)
        yield reference, cards.reference_card(reference, left_out), saved, gr.Button(interactive=True)


def _problem(text: str, reference: Reference | None) -> tuple[Any, ...]:
    """Say what is wrong; good parts in use stay in use."""
    kept = " The good parts in use stay." if reference else ""
    card = message("This did not work", text + kept, "problem")
    return gr.skip(), card, gr.DownloadButton(interactive=reference is not None), gr.skip()
