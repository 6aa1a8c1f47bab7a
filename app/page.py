"""The page as a whole: its texts, its looks, its limits."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import cards, gradio_fixes
from app.frames_tab import frames_tab
from app.inspect import EXAMPLES, inspect_tab
from maeday_core.frames.report import TIMELINE_CSS

MAX_UPLOAD = "500mb"
SESSIONS = 32
HOUR = 3600

INTRO = (
    "Hides three quarters of your photo from a model that has never seen your part, lets it guess the rest, again and "
    "again, and shows where guess and photo disagree. No reference, no text prompt. With a few photos of good parts it "
    "learns in seconds what is normal, and looks again."
)
HOW = """
1. **Hide.** 75 % of the photo's 16 x 16 patches are hidden at random.
2. **Reconstruct.** A masked autoencoder, which learned from ordinary photographs how surfaces go on, fills them in.
   The bundled model starts from a draft that continues what repeats, and leaves what it was shown as it is.
3. **Compare.** Where a reconstruction differs from the photo, the squared error is kept.
4. **Repeat.** The mean over all masks is the heat map *E*, its highest value the image score *S* (Eq. 1 of
   [the paper](https://arxiv.org/abs/2211.14307)). Here 16 masks show every patch equally often; the paper's 32 random
   ones are a button away, in the settings.

A large or long photo is not squeezed: **windows** of 224 px slide over it at its own detail, and their maps are blended
without a seam.

With **good parts**, one to eight photos of what is normal, the model is fine-tuned first: LoRA adds a low-rank change
to every weight matrix, which takes seconds and leaves the shared model as it is. Then the good parts are judged
themselves, shifted and turned a little. That tells how much error is normal at each place and along the border, and how
much it varies: the heat map counts in *deviations above normal*, and the threshold is the highest score of a good part
judged by the others, or twice that of a single one's copies. MAEDAY alone counts two kinds of error the same: how wrong
the colours are, and how different photo and reconstruction look to a pretrained network, for grain in place of grain is
wrong in every pixel and looks right. What was learned, the adapter, is a file of a few megabytes: save it and load it
tomorrow, here or on the command line.

**Self-reference** asks another question: is there anything else like this in the picture? A pretrained network turns
each patch into a feature; its distance to the five nearest features elsewhere in the same photo is the map.
**PatchCore** asks the same of the good parts, in eight turned and mirrored views each. Click the map, and the page
shows what that place looks like most. The **ensemble** adds the two kinds of evidence: the distance, and a share of the
logarithm of how abnormal the reconstruction error is, that of colours alone where there are good parts. It finds more
than either, and the page tells which of them made the peak.

**Frames** does this for many pictures, a zip archive or a video. Frames are judged against each other, and by all their
places: a bolt is small, so that most places are clean. 5.5 robust deviations above what most of them score begins what
is unusual. Where the camera does not move, what is always there is allowed for. The maps are kept, so that another
threshold or an ignored region takes no second look.

What repeats or goes on smoothly is guessed well and stays dark. A scratch, a stain or a bolt cannot be guessed from
what surrounds it, and lights up. So does anything else that is unpredictable: print, edges of a part, coarse gravel.
**The score is not a probability.** Its usual size depends on the method and the surface. Without good parts the
automatic threshold is a first guess: set your own.
Move the mask slider to see for yourself what the model was shown and what it made of it.
"""
ANNOUNCE_VERDICT = """() => {
    for (const id of ["verdict", "frames-card"]) document.getElementById(id).setAttribute("aria-live", "polite");
}"""
CSS = (
    cards.BAR_CSS
    + TIMELINE_CSS
    + """
.gradio-container{max-width:1320px!important;margin:0 auto!important}
#title h1{margin:0;font-size:1.7rem}#title p{margin:.2rem 0 0;max-width:62rem}
#device{text-align:right;opacity:.75;font-size:.9rem}
footer{opacity:.6}
@media (max-width:640px){
#frames-table,#frames-worst{max-width:calc(100vw - 64px)}
#saw{gap:6px}
#saw .block{height:170px!important}
#saw label{font-size:.62rem;padding:0 3px;white-space:nowrap}
#saw label>span{display:none}
}
#all-masks .thumbnail-item{aspect-ratio:3.05}
#heat img{max-height:400px;object-fit:contain}
#examples img{object-fit:cover!important}
"""
)


def build_demo() -> gr.Blocks:
    """Lay out the page and wire its events."""
    gradio_fixes.apply()
    with gr.Blocks(
        title="MAEDAY: what does not belong here?", analytics_enabled=False, delete_cache=(HOUR, HOUR)
    ) as demo:
        gr.Markdown(f"# MAEDAY\n{INTRO}", elem_id="title")
        with gr.Tabs() as tabs:
            with gr.Tab("Inspect", id="inspect"):
                incoming = inspect_tab(HOUR)
            with gr.Tab("Frames", id="frames"):
                frames_tab(HOUR, tabs, incoming, EXAMPLES / "frames.zip")
            with gr.Tab("How it works", id="how"):
                gr.Markdown(HOW)
        demo.load(None, js=ANNOUNCE_VERDICT)
    return demo


def launch_options() -> dict[str, Any]:
    """Arguments of `demo.launch`: local unless the environment says otherwise, small limits, nothing from outside."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    theme = gr.themes.Soft(
        primary_hue="orange", neutral_hue="slate", font=fonts, font_mono=["ui-monospace", "monospace"]
    ).set(
        block_label_background_fill="*background_fill_primary",
        block_label_background_fill_dark="*background_fill_secondary",
        block_label_text_color="*body_text_color",
        block_label_text_color_dark="*body_text_color",
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_padding="0",
    )
    return {
        "theme": theme,
        "css": CSS,
        "max_file_size": MAX_UPLOAD,
        "allowed_paths": [str(EXAMPLES)],  # the program may be started from any folder
        "state_session_capacity": SESSIONS,
        "footer_links": ["settings"],
        "ssr_mode": False,
    }
