"""What a visitor said of frames, the latest last, so that it can be taken back, saved and loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from maeday_core.detection.region import Mask
from maeday_core.frames import Judgement
from maeday_core.frames.said import JUDGED, LABELS, correction_of, labelled
from maeday_core.frames.triage import Judged
from maeday_core.io.corrections import Correction, Label, merged


@dataclass(frozen=True)
class Told:
    """One thing that was said.

    Attributes:
        number: of the frame.
        judged: what was said of it; None where a place in it is ignored and it stays to be judged.
        time: when, as a correction has it.
        before, after: the ignored region, where it was changed.
    """

    number: int
    judged: Judged | None
    time: str
    before: Mask | None = None
    after: Mask | None = None


@dataclass(frozen=True)
class Said:
    """All that was said.

    Attributes:
        told: of frames of this batch; what was said later of a frame holds.
        loaded: from files, of frames that are not here.
    """

    told: tuple[Told, ...] = ()
    loaded: tuple[Correction, ...] = ()

    @cached_property
    def judged(self) -> dict[int, Judged]:
        """What was said of frames, by their numbers."""
        return {one.number: one.judged for one in self.told if one.judged}

    @property
    def labels(self) -> dict[int, Label]:
        """The same, as corrections have it."""
        return {number: LABELS[judged] for number, judged in self.judged.items() if judged in LABELS}

    def plus(self, told: Told) -> Said:
        """One thing more."""
        return replace(self, told=(*self.told, told))

    def back(self) -> Said:
        """All but the last thing: what was said of its frame before holds again."""
        return replace(self, told=self.told[:-1])

    def without_ignored(self) -> Said:
        """All, but that no frame was ignored."""
        return replace(self, told=tuple(one for one in self.told if one.judged in LABELS))

    def with_loaded(self, judgement: Judgement, corrections: Iterable[Correction]) -> Said:
        """What a file says of the frames of a batch holds; the rest is kept for the next file."""
        given = (*corrections,)
        here = labelled(judgement, given)
        told = [Told(number, JUDGED[one.label], one.time) for number, one in here.items()]
        keys = {one.key for one in here.values()}
        loaded = merged(self.loaded, (one for one in given if one.key not in keys))
        return Said((*self.told, *told), loaded)

    def corrections(self, judgement: Judgement) -> tuple[Correction, ...]:
        """As a file has them."""
        last, labels = {one.number: one for one in self.told if one.judged}, self.labels
        verdicts = {verdict.record.number: verdict for verdict in judgement.verdicts if verdict.record.number in labels}
        here = [correction_of(one, labels[number], last[number].time) for number, one in verdicts.items()]
        return merged(self.loaded, here)


NOTHING = Said()
