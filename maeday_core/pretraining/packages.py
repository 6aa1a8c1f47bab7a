"""The bundled model's corpus: photographs of surfaces out of freely licensed Debian packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from maeday_core.errors import DatasetError
from maeday_core.io.table import csv_text
from maeday_core.pretraining.corpus import photographs

PACKAGES = (  # docs/decisions.md#corpus
    "gnome-backgrounds",
    "plasma-workspace-wallpapers",
    "redeclipse-data",
    "supertuxkart-data",
    "torcs-data",
)


def build_corpus(
    out: str | os.PathLike[str],
    packages: Sequence[str] = PACKAGES,
    log: Callable[[str], None] = lambda line: None,
) -> Path:
    """Download Debian packages and keep their photographs, for `load_corpus`.

    `apt-get` and `dpkg-deb` must be there. Written below `out`: `<package>/<hash>.png`, at most 512 px on the short
    side; `<package>/copyright`, with the terms of every file; and `kept.csv`: each picture's package, version and path.

    Args:
        out: a folder that does not exist yet.
        packages: names of Debian packages.
        log: receives lines about the progress.

    Returns:
        The folder.

    Raises:
        DatasetError: `out` exists, a package cannot be fetched, or none holds a usable picture.
    """
    out = Path(out)
    if out.exists():
        raise DatasetError(f"{out} exists already; choose a new folder for the corpus.")
    with tempfile.TemporaryDirectory(dir=out.absolute().parent) as scratch:
        versions = {package: _unpack(package, Path(scratch), log) for package in packages}
        left_out: Counter[str] = Counter()
        rows = []
        for path, image, digest in photographs([Path(scratch) / package for package in packages], left_out):
            package, *inside = path.relative_to(scratch).parts
            target = out / package / f"{digest.hex()[:16]}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            _, data = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
            target.write_bytes(data.tobytes())
            rows.append([str(target.relative_to(out)), package, versions[package], "/".join(inside)])
            if len(rows) % 200 == 0:
                log(f"{len(rows)} pictures kept")
        if not rows:
            raise DatasetError(f"No usable pictures in {', '.join(packages)}.")
        for package in {row[1] for row in rows}:
            shutil.copy(Path(scratch) / package / "usr/share/doc" / package / "copyright", out / package / "copyright")
    (out / "kept.csv").write_text(
        csv_text([["file", "package", "version", "path"], *rows]), encoding="utf-8", newline=""
    )
    for reason, count in left_out.items():
        log(f"{count} left out: {reason}")
    log(f"{len(rows)} pictures kept in {out}")
    return out


def _unpack(package: str, scratch: Path, log: Callable[[str], None]) -> str:
    """Fetch and unpack one package into `scratch`/<its name>; returns its version."""
    log(f"fetching {package}")
    (scratch / package).mkdir()
    try:
        subprocess.run(["apt-get", "download", package], cwd=scratch, check=True, capture_output=True, text=True)
        [archive] = scratch.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, scratch / package], check=True, capture_output=True, text=True)
        return subprocess.check_output(["dpkg-deb", "-f", archive, "Version"], text=True).strip()
    except FileNotFoundError as error:
        raise DatasetError(
            f"{error.filename} is not on this machine: packages are fetched on Debian or Ubuntu; elsewhere unpack them "
            "by hand and give their folders to pretrain."
        ) from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise DatasetError(f"The package {package} cannot be fetched or unpacked ({reason[0]}).") from error
    finally:
        for archive in scratch.glob("*.deb"):
            archive.unlink()
