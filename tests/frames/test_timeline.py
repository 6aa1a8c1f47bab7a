"""The timeline: a dot for each frame, to choose on the page, to follow in a report."""

import re
from xml.etree import ElementTree

import pytest

from maeday_core.frames import FrameRun
from maeday_core.frames.timeline import timeline
from maeday_core.frames.triage import Judged, Judgements
from maeday_core.frames.verdict import Judgement


def parts(svg: str, **wanted: str) -> list[ElementTree.Element]:
    """The elements that have these attributes."""
    return [one for one in ElementTree.fromstring(svg).iter() if wanted.items() <= one.attrib.items()]


def test_every_frame_has_a_dot_that_can_be_chosen_and_has_a_name(run: FrameRun) -> None:
    svg = timeline(run.judge(), chosen=3)
    dots = parts(svg, role="option")
    assert [dot.get("id") for dot in dots] == [f"frames-dot-{number}" for number in range(8)]
    assert [dot.get("id") for dot in parts(svg, **{"aria-selected": "true"})] == ["frames-dot-3"]
    assert [dot.get("class") for dot in dots].count("anomalous") == 1
    assert re.fullmatch(r"3: \d\.\d\d x the limit", dots[3].get("aria-label", ""))
    (box,) = parts(svg, role="listbox")
    assert box.get("tabindex") == "0"
    assert box.get("aria-activedescendant") == "frames-dot-3"
    assert timeline(Judgement(run.judge().baseline, 1.0)) == ""


def test_the_limit_is_a_slider_that_says_its_value(run: FrameRun) -> None:
    judgement = run.judge()
    (limit,) = parts(timeline(judgement), role="slider")
    assert limit.get("aria-valuetext") == f"limit {judgement.threshold:.2f}"
    assert float(limit.get("aria-valuenow", "")) == pytest.approx(judgement.threshold, abs=1e-3)


def test_a_line_that_is_dragged_tells_its_limit(run: FrameRun) -> None:
    """From the line's height the page reckons the limit back."""
    judgement = run.judge()
    root = ElementTree.fromstring(timeline(judgement))[0]
    height = float(root.findall(".//g[@class='limit']/line")[0].get("y1", ""))
    limit = (float(root.get("data-floor", "")) - height) / float(root.get("data-unit", ""))
    assert limit == pytest.approx(judgement.threshold, abs=0.002)


def test_what_a_person_said_is_told_and_seen(run: FrameRun) -> None:
    dots = parts(timeline(run.judge(), {3: Judged.FINE}), role="option")
    assert dots[3].get("class") == "anomalous fine"
    assert dots[3].get("aria-label", "").endswith("; judged: fine")


def test_a_legend_tells_what_the_dots_mean_that_are_there(run: FrameRun) -> None:
    def legend(judged: Judgements) -> list[str]:
        return [item[0].tail or "" for item in ElementTree.fromstring(timeline(run.judge(), judged)).findall(".//li")]

    assert legend({}) == ["above the limit", "below the limit", "large: look at these first"]
    assert legend({3: Judged.FINE}) == ["below the limit", "you: fine", "large: look at these first"]


def test_in_a_report_dots_lead_to_frames_and_only_the_first_are_stops_of_the_keyboard(run: FrameRun) -> None:
    svg = timeline(run.judge(), links={number: f"#row-{number}" for number in range(8)})
    links = ElementTree.fromstring(svg).findall(".//a")
    assert [link.get("href") for link in links] == [f"#row-{number}" for number in range(8)]
    assert len([link for link in links if link.get("tabindex") is None]) == 5
    assert not parts(svg, role="listbox")
    assert not parts(svg, role="slider")
