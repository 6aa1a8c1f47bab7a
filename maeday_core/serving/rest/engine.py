"""The engine of a server: one model, loaded in the background, and jobs that end early where they must."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from maeday_core.detection.settings import Settings
from maeday_core.methods import Tools
from maeday_core.serving.calls import Compute
from maeday_core.serving.jobs import Given, Job
from maeday_core.serving.rest.refusals import GONE, SOON, Refused
from maeday_core.serving.turns import Unwanted, hand_on_long_turns, in_this_process

LOADING = "The model is being loaded; try again soon."
NOBODY = "Nobody waits for the answer."
GRACE = 3.0
"""Seconds that steps have to end once the server is being shut down: managers of processes wait ten or more."""
STOPPING = "The server is being shut down; try again later."


@dataclass
class Engine:
    """One model for all callers.

    Attributes:
        find: gives the tools, whose model is loaded when it is first asked for.
        tools: once the model is loaded.
        failure: why it could not be.
        stopping: set once no more work is to be done.
        last_moment: until then, as of `time.monotonic`, steps that run may end.
    """

    find: Callable[[], Tools]
    tools: Tools | None = None
    failure: Exception | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    last_moment: float = float("inf")

    def load(self) -> None:
        """Load the model, and the network that compares patches."""
        hand_on_long_turns()
        try:
            tools = self.find()
            tools.model()
            tools.network()
            self.tools = tools
        except Exception as error:
            self.failure = error

    def stop(self) -> None:
        """No more work: what runs ends after its step, or is given up."""
        self.last_moment = time.monotonic() + GRACE
        self.stopping.set()

    @property
    def is_over(self) -> bool:
        """Whether nothing is waited for any longer."""
        return time.monotonic() > self.last_moment

    @property
    def model(self) -> str:
        """The name of the model; empty while it is not loaded."""
        return self.tools.model().info.name if self.tools else ""

    def check(self) -> Tools:
        """What jobs use.

        Raises:
            Refused: it is not loaded yet, or the server is being shut down.
        """
        if self.stopping.is_set():
            raise Refused(503, STOPPING, SOON)
        if self.tools is None:
            raise Refused(503, LOADING, SOON)
        return self.tools

    def compute(self, gone: threading.Event) -> Compute:
        """Does jobs for a caller, until he is gone or the server is being shut down."""

        def wanted() -> bool:
            return not (gone.is_set() or self.stopping.is_set())

        def here(job: Job[Given], model: str, settings: Settings, who: str) -> Iterator[Given]:
            try:
                yield from in_this_process(job, replace(self.check(), settings=settings), who, wanted)
            except Unwanted:
                self.check()
                raise Refused(GONE, NOBODY) from None

        return here
