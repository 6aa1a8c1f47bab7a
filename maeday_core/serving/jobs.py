"""Jobs: what is computed for who asks a server. Each is a value, and so is all that it gives: any process may do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from maeday_core.detection.region import Region
from maeday_core.detection.result import Detection
from maeday_core.fewshot.learned import Progress
from maeday_core.frames import FrameRecord, FrameRun, LeftOut, Sources
from maeday_core.io.images import Photos, RGBImage, load_image
from maeday_core.methods import Reference, Tools, detector, find, joined_by, learning
from maeday_core.methods.peers import Peers
from maeday_core.methods.second_look import SecondLooks

Item = TypeVar("Item")
Given = TypeVar("Given", covariant=True)
Result = TypeVar("Result")


class InTurns(Protocol):
    """Goes through steps that compute, perhaps in turns with other jobs; returns what they return."""

    def __call__(self, steps: Generator[Item, None, Result] | Iterator[Item]) -> Generator[Item, None, Result]: ...


class Job(Protocol[Given]):
    """What is computed."""

    def steps(self, tools: Tools, in_turns: InTurns, until: float = ...) -> Iterator[Given]:
        """Do it, step by step.

        Args:
            tools: its settings and its model, loaded.
            in_turns: whatever runs a network goes through it, and nothing else.
            until: time, as of `time.monotonic`, at which it ends early; what can go on later says so.
        """


@dataclass(frozen=True)
class Look:
    """One picture is judged.

    Attributes:
        query: uint8 (H, W, 3).
        method: the name of the method.
        reference: what is known about good parts.
        zero_shot_too: judge it without the good parts first; that result has `made_by.shots` 0.
        region: what is ignored in it, beside what is by the good parts.
    """

    query: RGBImage = field(repr=False)
    method: str
    reference: Reference = field(default=Reference(), repr=False)
    zero_shot_too: bool = False
    region: Region | None = None

    def steps(self, tools: Tools, in_turns: InTurns, until: float = float("inf")) -> Iterator[Detection]:
        """Yields the result as it sharpens, where `tools.partial` asks for it; raises what `detector` raises."""
        method, tools = find(self.method), replace(tools, region=self.region)
        detect = detector(method, tools, self.reference)
        if self.reference and self.zero_shot_too:
            whole = replace(tools, partial=False).with_settings(tile=self.reference.tile)
            yield from in_turns(detector(method.zero_shot, whole)(self.query))
        yield from in_turns(detect(self.query))


@dataclass(frozen=True)
class Learn:
    """A method learns from photos of good parts.

    Attributes:
        photos: their files.
        method: the name of the method.
        stop: a file; once it exists, what was learned so far is kept.
        region: what is ignored in them.
    """

    photos: tuple[Path, ...]
    method: str
    stop: Path | None = None
    region: Region | None = None

    def steps(self, tools: Tools, in_turns: InTurns, until: float = float("inf")) -> Iterator[Progress | Reference]:
        """Yields the progress, and last what was learned; raises what `learning` raises."""

        def enough() -> bool:
            return time.monotonic() > until or bool(self.stop and self.stop.exists())

        tools = replace(tools, enough=enough, region=self.region)
        steps = learning(find(self.method), tools, Photos(self.photos))
        yield (yield from in_turns(steps))


@dataclass(frozen=True)
class Join:
    """A photo that is normal joins the good parts.

    Attributes:
        photo: its file.
        method: the name of the method that learns from it where it is the first.
        reference: what is known about good parts.
        content: tells the photo from others.
        region: what is ignored in it.
    """

    photo: Path
    method: str
    reference: Reference = field(repr=False)
    content: str
    region: Region | None = None

    def steps(self, tools: Tools, in_turns: InTurns, until: float = float("inf")) -> Iterator[Reference]:
        """Yields what is known with it; raises what `joined_by` raises."""
        tools, method = replace(tools, region=self.region), find(self.method)
        photo = load_image(self.photo)

        def joined() -> Iterator[Reference]:
            yield joined_by(method, tools, self.reference, photo, self.photo.name, self.content)

        yield from in_turns(joined())


@dataclass(frozen=True)
class LookAgain:
    """Photos that were given together are judged beside the most ordinary of them.

    Attributes:
        photos: their files.
        method: the name of the method that judged them without good parts.
        peers: how they look, and how they scored then.
        region: what is ignored in them.
    """

    photos: tuple[Path, ...]
    method: str
    peers: Peers = field(repr=False)
    region: Region | None = None

    def steps(
        self, tools: Tools, in_turns: InTurns, until: float = float("inf")
    ) -> Iterator[tuple[int, Detection, Reference]]:
        """Yields the number of each that is looked at again, the result, and what was known of the ordinary ones."""
        names = [photo.name for photo in self.photos]

        def again() -> Iterator[tuple[int, Detection, Reference]]:
            second = SecondLooks(find(self.method), replace(tools, region=self.region))
            for number, look in enumerate(second.of(self.peers, lambda one: load_image(self.photos[one]), names)):
                if look:
                    yield number, *look(load_image(self.photos[number]))

        yield from in_turns(again())


class Cut(Enum):
    """The time was up before the end."""

    CUT = "cut"


CUT: Literal[Cut.CUT] = Cut.CUT
Seen: TypeAlias = FrameRecord | LeftOut | Literal[Cut.CUT]


@dataclass(frozen=True)
class Watch:
    """Frames are looked at, as many as there is time for.

    Attributes:
        run: keeps what is found of them.
        sources: where they are.
        method: the name of the method.
        reference: what is known about clean frames.
        keep_maps: keep each map at the frame's own size.
        depends_on: as in `FrameRun.look`.
        passed: so many that an earlier job has given are not given again.
    """

    run: FrameRun
    sources: Sources
    method: str
    reference: Reference = field(default=Reference(), repr=False)
    keep_maps: bool = False
    depends_on: dict[str, Any] = field(default_factory=dict)
    passed: int = 0

    def steps(self, tools: Tools, in_turns: InTurns, until: float = float("inf")) -> Iterator[Seen]:
        """Yields each frame once it is kept, and `CUT` where the time is up; raises what `FrameRun.look` raises."""
        detect = detector(find(self.method), tools, self.reference)
        found = self.run.look(self.sources, lambda query: in_turns(detect(query)), self.depends_on, self.keep_maps)
        try:
            for one in islice(found, self.passed, None):
                yield one
                if time.monotonic() > until:
                    yield CUT
                    return
        finally:
            found.close()


def to_the_end(do: Callable[[Watch], Iterator[Seen]], watch: Watch) -> Generator[Seen, None, None]:
    """All frames, in as many jobs as it takes; yields `CUT` between two.

    Args:
        do: does one job.
        watch: the first one.
    """
    goes_on = True
    while goes_on:
        goes_on = False
        for found in do(watch):
            goes_on = found is CUT
            watch = replace(watch, passed=watch.passed + (found is not CUT))
            yield found
