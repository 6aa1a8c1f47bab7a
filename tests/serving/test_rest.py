"""The server for other programs: its answers are the library's, and what is wrong is said in a sentence."""

from __future__ import annotations

import io
import json
import logging
import re
import shutil
import subprocess
import time
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import TypeAdapter

from maeday_core import (
    ENSEMBLE,
    MAEDAY,
    METHODS,
    PATCHCORE,
    MaskedAutoencoder,
    Settings,
    Tools,
    detect,
    learn,
    load_image,
    load_reference,
    save_reference,
)
from maeday_core.model.mae import ModelInfo
from maeday_core.serving.rest.answers import DETECTED, DetectAnswer
from tests.conftest import ROOT, TINY, part
from tests.serving.conftest import Serve, good, picture, png

EXAMPLES = ROOT / "assets" / "examples"
SCRATCH, CLEAN, FRAMES = (EXAMPLES / name for name in ("metal-scratch.jpg", "metal-clean.jpg", "frames.zip"))
FAST = {"method": "patchcore"}


def test_detect_is_that_of_the_library(client: TestClient, tiny_model: MaskedAutoencoder) -> None:
    form = {"masks": "4", "seed": "3", "mask_ratio": "0.5", "alarm_rate": "0.1"}
    answer = client.post("/v1/detect", data=form, files=picture(SCRATCH.read_bytes(), SCRATCH.name)).json()
    settings = Settings(masks=4, seed=3, mask_ratio=0.5, alarm_rate=0.1, sampling="balanced", tile="auto")
    alone = detect(ENSEMBLE, Tools.of(tiny_model, settings), load_image(SCRATCH))
    assert answer["name"] == SCRATCH.name
    assert answer["image_score"] == pytest.approx(alone.image_score, rel=1e-5)
    assert answer["threshold"] == pytest.approx(alone.threshold.value, rel=1e-5)
    error_map = np.load(io.BytesIO(client.get(answer["files"]["error_map"]).content))
    np.testing.assert_allclose(error_map, alone.error_map, rtol=1e-3, atol=1e-3)
    for name in ("heat_map", "mask"):
        found = client.get(answer["files"][name])
        assert found.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(found.content)).format == "PNG"


def test_a_region_is_ignored_by_a_mask(client: TestClient) -> None:
    mask = np.zeros((48, 48), np.uint8)
    mask[:, :24] = 255
    Image.fromarray(mask).save(file := io.BytesIO(), "png")
    files = [*picture(), ("ignore", ("mask.png", file.getvalue()))]
    answer = client.post("/v1/detect", data={"method": "self"}, files=files).json()
    error_map = np.load(io.BytesIO(client.get(answer["files"]["error_map"]).content))
    assert error_map[:, :48].max() == 0 < error_map[:, 48:].min()
    files = [*picture(), ("roi", ("mask.png", b"no picture"))]
    answer = client.post("/v1/detect", data={"method": "self"}, files=files)
    assert (answer.status_code, "mask.png is not a picture" in answer.json()["error"]) == (422, True)


def test_good_parts_can_be_given_as_photos_and_as_what_was_learned(
    client: TestClient, tiny_model: MaskedAutoencoder, tmp_path: Path
) -> None:
    learned = client.post("/v1/adapt", data={**FAST, "name": "plates"}, files=good()).json()
    assert (learned["method"], learned["shots"]) == ("patchcore", 1)
    (adapter := tmp_path / "a.safetensors").write_bytes(client.get(learned["files"]["adapter"]).content)
    files = [*picture(), ("adapter", (adapter.name, adapter.read_bytes()))]
    with_file = client.post("/v1/detect", data=FAST, files=files).json()
    with_photo = client.post("/v1/detect", data=FAST, files=picture() + good()).json()
    known = load_reference(adapter)
    alone = detect(PATCHCORE, Tools.of(tiny_model, Settings(tile="auto")), part(0, defect=True), known)
    assert known.name == "plates"
    assert with_file["image_score"] == with_photo["image_score"] == pytest.approx(alone.image_score, rel=1e-5)
    assert with_file["verdict"] == ("anomalous" if alone.image_score > alone.threshold.value else "normal")


