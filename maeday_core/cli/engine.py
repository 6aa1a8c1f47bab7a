"""One process, or workers on Ray."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from maeday_core.errors import SettingsError
from maeday_core.io.files import check_place

if TYPE_CHECKING:
    from maeday_core.cluster.pool import Pool
    from maeday_core.model.mae import MaskedAutoencoder


def add_engine(parser: ArgumentParser) -> None:
    """Add `--engine`, and what Ray is told."""
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="one process, or workers on Ray")
    parser.add_argument("--address", metavar="ADDRESS", help="of a Ray cluster: auto, or ray://host:10001")
    parser.add_argument("--workers", type=int, metavar="N", help="by default one a core, or as many as the GPUs take")
    parser.add_argument("--gpus-per-worker", type=float, default=0.0, metavar="F", help="0.5: two workers share a GPU")
    parser.add_argument("--log", type=Path, metavar="FILE", help="JSON lines of what each worker was given and did")


def pool_of(options: Namespace) -> Pool:
    """The workers that were asked for.

    Raises:
        SettingsError: Ray is not installed, or there can be no such workers.
    """
    try:
        from maeday_core.cluster.pool import Pool
    except ImportError as error:
        raise SettingsError(f"Ray is not here ({error}); install it: pip install 'maeday[cluster]'.") from error
    if options.log:
        check_place(options.log)
    return Pool(options.address, options.workers, options.gpus_per_worker, options.log)


def model_to_send(options: Namespace) -> MaskedAutoencoder:
    """The model that was named, on the CPU: each worker puts it on its own device."""
    import torch

    from maeday_core.model.load import load_model

    return load_model(options.model, device="cpu", dtype=torch.float32)
