"""Fuzz at length: `python -m tests.fuzz --picture 1000 --archive 300 --video 100 --saved 200 --seed 1 --keep DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.harness import KINDS, SECONDS, fuzz


def main() -> int:
    """Fuzz each kind, and print a table of what came of it; 1 if anything was not as it should be."""
    parser = argparse.ArgumentParser(description="Give hostile files to the engine.")
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=int, default=100, metavar="N", help="how many; by default 100")
    parser.add_argument("--seed", type=int, default=0, help="of the files")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="an answer may take; by default %(default)s")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where files that show a fault are kept")
    options = parser.parse_args()
    print("| kind | files | taken | refused | faults | slowest, s | memory, MB |\n|---|---|---|---|---|---|---|")
    faults = []
    for kind in KINDS:
        tally = fuzz(kind, count := getattr(options, kind), options.seed, options.keep, options.seconds)
        taken, refused = tally.answers["taken"], tally.answers["refused"]
        cells = (kind, count, taken, refused, len(tally.faults), f"{tally.seconds:.1f}", f"{tally.megabytes:.0f}")
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        faults += [f"{kind} {fault}" for fault in tally.faults]
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