def test_frames_come_as_rows_and_as_an_archive(client: TestClient) -> None:
    files = [("files", (name, png(seed, seed == 1))) for seed, name in enumerate(["a.png", "b/../../b.png", "a.png"])]
    files.append(("files", ("broken.jpg", b"nothing")))
    answer = client.post("/v1/frames", data={"method": "self", "tile": "off"}, files=files).json()
    assert [row["path"] for row in answer["rows"]] == ["a.png", "b.png", "a (2).png"]
    assert [one["path"] for one in answer["left_out"]] == ["broken.jpg"]
    with ZipFile(io.BytesIO(client.get(answer["files"]["archive"]).content)) as archive:
        assert {"frames.csv", "frames.jsonl", "report.html"} <= set(archive.namelist())
        rows = [json.loads(line) for line in archive.read("frames.jsonl").splitlines()]
    assert [row["image_score"] for row in rows] == [row["image_score"] for row in answer["rows"]]


def test_models_and_methods_are_told(client: TestClient) -> None:
    offered = client.get("/v1/models").json()
    (model,) = offered["models"]
    assert (model["name"], model["default"]) == (client.get("/ready").json()["model"], True)
    assert [one["name"] for one in offered["methods"]] == list(METHODS)


@pytest.mark.parametrize(
    ("path", "form", "files", "status", "words"),
    [
        ("detect", {}, picture(b"\x89PNG\r\n\x1a\n nothing"), 422, "part.png is damaged"),
        ("detect", {}, picture(b""), 422, "part.png is empty"),
        ("detect", {"method": "magic"}, picture(), 422, "no method 'magic'"),
        ("detect", {"masks": "1000"}, picture(), 422, "masks is 1000; choose 1 to 512"),
        ("detect", {"masks": "many"}, picture(), 422, "field masks"),
        ("detect", {"seed": str(2**80)}, picture(), 422, "seed is"),
        ("detect", {"threshold": "nan"}, picture(), 422, "threshold is nan"),
        ("detect", {"model": "/etc/passwd"}, picture(), 422, "leave the field model out"),
        ("detect", {"method": "patchcore"}, picture(), 422, "give photos of them"),
        ("detect", {}, picture() + good(9), 422, "9 photos of good parts"),
        ("detect", {}, good(1), 422, "picture is missing"),
        ("detect", {"picture": "x"}, good(1), 422, "picture is a file"),
        ("detect", {}, [*picture(), ("adapter", ("a.safetensors", b"nothing"))], 422, "a.safetensors"),
        ("adapt", {"method": "self"}, good(1), 422, "uses no photos of good parts"),
        ("frames", {"every": "0"}, [("files", ("a.png", png()))], 422, "time above 0"),
    ],
)
def test_what_is_wrong_is_said(client: TestClient, path: str, form: dict, files: list, status: int, words: str) -> None:
    answer = client.post(f"/v1/{path}", data=form, files=files)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert words in answer.json()["error"]


def test_an_adapter_of_another_model_is_refused(client: TestClient, tmp_path: Path) -> None:
    other = MaskedAutoencoder(TINY).requires_grad_(False).eval()
    other.info = ModelInfo("other", sha256="0" * 64)
    save_reference(
        learn(MAEDAY, Tools.of(other, preset="paper", steps=1), [part(0)]), path := tmp_path / "other.safetensors"
    )
    adapter = ("adapter", (path.name, path.read_bytes()))
    answer = client.post("/v1/detect", data={"method": "maeday"}, files=[*picture(), adapter])
    assert answer.status_code == 422
    assert "belongs to the model other" in answer.json()["error"]


def test_what_is_no_form_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/detect", json={"picture": "x"})
    assert answer.status_code == 415
    broken = client.post("/v1/detect", content=b"nothing", headers={"content-type": "multipart/form-data; boundary=x"})
    assert broken.status_code in (400, 422)
    assert list(broken.json()) == ["error"]
    assert client.get("/v1/detect").status_code == 405
    assert list(client.get("/nowhere").json()) == ["error"]


def test_a_key_is_asked_for(serve: Serve) -> None:
    client = serve(api_key="a sécret")
    for headers in ({}, {"X-API-Key": "another"}, {"Authorization": "Bearer another"}):
        for path in ("/v1/models", "/metrics", "/openapi.json", "/v1/files/x/y"):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401
            assert "X-API-Key" in answer.json()["error"]
        assert client.post("/v1/detect", files=picture(), headers=headers).status_code == 401
    for headers in ({"X-API-Key": "a sécret".encode()}, {"Authorization": "bearer a sécret".encode()}):
        assert client.get("/v1/models", headers=headers).status_code == 200
    assert client.get("/health").status_code == client.get("/ready").status_code == 200


