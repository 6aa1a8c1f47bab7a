"""Evaluate methods on a data set: MVTec-AD's layout, VisA, BTAD, Real-IAD, or good and bad pictures."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maeday_core.cli.engine import add_engine, model_to_send, pool_of
from maeday_core.cli.options import Choices, add_method, add_settings, settings_of, tools_of
from maeday_core.cli.output import Show, print_json, print_line, print_warning, progress_bar
from maeday_core.cli.regions import add_region, region_of
from maeday_core.errors import SettingsError
from maeday_core.io.files import check_folder

if TYPE_CHECKING:
    from maeday_core.evaluation.category import Category
    from maeday_core.evaluation.evaluate import Plan
    from maeday_core.evaluation.records import Result
    from maeday_core.methods import Tools

FACTS = {"category": "20", "method": "12", "shots": ">5", "seed": ">4", "sampling": "8", "masks": ">5", "images": ">6"}
"""The first columns of the table, and their widths."""
METRICS = {
    "image_auroc": ("image AUROC", ">13"),
    "pixel_auroc": ("pixel AUROC", ">13"),
    "balanced_accuracy": ("accuracy (best global)", ">24"),
    "false_alarms": ("false alarms", ">13"),
    "hits": ("hits", ">13"),
    "outline_f1": ("outline F1 (best global)", ">24"),
}
"""The other columns, and their widths; the rows of `--json` have every metric."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("root", metavar="ROOT", help="one category, or a folder of categories")
    parser.add_argument("--category", nargs="+", default=[], metavar="NAME", help="only these")
    add_method(parser, several=True)
    add_settings(parser, without=["seed"])
    add_region(parser)
    parser.add_argument(
        "--shots",
        type=int,
        nargs="+",
        default=[0],
        metavar="K",
        choices=Choices(_shots),
        help="good parts to learn from: %(choices)s",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], metavar="SEED", help="of masks and shots, one run each"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write results.jsonl and scores.jsonl; run again to go on"
    )
    parser.add_argument(
        "--repetitions",
        action="store_true",
        help="instead, MAEDAY zero-shot after 1 to 64 masks (the paper's Figure 3)",
    )
    parser.add_argument("--keep-maps", action="store_true", help="keep every anomaly map in DIR/maps")
    add_engine(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line on standard output")


def _shots() -> Collection[int]:
    from maeday_core.fewshot.fine_tuning import MAX_SHOTS

    return range(MAX_SHOTS + 1)


def run(options: Namespace) -> int:
    """Evaluate, and print each result as soon as it is known."""
    from maeday_core.evaluation.datasets import find_categories

    if options.engine == "ray" and (options.repetitions or not options.out):
        raise SettingsError("Workers on Ray need --out, a folder that all of them have, and know no --repetitions.")
    tools = tools_of(options, settings_of(options, seed=options.seeds[0]), region=region_of(options))
    categories = find_categories(options.root, options.category)
    if options.out:
        check_folder(options.out)
    _look_at(categories)
    if not options.json:
        print_line(_head())
    with progress_bar() as show:
        for result in (_by_workers if options.engine == "ray" else _here)(options, categories, tools, show):
            row = result.record()
            if options.json:
                print_json(row)
            else:
                print_line(_line(row))
    return 0


def _plan(options: Namespace, categories: Sequence[Category]) -> Plan:
    from maeday_core.evaluation.evaluate import Plan
    from maeday_core.methods import find

    return Plan(categories, [find(name) for name in options.method], options.shots, options.seeds)


def _here(options: Namespace, categories: Sequence[Category], tools: Tools, show: Show) -> Iterator[Result]:
    from maeday_core.evaluation.evaluate import ImageDone, evaluate
    from maeday_core.evaluation.repetitions import repetitions

    def on_image(progress: ImageDone) -> None:
        show(f"{progress.category}, {progress.methods}", progress.done / progress.total)

    if options.repetitions:
        return repetitions(categories, tools, options.seeds, options.out, on_image)
    return evaluate(_plan(options, categories), tools, options.out, keep_maps=options.keep_maps, on_image=on_image)


def _by_workers(options: Namespace, categories: Sequence[Category], tools: Tools, show: Show) -> Iterator[Result]:
    pool, model = pool_of(options), model_to_send(options)
    from maeday_core.cluster.evaluate import evaluate
    from maeday_core.cluster.pool import Progress

    def on_progress(progress: Progress, total: int) -> None:
        show(progress.line(total, "pictures"), progress.done / total)

    tools = replace(tools, model=lambda: model)
    return evaluate(
        _plan(options, categories), tools, options.out, pool, keep_maps=options.keep_maps, on_progress=on_progress
    )


def _look_at(categories: Sequence[Category]) -> None:
    """Print what the categories lack, and what is doubtful about their files."""
    from maeday_core.evaluation.look import doubts_about

    with progress_bar() as show:
        for done, category in enumerate(categories):
            show(f"Looking at the files of {category.name}", done / len(categories))
            for sentence in (*category.told, *category.lacks, *doubts_about(category)):
                print_warning(sentence)


def _head() -> str:
    cells = [f"{name:{width}}" for name, width in FACTS.items()] + [
        f"{title:{width}}" for title, width in METRICS.values()
    ]
    return " ".join(cells)


def _line(row: dict[str, Any]) -> str:
    """A row of the table."""
    cells = [f"{'' if row[name] is None else row[name]:{width}}" for name, width in FACTS.items()]
    return " ".join([*cells, *(f"{_metric(row, name):{width}}" for name, (_, width) in METRICS.items())])


def _metric(row: dict[str, Any], name: str) -> str:
    """A metric, per cent, of a mean with its deviation over the seeds, and what the best global threshold gives."""
    if row[name] is None:
        return "-"
    deviation, best = row.get(f"{name}_std"), row.get(f"best_{name}")
    text = f"{row[name]:.1f}" + ("" if deviation is None else f" +- {deviation:.1f}")
    return text + ("" if best is None else f" ({best:.1f})")
