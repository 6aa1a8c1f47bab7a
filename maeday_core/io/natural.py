"""Names in the order in which people count."""

import re

DIGITS = re.compile(r"(\d+)")


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts `frame_2` before `frame_10`; no two names have the same one."""
    parts = [(0, part) for part in DIGITS.split(name)]
    parts[1::2] = [(len(number), number) for number in (digits.lstrip("0") for _, digits in parts[1::2])]
    return (*parts, (0, name))