def test_too_much_is_refused_whether_it_is_announced_or_not(serve: Serve) -> None:
    client = serve(max_request=0.002)
    announced = client.post("/v1/detect", files=picture(bytes(3000)))
    body = b"".join([b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n', bytes(3000)])
    form = {"content-type": "multipart/form-data; boundary=x"}
    in_parts = client.post("/v1/detect", content=iter([body[:1500], body[1500:]]), headers=form)
    for answer in (announced, in_parts):
        assert answer.status_code == 413
        assert "larger than 0.002 MB" in answer.json()["error"]


def test_files_go_after_their_time(serve: Serve) -> None:
    client = serve(keep=0.3)
    answer = client.post("/v1/detect", data={"method": "self"}, files=picture()).json()
    assert answer["kept_seconds"] == 0.3
    link = answer["files"]["mask"]
    assert client.get(link).status_code == 200
    assert client.get(link.replace("mask.png", "../mask.png")).status_code == 404
    assert client.get(link.replace("mask.png", "other.png")).status_code == 404
    time.sleep(0.3)
    gone = client.get(link)
    assert gone.status_code == 404
    assert "let go" in gone.json()["error"]


def test_nothing_stays_of_what_callers_sent(client: TestClient) -> None:
    client.post("/v1/detect", data={"method": "self"}, files=picture())
    client.post("/v1/detect", data={"method": "self"}, files=picture(b"broken"))
    kept = {path.name for path in client.app.state.folder.rglob("*") if path.is_file()}
    assert kept <= {"heat-map.png", "error-map.npy", "mask.png", "good-parts.safetensors", "frames.zip"}


def test_metrics_count(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    client = serve(api_key="hidden-key")
    key = {"X-API-Key": "hidden-key"}
    with caplog.at_level(logging.INFO, "maeday.requests"):
        client.post("/v1/detect", data={"method": "self", "threshold": "0"}, files=picture(), headers=key)
        client.post("/v1/detect", files=picture(b"x", "hidden-name.png"), headers=key)
        client.get("/hidden-path", headers=key)
    text = client.get("/metrics", headers=key).text
    for line in (
        'maeday_requests_total{method="POST",path="/v1/detect",status="200"} 1.0',
        'maeday_requests_total{method="POST",path="/v1/detect",status="422"} 1.0',
        'maeday_requests_total{method="GET",path="other",status="404"} 1.0',
        'maeday_pictures_total{verdict="anomalous"} 1.0',
        'maeday_jobs{state="running"} 0.0',
        'maeday_job_seconds_count{call="detect"} 2.0',
    ):
        assert line in text
    (computing,) = [line for line in text.splitlines() if line.startswith("maeday_computing_seconds_total")]
    assert float(computing.split()[1]) > 0
    assert "hidden" not in caplog.text
    assert any("POST /v1/detect 200" in line and "self/" in line for line in caplog.messages)


def test_the_description_needs_nothing_from_elsewhere(client: TestClient) -> None:
    told = client.get("/openapi.json").json()
    assert {"/v1/detect", "/v1/adapt", "/v1/frames", "/v1/models", "/health", "/ready", "/metrics"} <= set(
        told["paths"]
    )
    assert client.get("/docs").status_code == 404
    form = told["components"]["schemas"]["Body_detect_v1_detect_post"]["properties"]
    assert all("description" in field for field in form.values())
    assert form["masks"]["maximum"] == 512


def test_the_example_of_the_description_is_an_answer(client: TestClient) -> None:
    TypeAdapter(DetectAnswer).validate_python(DETECTED)
    answer = client.post("/v1/detect", data={"method": "self"}, files=picture()).json()
    assert answer.keys() == DETECTED.keys()
    assert answer["files"].keys() == DETECTED["files"].keys()


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_examples_of_the_guide_run(address: str, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "guides" / "server.md").read_text(encoding="utf-8")
    commands = [block for block in re.findall(r"```bash\n(.+?)```", guide, re.S) if "curl" in block]
    for name in ("photo.jpg", "good1.jpg"):
        Image.fromarray(part(0, defect=name == "photo.jpg")).save(tmp_path / name)
    with ZipFile(tmp_path / "frames.zip", "w") as archive:
        archive.writestr("a.png", png())
    script = "set -eu\n" + "\n".join(commands).replace("http://127.0.0.1:8000", address).replace("curl ", "curl -fsS ")
    script = script.replace("/v1/detect\n", "/v1/detect; echo\n").replace("/v1/frames\n", "/v1/frames; echo\n")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(answer.get("rows", [answer])) for answer in answers] == [1, 1, 1, 1]
    assert answers[1]["threshold"] == 1.2
    assert (tmp_path / "good-parts.safetensors").stat().st_size > 1000
