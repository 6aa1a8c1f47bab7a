"""Where the page computes: in this process, or on a ZeroGPU Space in a worker that has a GPU for some seconds.

Nothing else of the page runs a model. A job and its items are values, so that they can go from one process to another;
handlers, pictures, files and what is kept of a visit stay in this one.
"""

from __future__ import annotations

import logging
import math
import pickle
import tempfile
import time
import traceback
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

try:
    import spaces  # before Gradio and PyTorch, which it changes on a ZeroGPU Space, and only there
except ImportError:
    spaces = None

import cv2
import torch

from app.temporary import HOME
from maeday_core import Tools
from maeday_core.detection.windows import Tiling
from maeday_core.model.backbone import SIDE
from maeday_core.serving.jobs import Given, Item, Job, Join, Learn, Look, LookAgain, Result, Watch
from maeday_core.serving.turns import in_this_process

ZERO_GPU: bool = spaces is not None and spaces.config.Config.zero_gpu


@dataclass(frozen=True)
class Durations:  # docs/decisions.md#zerogpu
    """What is asked of ZeroGPU, in seconds: visitors have two minutes a day, and what is asked is what counts.

    Attributes:
        start: until a worker computes.
        mask: one mask on one window, on two cores of a CPU.
        look: at most, for one picture.
        shot: learning, for each good part.
        learn: at most, for learning.
        watch: frames; the next call goes on.
        computing: the share of the rest after which a job that can end early does.
    """

    start: int = 3
    mask: float = 0.03
    look: int = 10
    shot: int = 6
    learn: int = 30
    watch: int = 20
    computing: float = 0.7


DURATIONS = Durations()
_logger = logging.getLogger(__name__)


def computed(job: Job[Given], tools: Tools, who: str = "") -> Generator[Given, None, None]:
    """Do a job; yields what it gives.

    Args:
        job: what to do.
        tools: with a model that is loaded.
        who: asks; nobody takes the turns of others by asking for much at once.
    """
    if not ZERO_GPU:
        yield from in_this_process(job, tools, who)
        return
    seconds = seconds_of(job, tools)
    _logger.info("%s asks for %d s of a GPU.", type(job).__name__, seconds)
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME, ignore_cleanup_errors=True) as folder:
        for name in _in_worker(pickle.dumps((job, tools)), folder, seconds):
            item = pickle.loads(Path(name).read_bytes())
            Path(name).unlink()
            if isinstance(item, Exception):
                raise item
            yield item


def seconds_of(job: Job[Any], tools: Tools) -> int:
    """For how long a job asks for a GPU."""
    match job:
        case Look():
            windows = Tiling.of(job.query.shape, tools.settings.tile, SIDE)
            looks = len(windows.tops) * len(windows.lefts) * tools.settings.masks
            twice = 2 if job.reference and job.zero_shot_too else 1
            return min(DURATIONS.look, DURATIONS.start + math.ceil(DURATIONS.mask * looks * twice))
        case Join():
            return DURATIONS.start + DURATIONS.shot
        case Learn():
            return min(DURATIONS.learn, DURATIONS.start + DURATIONS.shot * (len(job.photos) + 1))
        case LookAgain():
            return min(DURATIONS.learn, DURATIONS.start + DURATIONS.shot * len(job.photos))
        case Watch():
            return DURATIONS.watch
    raise TypeError(f"{job!r} is no job of the page")


def _in_worker(job_and_tools: bytes, folder: str, seconds: int) -> Iterator[str]:
    """The items of a job, or last the error that ended it; ZeroGPU itself would tell only the error's class.

    Each lies in a file of its own, whose name goes through the worker's pipe in one piece: of a longer message a worker
    that is killed would leave a part, for whose rest this server would wait for ever.
    """
    torch.set_num_threads(1)  # the threads that a parallel operation began before the fork are not here
    numbers = count()

    def handed_over(item: object) -> str:
        Path(folder).mkdir(exist_ok=True)  # it goes when the visitor does
        (path := Path(folder, str(next(numbers)))).write_bytes(pickle.dumps(item))
        return str(path)

    try:
        job, tools = pickle.loads(job_and_tools)
        until = time.monotonic() + DURATIONS.computing * (seconds - DURATIONS.start)
        for item in job.steps(tools, _alone, until):
            yield handed_over(item)
    except Exception as error:
        error.add_note(traceback.format_exc())
        yield handed_over(error)


def _alone(steps: Generator[Item, None, Result] | Iterator[Item]) -> Generator[Item, None, Result]:
    """All steps: nobody else computes in a worker."""
    return (yield from steps)  # type: ignore[misc]


if ZERO_GPU:
    cv2.setNumThreads(0)  # its threads would not be in a worker, either
    logging.basicConfig()
    _logger.setLevel(logging.INFO)
    _in_worker = spaces.GPU(_in_worker, duration=lambda job_and_tools, folder, seconds: seconds)
