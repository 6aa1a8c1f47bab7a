"""What a result says in words: verdict, sureness, before and after, evidence, and the report."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from maeday_core.detection.result import DEVIATIONS, Detection, Threshold
from maeday_core.drawing.cards import before_and_after, evidence, nearest_patch, sureness, verdict
from maeday_core.drawing.report import report_page
from maeday_core.drawing.shown import Shown, shown
from tests.drawing.detections import PEAK, ensemble, matched, query, reconstructed

HOSTILE = '<img src=x onerror="alert(1)">.png'


def view(result: Detection, name: str = "part.png") -> Shown:
    return shown(name, query(), result)


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def test_a_score_above_the_threshold_is_anomalous() -> None:
    card = verdict(view(reconstructed(score=0.8)), 0.4, False)
    assert 'class="verdict anomalous"' in card
    assert "Something here does not belong" in card
    assert "0.1% of the picture lies above the threshold and is outlined." in card
    assert "image score 0.800 · threshold 0.400 · MAEDAY · 3 masks · 0.50 s" in words(card)


def test_a_score_at_the_threshold_is_normal() -> None:
    card = verdict(view(reconstructed(score=0.5)), 0.5, False)
    assert 'class="verdict calm"' in card
    assert "Nothing stands out" in card
    assert "The whole picture lies below the threshold." in card


def test_the_ensemble_is_recommended_for_rough_ground_by_maeday_alone() -> None:
    assert "the ensemble sees more" in verdict(view(reconstructed(score=0.1)), 0.4, False)
    assert "the ensemble sees more" not in verdict(view(matched()), 2.0, False)


def test_a_partial_result_tells_how_far_it_is() -> None:
    partial = view(reconstructed(masks=1))
    assert "1 of 3 masks so far." in verdict(partial, 0.4, False)
    assert "outlined" not in verdict(partial, 0.4, False)
    stopped = verdict(replace(partial, stopped=True), 0.4, False)
    assert "Stopped after 1 of 3 masks." in stopped
    assert "outlined" in stopped
    assert "1 mask ·" in words(stopped)


def test_a_method_without_masks_mentions_none() -> None:
    assert "mask" not in words(verdict(view(matched()), 1.0, False))


@pytest.mark.parametrize(("own_scale", "scale"), [(False, "fixed scale"), (True, "this picture's scale")])
def test_the_colour_bar_marks_threshold_and_score(own_scale: bool, scale: str) -> None:
    card = verdict(view(reconstructed(score=0.4)), 0.1, own_scale)
    places = dict(re.findall(r'class="mark (\w+)" style="left:([\d.]+)%"', card))
    assert float(places["score"]) == (100 if own_scale else 80)
    assert float(places["threshold"]) == (25 if own_scale else 20)
    assert scale in words(card).replace("&#39;", "'")


def test_a_value_beyond_the_scale_is_marked_at_its_end() -> None:
    assert 'class="mark score" style="left:100.0%"' in verdict(view(reconstructed(score=2.0)), 0.4, False)


def test_a_threshold_of_one_good_part_is_doubted() -> None:
    text = sureness(Threshold(4.5, good_scores=(1.5, 2.25), shots=1))
    assert "rests on one good part, whose copies score 1.50 to 2.25" in text


def test_a_threshold_of_several_good_parts_has_their_scores() -> None:
    text = sureness(Threshold(4, good_scores=(1, 2, 4), shots=3))
    assert text == "The 3 good parts score 1.00 to 4.00, each judged by the others."
    assert sureness(Threshold(4, shots=3)) == "The threshold rests on 3 good parts, each judged by the others."


def test_a_doubt_is_part_of_the_verdict() -> None:
    doubted = replace(view(reconstructed()), doubt="This photo looks <unlike> every good part.")
    assert "This photo looks &lt;unlike&gt; every good part." in verdict(doubted, 0.4, False)


def test_before_and_after_name_both_verdicts() -> None:
    before = view(reconstructed(score=0.3))
    after = replace(view(reconstructed(score=5, unit=DEVIATIONS)), before=before)
    text = words(before_and_after(after, 2.0, False))
    assert "Before: calm, 0.300 against 0.400" in text
    assert "After: stands out, 5.00 against 2.00" in text
    assert before_and_after(before, 0.4, False) == ""


def test_shares_of_the_evidence_add_up() -> None:
    text = words(evidence(view(ensemble()), False))
    shares = [int(share) for share in re.findall(r"(\d+)% of the peak", text)]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert len(shares) == 2
    assert evidence(view(reconstructed()), False) == ""


def test_the_nearest_patch_says_where_it_is_from() -> None:
    assert "elsewhere in this picture (yellow): distance 0.25" in nearest_patch(view(matched()), *PEAK)
    assert "among the good parts: distance 0.25" in nearest_patch(view(matched(crops=True)), *PEAK)
    assert nearest_patch(view(reconstructed()), *PEAK) == ""


def test_a_report_needs_no_other_file_and_has_the_settings() -> None:
    page = report_page(view(ensemble()), 1.3)
    assert page.startswith("<!doctype html>")
    assert not re.search(r"""https?:|(src|href)=["'](?!data:)|url\((?!["']?data:)|@import""", page)
    assert page.count("<img") == 3 + 2 + 3 + 3 * 3
    assert "<th>seed</th><td>7</td>" in page
    assert "Compared with" in page


def test_a_report_of_a_hostile_file_name_is_harmless() -> None:
    page = report_page(view(reconstructed(), HOSTILE), 0.4)
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=" in page
