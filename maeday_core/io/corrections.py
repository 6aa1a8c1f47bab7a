"""What an inspector said of pictures, as a file of JSON Lines that can be saved, loaded and merged."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from maeday_core.errors import DatasetError
from maeday_core.io.files import replacing
from maeday_core.io.images import MAX_PIXELS

MAX_BYTES = 50_000_000
SHA256 = re.compile("[0-9a-f]{64}")


class Label(StrEnum):
    """What is said of a picture."""

    NORMAL = "normal"
    DEFECT = "defect"


@dataclass(frozen=True)
class Correction:
    """What was said of one picture.

    Attributes:
        picture: the SHA-256 of its file, hexadecimal; of a frame of a video, that of the video.
        label: what was said.
        time: when, ISO 8601 with a time zone.
        box: the place that was meant, as x, y, width and height in pixels; None for the picture as a whole.
        path: of the file, as far as it is known; the hash counts.
        at: seconds into a video; None for a picture.
    """

    picture: str
    label: Label
    time: str
    box: tuple[int, int, int, int] | None = None
    path: str = ""
    at: float | None = None

    @property
    def key(self) -> tuple[str, float | None]:
        """Of two corrections with the same key the later one holds."""
        return self.picture, self.at


def now() -> str:
    """The time, as a correction has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def merged(*given: Iterable[Correction]) -> tuple[Correction, ...]:
    """What was said last of each picture, in an order that does not depend on that of what is given."""
    last: dict[tuple[str, float | None], Correction] = {}
    for one in sorted((one for some in given for one in some), key=lambda one: (_moment(one.time), one.label)):
        last[one.key] = one
    return tuple(sorted(last.values(), key=lambda one: (one.picture, one.at or 0.0)))


def save_corrections(corrections: Iterable[Correction], path: str | os.PathLike[str]) -> None:
    """Write a line for each."""
    with replacing(path) as temporary:
        temporary.write_text("".join(json.dumps(asdict(one)) + "\n" for one in corrections), encoding="utf-8")


def load_corrections(path: str | os.PathLike[str]) -> tuple[Correction, ...]:
    """Read a file of `save_corrections`, or several that were put one after another.

    Raises:
        DatasetError: it cannot be read, or a line is no correction; it says which.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB; no file of corrections is.")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}); check the name and its permissions.") from error
    except ValueError as error:
        raise DatasetError(f"{path} is no file of corrections: it is no text.") from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found += [_correction(json.loads(line))] if line.strip() else []
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise DatasetError(f"Line {number} of {path} is no correction; remove it, or give another file.") from error
    return merged(found)


def _correction(row: dict[str, Any]) -> Correction:
    """One from its line.

    Raises:
        ValueError, KeyError, TypeError, OverflowError: it is none.
    """
    picture, box, at = str(row["picture"]), row.get("box"), row.get("at")
    if not SHA256.fullmatch(picture):
        raise ValueError("no SHA-256")
    if at is not None and not math.isfinite(at := float(at)):
        raise ValueError("no time")
    if box is not None:
        x, y, width, height = (int(value) for value in box)
        box = x, y, width, height
        if min(box) < 0 or max(box) > MAX_PIXELS:
            raise ValueError("no place in a picture")
    _moment(str(row["time"]))
    where = str(row.get("path", ""))
    return Correction(picture, Label(row["label"]), str(row["time"]), box, where, at)


def _moment(time: str) -> datetime:
    moment = datetime.fromisoformat(time)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
