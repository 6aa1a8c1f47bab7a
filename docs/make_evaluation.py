"""Write the measured part of ``docs/evaluation.md``: ``python docs/make_evaluation.py RESULTS``.

A development tool. ``RESULTS`` is where ``evaluate --out`` wrote. Its tables go into the page and its curves beside it
as Figures 2 and 3; Figures 4 to 6 are drawn from the project's own examples, with the bundled model, for the
photographs of a data set are not ours to publish.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from maeday_core.evaluation.category import Sample  # noqa: E402
from maeday_core.evaluation.report.examples import CAPTION_OF_ALL, what_it_saw  # noqa: E402
from maeday_core.evaluation.report.write import report  # noqa: E402
from maeday_core.model.load import load_model  # noqa: E402

DOCS = ROOT / "docs"
EXAMPLES = ROOT / "assets" / "examples"
MARK = "<!-- Written by docs/make_evaluation.py from here on. -->\n"
FIGURES = {
    "figure-4": (
        "Figure 4, found: the highest score lies on what does not belong.",
        ("brick-cup", "asphalt-coin", "linen-stain", "metal-scratch", "mesh-broken"),
    ),
    "figure-5": (
        "Figure 5, missed: on coarse gravel the stones are as hard to guess as the coin.",
        ("gravel-coin",),
    ),
    "figure-6": (
        "Figure 6, with nothing to find: the joints of the brick score higher than the coin on asphalt.",
        ("brick-clean", "asphalt-clean", "metal-clean"),
    ),
}


def main(results: Path) -> None:
    """Write the page and its figures."""
    page = DOCS / "evaluation.md"
    introduction, _, _ = page.read_text(encoding="utf-8").partition(MARK)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report(results, folder)
        text = (folder / "report.md").read_text(encoding="utf-8")
        for figure in [*folder.glob("figure-*.png"), *folder.glob("figure-*.svg")]:
            shutil.copy(figure, DOCS)
    for name, caption in draw_examples().items():
        text += f"\n![{name}]({name}.png)\n\n{caption}\n"
    page.write_text(introduction + MARK + "\n" + text, encoding="utf-8")


def draw_examples() -> dict[str, str]:
    """Draw Figures 4 to 6 beside the page; their captions by their names."""
    model = load_model("bundled")
    captions = {}
    for name, (caption, examples) in FIGURES.items():
        figure = what_it_saw(model, {example.replace("-", "\n"): sample(example) for example in examples})
        figure.savefig(DOCS / f"{name}.png", dpi=120, bbox_inches="tight", pad_inches=0.05)
        captions[name] = f"{caption} {CAPTION_OF_ALL}"
    return captions


def sample(example: str) -> Sample:
    """An example as a picture of a data set, with its ground truth."""
    path, mask = EXAMPLES / f"{example}.jpg", EXAMPLES / "ground_truth" / f"{example}_mask.png"
    return Sample(path, "anomaly", mask) if mask.exists() else Sample(path, "good", None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
