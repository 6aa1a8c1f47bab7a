"""Hostile files of what was learned: false facts, false tensors, damaged files."""

from __future__ import annotations

import functools
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save

from maeday_core import ENSEMBLE, Settings, Tools, learn, save_reference
from maeday_core.methods.saved import HEADER
from tests.conftest import part
from tests.fuzz.damage import damaged

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 100_000,
    [],
    [0, 0, 0],
    [float("nan")] * 5,
    [0.5] * 200_000,
    {},
    {"a": {}},
    "../../etc/passwd",
    "<b>bold</b>",
)


def saved(rng: random.Random) -> tuple[str, bytes]:
    """A suffix and the bytes of a file that is, or pretends to be, what was learned of good parts."""
    make = rng.choice(
        (false_fact, false_fact, false_fact, false_fact, false_tensor, false_tensor, spoiled_file, nested)
    )
    return ".safetensors", make(rng)


def false_fact(rng: random.Random) -> bytes:
    """One to three facts are something else, or missing."""
    facts, tensors = _learned()
    facts = json.loads(json.dumps(facts))
    for _ in range(rng.choice((1, 1, 3))):
        place, name = rng.choice(_places(facts))
        if rng.random() < 0.15:
            place.pop(name, None)
        else:
            place[name] = rng.choice(VALUES)
    return save(tensors, {"format": "pt", HEADER: json.dumps(facts)})


def false_tensor(rng: random.Random) -> bytes:
    """A tensor has another shape, another type, other numbers, or is missing."""
    facts, tensors = _learned()
    tensors = dict(tensors)
    name = rng.choice(sorted(tensors))
    value = tensors[name]
    if rng.random() < 0.1:
        del tensors[name]
    else:
        tensors[name] = rng.choice(
            (
                value[:0].clone(),
                value[:1].clone(),
                value.flatten(),
                value[None].clone(),
                value.to(torch.int64),
                value.to(torch.float64) * 1e30,
                torch.full_like(value.float(), torch.nan),
                torch.full_like(value.float(), torch.inf),
                -value.float(),
                torch.zeros(3, 3),
                torch.zeros(1, 0, 224, 224),
            )
        )
    return save(tensors, {"format": "pt", HEADER: json.dumps(facts)})


def spoiled_file(rng: random.Random) -> bytes:
    """A good file after some changes."""
    facts, tensors = _learned()
    return damaged(save(tensors, {"format": "pt", HEADER: json.dumps(facts)}), rng)


def nested(rng: random.Random) -> bytes:
    """Facts that are no facts: brackets, numbers of a million digits, a header of nothing."""
    _, tensors = _learned()
    text = rng.choice(("[" * 200_000, "{" * 5000, "9" * 1_000_000, "null", "[]", '"text"', '{"format": 2}', ""))
    return save(tensors, {"format": "pt", HEADER: text})


def _places(facts: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Where a fact stands: what holds it, and its name."""
    found = []
    for name, value in facts.items():
        found += [(facts, name), *(_places(value) if isinstance(value, dict) else ())]
    return found


@functools.cache
def _learned() -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Facts and tensors of a good file."""
    tools = Tools.of("bundled", Settings(masks=1), steps=1)
    reference = learn(ENSEMBLE, tools, [part(0), part(1)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.safetensors"
        save_reference(reference, path)
        with safetensors.safe_open(path, framework="pt") as file:
            return json.loads(file.metadata()[HEADER]), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
