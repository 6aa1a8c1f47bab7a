"""Every setting is a flag, and every flag arrives."""

from argparse import ArgumentParser
from dataclasses import fields

import pytest

from maeday_core.cli import command as command_named
from maeday_core.cli.options import settings_of
from maeday_core.detection.settings import Settings

OTHERS = {
    "masks": 7,
    "mask_ratio": 0.5,
    "seed": 3,
    "sampling": "balanced",
    "patches": "masked",
    "error_space": "normalised",
    "tile": "on",
    "alarm_rate": 0.2,
}
REQUIRED = {
    "detect": ["query.png"],
    "adapt": ["shot.png", "--out", "parts.safetensors"],
    "frames": ["frames.zip", "--out", "results"],
    "evaluate": ["plate"],
}


def parse(command: str, *arguments: str):
    parser = ArgumentParser()
    command_named(command).add_arguments(parser)
    return parser.parse_args([*REQUIRED[command], *arguments])


@pytest.mark.parametrize("command", REQUIRED)
def test_every_setting_is_a_flag(command):
    assert set(OTHERS) == {one.name for one in fields(Settings)}
    others = {name: value for name, value in OTHERS.items() if not (command == "evaluate" and name == "seed")}
    for name, value in others.items():
        options = parse(command, f"--{name.replace('_', '-')}", str(value))
        plain = parse(command)
        one_by_one = {"seed": 0} if command == "evaluate" else {}
        changed, unchanged = (settings_of(given, **one_by_one) for given in (options, plain))
        assert getattr(changed, name) == value
        assert all(
            getattr(changed, other.name) == getattr(unchanged, other.name)
            for other in fields(Settings)
            if other.name != name
        )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("detect", Settings(tile="auto")),
        ("adapt", Settings(tile="auto")),
        ("frames", Settings(masks=4, sampling="balanced", tile="on")),
        ("evaluate", Settings()),
    ],
)
def test_the_defaults_are_those_of_the_command(command, expected):
    assert settings_of(parse(command), **({"seed": 0} if command == "evaluate" else {})) == expected
