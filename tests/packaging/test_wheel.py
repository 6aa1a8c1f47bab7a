"""The wheel holds everything the engine and the page read, and says what it needs."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import maeday_core
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def tracked(*folders: str) -> set[str]:
    """Files of the repository, new ones included, except what git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in listing.splitlines() if (ROOT / name).is_file()}


def test_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    files = tracked("maeday_core", "app")
    assert {"maeday_core/py.typed", "maeday_core/assets/mae-small.safetensors", "app/page.py"} <= files
    assert files <= names
    examples = {name.replace("assets/", "app/", 1) for name in tracked("assets/examples")}
    assert "app/examples/frames.zip" in examples
    assert examples <= names


def test_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {Path(name).parts[0].partition("-")[0] for name in wheel.namelist()} == {"maeday_core", "app", "maeday"}


def test_wheel_has_the_version_of_the_package_and_the_command(wheel: zipfile.ZipFile) -> None:
    info = f"maeday-{maeday_core.__version__}.dist-info"
    metadata = email.message_from_bytes(wheel.read(f"{info}/METADATA"))
    assert metadata["Version"] == maeday_core.__version__
    assert "maeday = maeday_core.__main__:main" in wheel.read(f"{info}/entry_points.txt").decode()
