"""What to look at first, what a person said of it, and what is told of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from maeday_core.frames.baseline import ground_of
from maeday_core.frames.verdict import Judgement, Verdict
from maeday_core.texts import say

FIRST = 5
"""So many frames are worth a look even where none is above the limit."""
MIDDLE = (10, 90)
SEVERAL = 1.3  # docs/decisions.md#several-grounds
"""Frames whose usual levels differ by more than this factor between these percentiles show several kinds of ground."""

NO_FRAME = "There is no frame to judge"
CALM = "Nothing above the limit of the clean frames"
LOOK = "Nothing above the limit; look at these first"
CONFIRMED_SOME = "{count} confirmed, {left} left to look at"
CONFIRMED = "{count} confirmed, none left to look at first"
NONE_YET, NONE = "None confirmed so far, {left} left to look at", "None confirmed, none left to look at first"
BY_ITSELF = "By itself: {found}."
BY_HAND = "The limit {limit:.2f} was set by hand; the automatic one is {automatic:.2f}."
LEARNED = "The limit {limit:.2f} comes from the clean frames."
COMPARED = "Usual level {usual:.2f}, limit {limit:.2f}: the frames are judged against each other."
ALONE = "Usual level {usual:.2f}, limit {limit:.2f}: one frame is judged by itself."
GROUNDS = (
    "These frames show several kinds of ground, with usual levels from {low:.2f} to {high:.2f}; each frame is judged "
    "within its own."
)
FIXED = "The camera does not move: what is always there is allowed for."
IGNORING = "What lies in the ignored region does not count."
TIMES = "{factor:.2f} x the limit"
SCORE = "score {score:.2f}"


class Judged(StrEnum):
    """What a person says of a frame."""

    OBJECT = "object"
    FINE = "fine"
    IGNORED = "ignored"


Judgements: TypeAlias = Mapping[int, Judged]
"""By the numbers of the frames."""
NOT_JUDGED: Judgements = MappingProxyType({})


def first(judgement: Judgement) -> tuple[Verdict, ...]:
    """What to look at first: the anomalous frames and, up to five, the most unusual of the others."""
    others = [verdict for verdict in judgement.worst if not verdict.anomalous]
    return (*judgement.anomalous, *others[: max(0, FIRST - len(judgement.anomalous))])


def ranks(judgement: Judgement) -> dict[int, int]:
    """The place of each frame in the order of the scores, from 1, by the frame's number."""
    return {verdict.record.number: rank for rank, verdict in enumerate(judgement.worst, 1)}


def left(judgement: Judgement, judged: Judgements) -> int:
    """How many of the frames to look at first a person has said nothing of."""
    return sum(verdict.record.number not in judged for verdict in first(judgement))


def to_judge(judgement: Judgement, judged: Judgements) -> int:
    """How many frames there are to judge: those to look at first, and those that a person has judged."""
    return left(judgement, judged) + len(judged)


def headline(judgement: Judgement, judged: Judgements = NOT_JUDGED) -> str:
    """What was found, in a few words: by a person, if one has judged; calm only where good parts say what is normal."""
    if not judgement.verdicts:
        return say(NO_FRAME)
    if judged:
        count, ahead = confirmed(judged), left(judgement, judged)
        told = (CONFIRMED_SOME if ahead else CONFIRMED) if count else (NONE_YET if ahead else NONE)
        return say(told, count=count, left=ahead)
    if judgement.anomalous:
        return judgement.title
    return say(CALM if has_reference(judgement) else LOOK)


def confirmed(judged: Judgements) -> int:
    """In how many frames a person has seen an object."""
    return sum(one is Judged.OBJECT for one in judged.values())


def sentences(judgement: Judgement, judged: Judgements = NOT_JUDGED) -> list[str]:
    """What was found before a person judged, where the limit comes from, and what else the verdicts rest on."""
    if not judgement.verdicts:
        return []
    by_itself = [say(BY_ITSELF, found=headline(judgement))] if judged else []
    return by_itself + _rests_on(judgement)


def _rests_on(judgement: Judgement) -> list[str]:
    baseline, limit = judgement.baseline, judgement.threshold
    if limit != judgement.automatic:
        told = [say(BY_HAND, limit=limit, automatic=judgement.automatic)]
    elif has_reference(judgement):
        told = [say(LEARNED, limit=limit)]
    else:
        compared = COMPARED if len(judgement.verdicts) > 1 else ALONE
        told = [say(compared, usual=baseline.ground or 0.0, limit=limit)]
    told += [judgement.moved.told] * bool(judgement.moved.told and limit == judgement.automatic)
    if (levels := several_grounds(judgement)) is not None:
        low, high = levels
        told.append(say(GROUNDS, low=low, high=high))
    told += [say(FIXED)] * (baseline.excess is not None) + [say(IGNORING)] * (baseline.ignore is not None)
    return told


def has_reference(judgement: Judgement) -> bool:
    """Whether good parts say what is normal."""
    return any(verdict.record.ordinary is not None for verdict in judgement.verdicts)


def several_grounds(judgement: Judgement) -> tuple[float, float] | None:
    """A low and a high usual level of the frames, where they are so far apart that the grounds differ."""
    if has_reference(judgement) or not judgement.verdicts:
        return None
    low, high = np.percentile([ground_of(verdict.record.places) for verdict in judgement.verdicts], MIDDLE)
    return (float(low), float(high)) if high > SEVERAL * low else None


def times_the_limit(verdict: Verdict) -> str:
    """How far a frame's score is from the limit, in words."""
    if verdict.threshold > 0:
        return say(TIMES, factor=verdict.image_score / verdict.threshold)
    return say(SCORE, score=verdict.image_score)
