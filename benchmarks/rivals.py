"""Our PatchCore beside anomalib's, and beside its AnomalyDINO: the same network, input and number of patches.

    python -m benchmarks.rivals ENVIRONMENT

ENVIRONMENT is a folder; where there is none, it becomes a virtual environment with anomalib. The networks have random
weights, on which time does not depend. It runs from a picture in memory to its map, the rivals' from a tensor.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.timing import Row, interleaved, machine, noise, ratio, row
from maeday_core.methods import PATCHCORE, Reference, Tools, detector, last
from maeday_core.methods.building import build_bank
from maeday_core.model.backbone import WRN50, Backbone, load_backbone

ANOMALIB = "anomalib==2.7.0"
RIVALS = {WRN50: "anomalib's PatchCore", "dinov2": "anomalib's AnomalyDINO"}
SHOTS, ROUNDS = 8, 11
CPU = torch.device("cpu")


class Untrained(Tools):
    """Tools whose networks have random weights."""

    def network(self, name: str | None = None) -> Backbone:
        return load_backbone(name or self.backbone, pretrained=False, device=CPU)


def run(environment: Path) -> Iterator[Row]:
    """Time both on the processor; the rows give medians of interleaved rounds."""
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        same = [f"{name}=={version(name)}" for name in ("torch", "torchvision", "timm")]
        subprocess.run([python, "-m", "pip", "install", "--quiet", ANOMALIB, *same], check=True)
    yield machine(CPU)
    for name, rival in RIVALS.items():
        tools = Untrained(backbone=name)
        network = tools.network()
        pictures = [noise(network.side, network.side, seed) for seed in range(SHOTS)]
        bank = build_bank(network, pictures, augment=False)
        ours = detector(PATCHCORE, tools, Reference({PATCHCORE.name: bank}, PATCHCORE.name))
        with started(python, name, network.side, len(bank.features)) as answer:
            times = interleaved(
                {"ours": lambda look=ours, picture=pictures[0]: last(look(picture)), rival: partial(next, answer)},
                CPU,
                ROUNDS,
            )
        of = f"{name} at {network.side} px, {len(bank.features)} patches"
        for who, seconds in times.items():
            yield row(f"{of}: {who}", 1000 * statistics.median(seconds), "ms")
        yield row(f"{of}: ours / {rival}, median of the rounds", ratio(times, "ours", rival), "")


@contextmanager
def started(python: Path, network: str, side: int, patches: int) -> Iterator[Iterator[float]]:
    """A rival that has filled its bank; each `next` is the seconds of one picture."""
    program, threads = Path(__file__).with_name("rival.py"), torch.get_num_threads()
    command = [*map(str, (python, "-W", "ignore", program, network, side, SHOTS, patches, threads))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        assert process.stdin
        assert process.stdout
        if not process.stdout.readline():
            raise SystemExit(f"{python} could not run anomalib; see above.")

        def answers() -> Iterator[float]:
            while True:
                process.stdin.write("\n")
                yield float(process.stdout.readline())

        yield answers()
        process.stdin.close()


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", type=Path)
    for one in run(parser.parse_args().environment):
        print(f"{one['what']:90} {one['value']:.4g} {one['unit']}", flush=True)


if __name__ == "__main__":
    main()
