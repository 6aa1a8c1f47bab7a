"""What a Hugging Face Space holds: a part of the checkout, and three files made for the Hub."""

from __future__ import annotations

import re
from pathlib import Path

from maeday_core.errors import SettingsError

NEEDED = ("README.md", "requirements.txt", ".gitattributes", "app.py", "app", "maeday_core", "assets")
"""What a Space runs from: files, and folders with all that is in them."""
LINK = re.compile(r"\]\((\w[^)#:\s]*)")
THUMBNAIL = re.compile(r"^thumbnail: (?!https?:)(\S+)$", re.MULTILINE)
FOR_ZEROGPU = {"torch": "2.13.0", "torchvision": "0.28.0"}  # docs/guides/space.md#torch
"""The newest versions that ZeroGPU lists: it refuses to start with another pin."""
LFS = "filter=lfs diff=lfs merge=lfs -text"


def read_checkout(folder: Path) -> dict[str, bytes]:
    """The files of a Space, by their paths in it: those it runs from, and those that README.md shows or links to.

    Raises:
        SettingsError: the folder is no checkout of this project.
    """
    readme = folder / "README.md"
    missing = [name for name in NEEDED if not (folder / name).exists()]
    if missing or not readme.read_text(encoding="utf-8").startswith("---\n"):
        lacks = f"it has no {missing[0]}" if missing else "its README.md does not begin with the settings of a Space"
        raise SettingsError(f"{folder.resolve()} is no checkout of MAEDAY: {lacks}; give one by --from.")
    linked = [folder / link for link in LINK.findall(readme.read_text(encoding="utf-8"))]
    paths = {path for name in NEEDED for path in _files(folder / name)} | {path for path in linked if path.is_file()}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def _files(path: Path) -> list[Path]:
    """The file itself, or all files of a folder but hidden and compiled ones."""
    if path.is_file():
        return [path]
    inner = (found.relative_to(path).parts for found in path.rglob("*") if found.is_file())
    return [path.joinpath(*parts) for parts in inner if not any(p[0] == "." or p == "__pycache__" for p in parts)]


def for_the_hub(files: dict[str, bytes], address: str) -> dict[str, bytes]:
    """The same files, three of them with what holds on the Hub alone.

    Args:
        files: as `read_checkout` gives them.
        address: of the Space, `https://.../spaces/owner/name`.

    Returns:
        `README.md` names its thumbnail by its full address, `requirements.txt` pins a torch that ZeroGPU starts, and
        `.gitattributes` keeps in Git LFS what it calls binary.
    """
    readme, requirements, attributes = (
        files[name].decode() for name in ("README.md", "requirements.txt", ".gitattributes")
    )
    for name, version in FOR_ZEROGPU.items():
        requirements = re.sub(rf"^{name}==.*$", f"{name}=={version}", requirements, flags=re.MULTILINE)
    made = {
        "README.md": THUMBNAIL.sub(rf"thumbnail: {address}/resolve/main/\1", readme, count=1),
        "requirements.txt": requirements,
        ".gitattributes": re.sub(r" binary$", f" {LFS}", attributes, flags=re.MULTILINE),
    }
    return files | {name: text.encode() for name, text in made.items()}
