"""What a result says in words: verdict, how rare its score is, before and after, evidence, and the report."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maeday_core import __version__
from maeday_core.detection.decision import Ordinary, Verdict
from maeday_core.detection.result import DEVIATIONS, Alone, Detection
from maeday_core.drawing.cards import before_and_after, evidence, factor_of, rarity, spoken, verdict
from maeday_core.drawing.report import report_page
from maeday_core.drawing.shown import Shown, map_picture, shown
from maeday_core.methods.reference import GoodPart, Reference
from tests.drawing.detections import ensemble, matched, query, reconstructed

HOSTILE = '<img src=x onerror="alert(1)">.png'


def view(result: Detection, name: str = "part.png", by_hand: float | None = None) -> Shown:
    return replace(shown(name, query(), result), by_hand=by_hand)


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split()).replace(" ,", ",")


def test_a_score_above_the_threshold_is_anomalous() -> None:
    card = verdict(view(reconstructed(score=0.8, limit=0.4)), False)
    assert 'class="verdict anomalous"' in card
    text = words(card)
    assert text.startswith("Something here does not belong 2.0 x the limit One place is outlined, 0.1% of the picture.")
    assert "Fewer than 1 good picture in 200 scores this high." in text
    assert "score 0.800 · limit 0.400 · squared error" in text
    assert text.endswith("limit for 5% false alarms, between 0.362 and 0.442 · MAEDAY · 3 masks · 0.50 s")


def test_a_score_at_the_threshold_is_worth_a_look() -> None:
    card = verdict(view(reconstructed(score=0.5, limit=0.5)), False)
    assert 'class="verdict look"' in card
    assert words(card).startswith("Look here 0.99 x the limit The ringed place is the most unusual one")
    assert "About 1 good picture in 20 scores this high." in card
    assert "outlined" not in card


def test_a_limit_by_hand_is_not_told_to_rest_on_anything() -> None:
    result = matched(score=1.2, shots=2)
    told = [words(verdict(view(result, by_hand=limit), False)) for limit in (1.25, 0.5)]
    assert told[0].startswith(
        "Look here 0.96 x the limit The ringed place is the most unusual one; it is below the limit"
    )
    for card in told:
        assert f"The automatic limit is {result.threshold.value:.2f}." in card
        assert "limit set by hand" in card
        assert "It rests on" not in card


def test_an_ordinary_score_is_nothing_found_and_green_only_beside_good_parts() -> None:
    for shots, kind in ((0, "hint"), (2, "calm")):
        card = verdict(view(matched(score=0.72, crops=shots > 0, shots=shots)), False)
        assert f'class="verdict {kind}"' in card
        assert words(card).startswith("Nothing found 0.7 x the limit The most unusual place is ringed")
        assert "An ordinary score: about 1 good picture in 2 scores as high or higher." in card
        assert f"It rests on {shots} good parts." in card


def test_where_the_states_meet() -> None:
    threshold = matched().threshold
    for score, title in ((threshold.look, "Nothing found"), (threshold.value, "Look here")):
        for nearby, expected in ((score, title), (np.nextafter(score, 2), {"Nothing found": "Look here"}.get(title))):
            card = verdict(view(matched(score=float(nearby))), False)
            assert (expected or "Something here does not belong") in card


def test_a_threshold_set_by_hand_promises_no_rate() -> None:
    text = words(verdict(view(reconstructed(score=0.8, limit=0.4), by_hand=0.9), False))
    assert text.startswith("Look here")
    assert "0.9 x the limit" in text
    assert "score 0.800 · limit 0.900" in text
    assert "limit set by hand" in text
    assert "false alarms" not in text


def test_a_limit_of_zero_is_told_too() -> None:
    zero = view(reconstructed(), by_hand=0.0)
    text = words(verdict(zero, False))
    assert "over 100 x the limit" in text
    assert "limit 0.000" in text
    assert spoken(zero) == "Something here does not belong: over 100 times the limit."


def scoring(share: float) -> Detection:
    """A result whose score so many good pictures exceed."""
    ordinary = Ordinary(1.0, 0.2, 0.1, "")
    return replace(matched(score=ordinary.limit(share)), threshold=ordinary.threshold())


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (1e-6, "Fewer than 1 good picture in 200 scores this high."),
        (0.0051, "About 1 good picture in 200 scores this high."),
        (0.0099, "About 1 good picture in 100 scores this high."),
        (0.068, "About 1 good picture in 15 scores this high."),
        (0.5, "An ordinary score: about 1 good picture in 2 scores as high or higher."),
        (0.67, "An ordinary score: about 2 good pictures in 3 score as high or higher."),
        (0.94, "An ordinary score: about 9 good pictures in 10 score as high or higher."),
        (0.99, "An ordinary score: nearly every good picture scores as high or higher."),
    ],
)
def test_how_rare_a_score_is(share: float, sentence: str) -> None:
    assert rarity(scoring(share)) == sentence


@given(st.floats(0.00501, 0.95), st.floats(0.00501, 0.95))
def test_what_is_said_of_a_score_is_near_the_truth_and_never_in_the_wrong_order(one: float, other: float) -> None:
    told = {}
    for share in sorted((one, other)):
        few, many = re.findall(r"[\d,]+", rarity(scoring(share)))
        told[share] = int(few) / int(many.replace(",", ""))
        odds = told[share] / (1 - told[share]) / (share / (1 - share))
        assert 0.45 < odds < 1 / 0.45
    assert list(told.values()) == sorted(told.values())


def test_a_score_too_small_to_count_is_not_called_rare() -> None:
    ordinary = Ordinary(1e-6, 0.2, 0.1, "", least=0.05)
    blank = replace(reconstructed(score=0.03), threshold=ordinary.threshold())
    assert rarity(blank) == "So small a difference never counts."
    assert "Nothing found" in verdict(view(blank), False)


def test_another_share_of_false_alarms_moves_threshold_and_verdict() -> None:
    first = view(ensemble())
    first = replace(first, before=view(matched()), by_hand=9.0)
    strict, lenient = first.allowing(1e-6), first.allowing(0.5)
    assert strict.limit > 1.8 > lenient.limit
    assert "Something here does not belong" in verdict(lenient, False)
    assert "Something here does not belong" not in verdict(strict, False)
    assert "for 0.0001% false alarms" in words(verdict(strict, False))
    assert "for 50% false alarms" in words(verdict(lenient, False))
    assert strict.before.limit > lenient.before.limit
    assert strict.result.parts[0].threshold.value > lenient.result.parts[0].threshold.value


def test_the_same_share_of_false_alarms_changes_nothing() -> None:
    first = view(ensemble())
    again = first.allowing(first.result.threshold.alarm_rate)
    assert verdict(again, False) == verdict(first, False)
    assert np.array_equal(map_picture(again, False), map_picture(first, False))


@pytest.mark.parametrize(
    ("score", "said"),
    [(3.68, "3.7"), (12.4, "12"), (1.0001, "1.01"), (0.9999, "0.99"), (1.0, "1.00"), (0.52, "0.5"), (0.97, "0.97")],
)
def test_a_factor_is_never_rounded_across_the_limit(score: float, said: str) -> None:
    assert factor_of(score, 1.0) == factor_of(2 * score, 2.0) == said


def test_a_status_line_hears_the_title_and_the_factor_only() -> None:
    assert spoken(view(reconstructed(score=0.8, limit=0.4))) == "Something here does not belong: 2.0 times the limit."
    assert spoken(view(matched(score=0.5))) == "Nothing found: 0.5 times the limit."


def test_parts_of_a_sum_say_what_they_find_alone() -> None:
    agreeing = ensemble()
    told = words(verdict(view(agreeing), False))
    assert "The methods agree. MAEDAY: found. Self-reference: found." in told
    alone = Alone(0.1, reconstructed(limit=0.4).threshold)
    split = replace(agreeing, seen=(replace(agreeing.parts[0], alone=alone), agreeing.parts[1]))
    card = verdict(view(split), False)
    assert "The methods disagree. MAEDAY: not found. Self-reference: found." in words(card)
    assert 'class="agreement split"' in card
    assert "agreement" not in verdict(view(matched()), False)
    lenient = view(split).allowing(1 - 1e-9).result.parts[0]
    assert lenient.verdict_alone is Verdict.ANOMALOUS


def test_a_partial_result_tells_how_far_it_is() -> None:
    partial = view(reconstructed(masks=1))
    assert "1 of 3 masks so far." in verdict(partial, False)
    assert "outlined" not in verdict(partial, False)
    stopped = verdict(replace(partial, stopped=True), False)
    assert "Stopped after 1 of 3 masks." in stopped
    assert "outlined" in stopped
    assert "1 mask ·" in words(stopped)


def test_a_method_without_masks_mentions_none() -> None:
    assert "mask" not in words(verdict(view(matched()), False))


@pytest.mark.parametrize(
    ("own_scale", "scale"), [(False, "the limit is in the middle; white: this photo"), (True, "this picture's scale")]
)
def test_the_colour_bar_marks_limit_and_score(own_scale: bool, scale: str) -> None:
    card = verdict(view(reconstructed(score=0.4, limit=0.3)), own_scale)
    places = dict(re.findall(r'class="mark (\w+)" style="left:([\d.]+)%"', card))
    assert float(places["score"]) == (100 if own_scale else pytest.approx(50 + 100 * 0.1 / (1.5 * 0.3), abs=0.1))
    assert float(places["threshold"]) == (pytest.approx(100 * 26 / 36, abs=0.1) if own_scale else 50)
    assert scale in words(card).replace("&#39;", "'")


def test_a_value_beyond_the_scale_is_marked_at_its_end() -> None:
    assert 'class="mark score" style="left:100.0%"' in verdict(view(reconstructed(score=2.0)), False)


def test_a_doubt_is_part_of_the_verdict() -> None:
    doubted = replace(view(reconstructed()), doubt="This photo looks <unlike> every good part.")
    assert '<p class="doubt">This photo looks &lt;unlike&gt; every good part.</p>' in verdict(doubted, False)


def test_before_and_after_name_both_verdicts() -> None:
    before = view(reconstructed(score=0.2))
    after = replace(view(reconstructed(score=5, limit=2, unit=DEVIATIONS)), before=before)
    text = words(before_and_after(after, False))
    assert "Before: nothing found, 0.5 x the limit" in text
    assert "After: does not belong, 2.5 x the limit" in text
    assert before_and_after(before, False) == ""


def test_shares_of_the_evidence_add_up() -> None:
    text = words(evidence(view(ensemble()), False))
    shares = [int(share) for share in re.findall(r"(\d+)% of the peak", text)]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert len(shares) == 2
    assert evidence(view(reconstructed()), False) == ""


def test_a_report_needs_no_other_file_and_has_the_settings() -> None:
    page = report_page(view(ensemble()))
    assert page.startswith("<!doctype html>")
    assert not re.search(r"""https?:|(src|href)=["'](?!data:)|url\((?!["']?data:)|@import""", page)
    assert page.count("<img") == 3 + 3 + 2 + 3 * 3
    assert "<th>seed</th><td>7</td>" in page
    assert f"<td>MAEDAY {__version__}</td>" in page
    assert "maeday detect part.png --method ensemble --model bundled --masks 3 --seed 7" in page
    assert "Click" not in page


def test_a_report_names_the_good_parts_and_the_day() -> None:
    photos = tuple(GoodPart.of(query(), name) for name in ("a.jpg", "<b>.jpg"))
    learned = Reference({"patchcore": None}, "patchcore", "transistor", photos)  # type: ignore[dict-item]
    day = datetime(2026, 2, 3, 14, 5, tzinfo=UTC)
    page = report_page(replace(view(matched(crops=True, shots=2)), reference=learned, time=day))
    assert "<th>Good parts</th><td>transistor, a.jpg, &lt;b&gt;.jpg</td>" in page
    assert "2026-02-03 14:05 UTC" in page
    assert "--adapter transistor.safetensors" in page


def test_a_report_of_a_hostile_file_name_is_harmless() -> None:
    page = report_page(view(reconstructed(), HOSTILE))
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=" in page
