"""What was learned of good parts as a file: one format, one writer, one reader."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from maeday_core.detection.region import REGISTRATION, SIDE, Region
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.fewshot.adapter import MANY
from maeday_core.fewshot.facts import items, tensor, text
from maeday_core.methods.base import find
from maeday_core.methods.reference import KEPT, KEPT_SIDE, GoodPart, Reference
from maeday_core.model.checkpoints import save_tensors

FORMAT = 2
HEADER = "maeday_reference"
OLDER = ("maeday_adapter", "maeday_bank")
MAX_HEADER = 1_000_000
MAX_BYTES = 256_000_000
"""The factors of a huge model with a memory bank take a hundred million."""
MAX_BYTES_FULL = 4_000_000_000
"""A file of all weights holds a whole model."""
ALL_WEIGHTS = "/weights."
PHOTO = "photo/"
IGNORED, ANCHOR = "region/ignored", "region/anchor"
MAX_PHOTO = 4_000_000
"""Bytes; a JPEG of `KEPT_SIDE` px a side takes less whatever it shows."""
LONGEST = 200
"""Characters of what is said about a foreign file: its words may be of any length."""


def save_reference(reference: Reference, path: str | os.PathLike[str]) -> None:
    """Write what was learned as one safetensors file; `load_reference` reads it."""
    tensors: dict[str, Tensor] = {}
    for name, one in reference.learned.items():
        tensors |= {f"{name}/{key}": value for key, value in one.tensors().items()}
    for number, photo in enumerate(reference.photos):
        tensors[f"{PHOTO}{number}"] = torch.frombuffer(bytearray(photo.jpeg), dtype=torch.uint8)
    if reference.region:
        tensors |= _region_tensors(reference.region)
    facts = {
        "format": FORMAT,
        "method": reference.method,
        "name": reference.name,
        "photos": [photo.name for photo in reference.photos],
        "joined": reference.joined,
        "learned": {name: one.facts() for name, one in reference.learned.items()},
    }
    save_tensors(Path(path), tensors, {"format": "pt", HEADER: json.dumps(facts)})


def load_reference(path: str | os.PathLike[str]) -> Reference:
    """Read a file of `save_reference`.

    Raises:
        WeightsError: it cannot be read, is damaged, is too large, or was written by another version of this program.
    """
    path = Path(path)
    facts, tensors = _read(path)
    if facts.get("format") != FORMAT:
        raise WeightsError(
            f"{path.name} was written by another version of this program; learn from the good parts again."
        )
    try:
        method = find(str(facts["method"]))
        learned = {}
        for part in method.parts(good=True):
            own = {
                key.removeprefix(f"{part.name}/"): value
                for key, value in tensors.items()
                if key.startswith(f"{part.name}/")
            }
            learned[part.name] = part.restore(facts["learned"][part.name], own)
        name, photos = text(facts.get("name", "")), _photos(facts, tensors)
        region, joined = _region(tensors), tuple(map(text, items(facts.get("joined", []), 0, MANY)))
    except SettingsError as error:
        why = textwrap.shorten(str(error), LONGEST)
        raise WeightsError(f"{path.name} was written for something that is not here: {why}") from error
    except Exception as error:  # facts and tensors of any kind, where others were expected
        raise WeightsError(f"{path.name} is damaged; learn from the good parts again.") from error
    return Reference(learned, method.name, name, photos, region, joined)


def _region_tensors(region: Region) -> dict[str, Tensor]:
    """What was ignored, as tensors."""
    tensors = {IGNORED: torch.from_numpy(region.ignored)}
    return tensors if region.anchor is None else tensors | {ANCHOR: torch.from_numpy(region.anchor)}


def _region(tensors: Mapping[str, Tensor]) -> Region | None:
    """What was ignored; None where all counts.

    Raises:
        ValueError, SettingsError: it is no region.
    """
    if IGNORED not in tensors:
        return None
    ignored, anchor = tensors[IGNORED], tensors.get(ANCHOR)
    if ignored.dtype != torch.bool or ignored.ndim != 2 or not 1 <= min(ignored.shape) <= max(ignored.shape) <= SIDE:
        raise ValueError("no mask")
    if ignored.all():
        raise ValueError("nothing counts")
    side = REGISTRATION.side
    return Region(ignored.numpy(), None if anchor is None else tensor(anchor, side, side).float().numpy())


def _photos(facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[GoodPart, ...]:
    """The photos of good parts; none in a file that was written before they were kept.

    Raises:
        ValueError, ImageError: they are none.
    """
    photos = []
    for number, name in enumerate(items(facts.get("photos", []), 0, KEPT)):
        data = tensors[f"{PHOTO}{number}"]
        if data.dtype != torch.uint8 or data.ndim != 1 or len(data) > MAX_PHOTO:
            raise ValueError("no JPEG file")
        photo = GoodPart(text(name), data.numpy().tobytes())
        if max(photo.picture.shape) > KEPT_SIDE:
            raise ValueError("a larger photo than is kept")
        photos.append(photo)
    return tuple(photos)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        os.fspath(path).encode()  # others are nothing to safetensors
        _check_header(path)
        with safetensors.safe_open(path, framework="pt") as file:
            header, names = file.metadata() or {}, list(file.keys())
            if HEADER not in header and not any(name in header for name in OLDER):
                raise ValueError("no reference")
            facts = json.loads(header.get(HEADER, "{}"))
            if path.stat().st_size > (MAX_BYTES_FULL if any(ALL_WEIGHTS in name for name in names) else MAX_BYTES):
                raise ValueError("too large")
            tensors = {name: file.get_tensor(name) for name in names}
    except UnicodeEncodeError as error:
        raise WeightsError(f"{path.name} cannot be read: its name or a folder's is no UTF-8; rename it.") from error
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read; check the name and its permissions.") from error
    except Exception as error:  # a header may nest without end, or hold numbers without end
        raise WeightsError(
            f"{path.name} holds nothing that this program has learned, or is damaged; learn from the good parts again."
        ) from error
    if not isinstance(facts, dict):
        raise WeightsError(f"{path.name} is damaged; learn from the good parts again.")
    return facts, tensors


def _check_header(path: Path) -> None:
    """Refuse a header that is too long to be one, before it is read."""
    with path.open("rb") as file:
        if int.from_bytes(file.read(8), "little") > MAX_HEADER:
            raise ValueError("no header is so long")
