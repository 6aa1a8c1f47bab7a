"""The bundled model's corpus is built from packages, with versions and terms."""

import csv
import os
import shutil
import subprocess

import pytest
from PIL import Image

from maeday_core.errors import DatasetError
from maeday_core.pretraining.corpus import load_corpus
from maeday_core.pretraining.packages import build_corpus
from tests.pretraining.pictures import pictures


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two small Debian packages, and an apt-get that copies them instead of downloading them."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("dpkg-deb is Debian's")
    archive = tmp_path / "archive"
    archive.mkdir()
    for number, package in enumerate(("rocks", "walls")):
        root = tmp_path / package
        (root / "DEBIAN").mkdir(parents=True)
        fields = {"Package": package, "Version": f"1.{number}", "Architecture": "all", "Maintainer": "A <a@b.c>"}
        fields["Description"] = "pictures"
        (root / "DEBIAN" / "control").write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
        (root / "usr/share/doc" / package).mkdir(parents=True)
        (root / "usr/share/doc" / package / "copyright").write_text(f"{package}: CC0")
        for i, picture in enumerate(pictures(4)[2 * number : 2 * number + 2]):
            Image.fromarray(picture).save(root / "usr/share" / f"photo{i}.png")
        Image.fromarray(pictures(1)[0]).save(root / "usr/share" / "again.png")
        subprocess.run(["dpkg-deb", "--build", root, archive / f"{package}.deb"], check=True, capture_output=True)
    tool = tmp_path / "bin" / "apt-get"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\ncp "{archive}/$2.deb" . 2>/dev/null || {{ echo "E: no package $2" >&2; exit 100; }}\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return ["rocks", "walls"]


def test_corpus_is_built_from_packages(packages, tmp_path):
    built = build_corpus(tmp_path / "corpus", packages)
    rows = list(csv.DictReader((built / "kept.csv").open()))
    assert [row["package"] for row in rows] == ["rocks", "rocks", "walls", "walls"]  # the copies are left out
    assert {row["version"] for row in rows} == {"1.0", "1.1"}
    assert rows[0]["path"] == "usr/share/again.png"
    for package in packages:
        assert (built / package / "copyright").read_text() == f"{package}: CC0"
    corpus = load_corpus([built])
    assert sorted(path.relative_to(built).as_posix() for path in corpus.files) == sorted(row["file"] for row in rows)
    assert {picture.tobytes() for picture in [*corpus.train, *corpus.held_out]} >= {
        pictures(4)[i].tobytes() for i in range(1, 4)
    }
    with pytest.raises(DatasetError, match="exists already"):
        build_corpus(built, packages)


def test_a_package_that_cannot_be_fetched_is_one_sentence(packages, tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match=r"bricks cannot be fetched.*no package bricks"):
        build_corpus(tmp_path / "corpus", ["bricks"])
    assert not (tmp_path / "corpus").exists()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DatasetError, match="apt-get is not on this machine"):
        build_corpus(tmp_path / "corpus", ["bricks"])
