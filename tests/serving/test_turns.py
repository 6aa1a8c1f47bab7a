"""Turns: one step of one visitor at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from torch import nn

from maeday_core import MAEDAY, SELF_REFERENCE, MaskedAutoencoder, Method, Settings, Tools, detector
from maeday_core.methods.base import last
from maeday_core.serving import turns
from maeday_core.serving.turns import Work, in_turns


def test_no_two_steps_run_at_once() -> None:
    running, most = 0, 0

    def steps() -> Iterator[int]:
        nonlocal running, most
        for step in range(50):
            running += 1
            most = max(most, running)
            threading.Event().wait(0.0005)
            running -= 1
            yield step

    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(list(in_turns(steps())))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(50))] * 3
    assert most == 1


def test_who_has_computed_little_passes_by_those_who_have_computed_much() -> None:
    """Six long runs, and a short one that begins among them: it has every other turn, not every seventh."""
    order: list[str] = []

    def steps(name: str, count: int) -> Iterator[None]:
        for _ in range(count):
            order.append(name)
            time.sleep(0.004)
            yield

    long = [threading.Thread(target=lambda: list(in_turns(steps("long", 60)))) for _ in range(6)]
    for thread in long:
        thread.start()
    while len(order) < 120:
        time.sleep(0.001)
    list(in_turns(steps("short", 10)))
    for thread in long:
        thread.join()
    first, last = order.index("short"), len(order) - 1 - order[::-1].index("short")
    assert last - first < 40


def test_nobody_waits_for_ever() -> None:
    """One who has computed for long has his turn among short works that come without end."""
    over, old = threading.Event(), Work(spent=0.5)

    def short() -> Iterator[None]:
        for _ in range(3):
            time.sleep(0.002)
            yield

    def come() -> None:
        while not over.is_set():
            list(in_turns(short()))

    others = [threading.Thread(target=come) for _ in range(3)]
    for thread in others:
        thread.start()
    start = time.monotonic()
    next(in_turns(iter([1]), old))
    waited = time.monotonic() - start
    over.set()
    for thread in others:
        thread.join()
    assert waited < 5


def test_whoever_waits_comes_before_whoever_has_just_had_a_turn() -> None:
    order: list[str] = []

    def steps(name: str, count: int) -> Iterator[None]:
        for _ in range(count):
            order.append(name)
            threading.Event().wait(0.003)
            yield

    greedy = threading.Thread(target=lambda: list(in_turns(steps("greedy", 200))))
    greedy.start()
    while len(order) < 5:
        pass
    list(in_turns(steps("light", 20)))
    greedy.join()
    first, last = order.index("light"), len(order) - 1 - order[::-1].index("light")
    assert last - first < 60  # in turns, not after 200 of the other's


def test_a_visitor_who_stops_between_two_steps_blocks_nobody() -> None:
    stopped = in_turns(iter([1, 2, 3]))
    next(stopped)
    assert list(in_turns(iter([4, 5]))) == [4, 5]


def test_an_error_in_a_step_ends_the_turn() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        list(in_turns(failing()))
    assert list(in_turns(iter([2]))) == [2]


def test_a_network_hands_a_long_turn_on_while_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST", 0.02)
    turns.hand_on_long_turns()
    network, working, ended = nn.Identity(), threading.Event(), []

    def long() -> Iterator[None]:
        for _ in range(100):
            working.set()
            time.sleep(0.01)
            network(0)
        yield
        ended.append("long")

    heavy = threading.Thread(target=lambda: list(in_turns(long())))
    heavy.start()
    working.wait()
    for _ in range(5):
        list(in_turns(iter([1])))
    assert not ended
    heavy.join()
    assert ended


def test_what_nobody_wants_any_more_ends_before_the_next_layer() -> None:
    turns.hand_on_long_turns()
    network, layers = nn.Identity(), []

    def steps() -> Iterator[int]:
        for layer in range(10):
            network(layer)
            layers.append(layer)
        yield 1

    with pytest.raises(turns.Unwanted):
        list(in_turns(steps(), wanted=lambda: len(layers) < 3))
    assert layers == [0, 1, 2]
    assert list(in_turns(iter([2]))) == [2]


@pytest.mark.parametrize("method", [MAEDAY, SELF_REFERENCE], ids=lambda method: method.name)
def test_a_large_picture_is_judged_in_many_turns(
    monkeypatch: pytest.MonkeyPatch, tiny_model: MaskedAutoencoder, method: Method
) -> None:
    """Though it is one step; and it is judged as if nobody had come between."""
    monkeypatch.setattr(turns, "LONGEST", 0.0)
    turns.hand_on_long_turns()
    query = np.random.default_rng(0).integers(0, 256, (640, 960, 3), dtype=np.uint8)
    detect = detector(method, Tools.of(tiny_model, Settings(masks=4, mask_ratio=0.5, tile="on")))
    expected, found = last(detect(query)), []
    heavy = threading.Thread(target=lambda: found.append(last(in_turns(detect(query)))))
    heavy.start()
    between = 0
    while heavy.is_alive():
        list(in_turns(iter([1])))
        between += 1
    assert between > 10
    assert np.array_equal(found[0].error_map, expected.error_map)
