"""Endpoints and tools of the page's server, asked by Gradio's client, by plain HTTP and by the official MCP client."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ImageContent, ListToolsResult, TextContent
from PIL import Image

from benchmarks.visitor import API
from maeday_core import PATCHCORE, Settings, Tools, detect, learn, load_image
from tests.app.servers import Server, serving
from tests.conftest import ROOT
from tests.coroutines import finished

pytestmark = pytest.mark.slow
EXAMPLES = ROOT / "assets" / "examples"
SCRATCH, CLEAN, FRAMES = (EXAMPLES / name for name in ("metal-scratch.jpg", "metal-clean.jpg", "frames.zip"))
PUBLIC = ["/detect", "/adapt", "/frames", "/models"]
NOT_HERE = "an upload of this server, an https URL or a data URI"
FILE = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("api"), MAEDAY_MCP="1") as one:
        yield one


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


@pytest.fixture(scope="module")
def adapter(client: Client) -> str:
    """What PatchCore learned from one good part."""
    learned, path = client.predict(good_parts=[handle_file(CLEAN)], method="patchcore", api_name="/adapt")
    assert (learned["shots"], learned["doubts"]) == (1, [])
    return path


def data_uri(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"


def upload(server: Server, path: Path) -> str:
    with path.open("rb") as file:
        answer = httpx.post(f"{server.url}{API}/upload", files={"files": file}, trust_env=False)
    return answer.raise_for_status().json()[0]


def call(server: Server, **given: Any) -> Any:
    """The last event of `/detect`, by plain HTTP as the guide shows it: the parts of the answer, or what was wrong."""
    place = f"{server.url}{API}/call"
    event = httpx.post(f"{place}/v2/detect", json=given, trust_env=False).raise_for_status().json()["event_id"]
    events = httpx.get(f"{place}/detect/{event}", timeout=60, trust_env=False).text.strip().split("\n\n")
    kind, data = re.fullmatch(r"event: (\w+)\ndata: (.+)", events[-1]).groups()
    return json.loads(data) if kind == "complete" else json.loads(data)["error"]


def tool(server: Server, name: str, **given: Any) -> CallToolResult:
    return finished(with_session(server, lambda session: session.call_tool(name, given)))


async def with_session(server: Server, ask: Any) -> Any:
    async with (
        streamable_http_client(f"{server.url}{API}/mcp/") as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        return await ask(session)


def texts(result: CallToolResult) -> list[str]:
    return [part.text for part in result.content if isinstance(part, TextContent)]


def size(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_nothing_else_is_public(client: Client, server: Server) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert list(described["named_endpoints"]) == PUBLIC
    assert not described["unnamed_endpoints"]
    (method,) = [
        one for one in described["named_endpoints"]["/detect"]["parameters"] if one["parameter_name"] == "method"
    ]
    assert method["python_type"]["type"] == "Literal['maeday', 'self', 'patchcore', 'ensemble']"


def test_nobody_passes_by_the_queue(server: Server) -> None:
    for place in ("run", "api"):
        answer = httpx.post(f"{server.url}{API}/{place}/models", json={"data": []}, trust_env=False)
        assert answer.status_code == 404


def test_examples_of_the_guide_run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, source in {"photo.jpg": SCRATCH, "good1.jpg": CLEAN, "good2.jpg": CLEAN, "walk.zip": FRAMES}.items():
        (tmp_path / name).write_bytes(source.read_bytes())
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(tmp_path / "mask.png")
    monkeypatch.chdir(tmp_path)
    pages = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/guides/api.md"))
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.+?)^```", pages, re.M | re.S)
    calls = [block for block in blocks if "client" in block]
    assert len(calls) == 6
    for block in calls:
        exec(block.replace("http://127.0.0.1:7860", server.url), names)
    assert names["answer"]["verdict"] == "anomalous"
    assert size(names["files"]["mask"]) == size(SCRATCH)
    assert len([row for row in names["watched"]["rows"] if row["verdict"] == "anomalous"]) == 3


def test_an_answer_is_that_of_the_library(client: Client, adapter: str) -> None:
    answer, heat_map, files = client.predict(
        picture=handle_file(SCRATCH), method="patchcore", adapter=handle_file(adapter), seed=3, api_name="/detect"
    )
    tools = Tools.of("bundled", Settings(tile="auto", sampling="balanced"))
    known = learn(PATCHCORE, tools, [load_image(CLEAN)])
    alone = detect(PATCHCORE, tools, load_image(SCRATCH), known)
    assert answer["name"] == SCRATCH.name
    assert answer["image_score"] == answer["anomaly_score"] == pytest.approx(alone.image_score, rel=1e-4)
    assert answer["threshold"] == answer["anomaly_threshold"] == pytest.approx(alone.threshold.value, rel=1e-4)
    assert answer["is_anomalous"] is (answer["verdict"] == "anomalous") is True
    np.testing.assert_allclose(np.load(files["error_map"]), alone.error_map, rtol=1e-2, atol=1e-2)
    assert size(heat_map) == (480, 480)


def test_plain_requests_are_answered(server: Server) -> None:
    by_upload, heat_map, files = call(server, picture=upload(server, SCRATCH), method="self")
    by_uri, *_ = call(server, picture=data_uri(SCRATCH), method="self")
    by_url, *_ = call(
        server, picture={"path": f"{server.url}{API}/file={upload(server, SCRATCH)}", "meta": FILE}, method="self"
    )
    assert by_upload["image_score"] == by_uri["image_score"] == by_url["image_score"]
    for file in (heat_map, *files.values()):
        assert httpx.get(file["url"], trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"method": "magic"}, "no method 'magic'"),
        ({"method": ["self"]}, "no method"),
        ({"masks": 1000}, "number of masks is 1000"),
        ({"masks": "12"}, "masks is '12'; give a whole number"),
        ({"threshold": -1}, "threshold is -1"),
        ({"model": "/etc"}, "no model '/etc' here; choose bundled"),
        ({"model": "someone/model"}, "no model 'someone/model' here"),
        ({"good_parts": [str(CLEAN)]}, NOT_HERE),
        ({"picture": None}, NOT_HERE),
        ({"picture": "/etc/passwd"}, NOT_HERE),
        ({"picture": {"path": "/etc/passwd"}}, NOT_HERE),
        ({"picture": {"path": "/etc/passwd", "meta": FILE}}, NOT_HERE),
        ({"picture": "http://example.org/a.png"}, "give an https URL that anybody can open"),
        ({"picture": "https://localhost/a.png"}, "give an https URL that anybody can open"),
        ({"picture": {"path": "https://10.0.0.1/a.png", "meta": FILE}}, "give an https URL that anybody can open"),
        ({"picture": "data:image/png;base64,abcde"}, "data URI holds no file"),
        ({"picture": "data:image/png;base64,AAAA"}, "is not a picture"),
    ],
)
def test_what_is_wrong_is_said(server: Server, given: dict[str, Any], error: str) -> None:
    answer = call(server, **{"picture": data_uri(SCRATCH), **given})
    assert error in answer
    assert "/tmp" not in answer


def test_files_of_others_and_too_many_are_refused(client: Client, adapter: str) -> None:
    ask = partial(client.predict, picture=handle_file(SCRATCH), api_name="/detect")
    with pytest.raises(AppError, match="9 photos of good parts"):
        ask(good_parts=[handle_file(CLEAN)] * 9)
    with pytest.raises(AppError, match="comes from the method patchcore"):
        ask(method="maeday", adapter=handle_file(adapter))
    with pytest.raises(AppError, match="not both"):
        ask(method="patchcore", adapter=handle_file(adapter), good_parts=[handle_file(CLEAN)])
    with pytest.raises(AppError, match="0 files were given"):
        client.predict(files=[], api_name="/frames")


def test_a_large_request_is_told_to_upload(server: Server) -> None:
    answer = httpx.post(f"{server.url}{API}/call/v2/detect", content=b"x" * 10_000_001, trust_env=False)
    assert (answer.status_code, answer.text) == (413, "This request is larger than 10 MB; upload the files first.")


def test_tools_say_what_they_do(server: Server) -> None:
    listed: ListToolsResult = finished(with_session(server, lambda session: session.list_tools()))
    tools = {one.name: one for one in listed.tools}
    assert list(tools) == [name.removeprefix("/") for name in PUBLIC]
    assert tools["detect"].inputSchema["required"] == ["picture"]
    for one in tools.values():
        assert len(one.description or "") > 100
        for name, schema in one.inputSchema["properties"].items():
            assert schema["description"].endswith("."), (one.name, name)


def test_each_tool_answers(server: Server) -> None:
    learned = tool(server, "adapt", good_parts=[data_uri(CLEAN)], method="patchcore")
    adapter = texts(learned)[1]
    for picture in (data_uri(SCRATCH), upload(server, SCRATCH), f"{server.url}{API}/file={upload(server, SCRATCH)}"):
        found = tool(server, "detect", picture=picture, method="patchcore", adapter=adapter)
        assert not found.isError
        assert json.loads(texts(found)[0])["verdict"] == "anomalous"
        (seen,) = [part for part in found.content if isinstance(part, ImageContent)]
        assert seen.mimeType == "image/jpeg"
        assert base64.b64decode(seen.data).startswith(b"\xff\xd8")
        assert httpx.get(json.loads(texts(found)[-1])["mask"], trust_env=False).status_code == 200
    watched = tool(server, "frames", files=[upload(server, FRAMES)], method="self", tile="off")
    assert json.loads(texts(watched)[0])["headline"].startswith("3 of 11 frames")
    (offered,) = texts(tool(server, "models"))
    assert json.loads(offered)["models"][0]["name"] == "bundled"


def test_a_tool_says_what_is_wrong(server: Server) -> None:
    for given, error in [
        ({"picture": data_uri(SCRATCH), "masks": 1000}, "number of masks is 1000"),
        ({"picture": "/etc/passwd"}, NOT_HERE),
        ({"picture": "https://localhost/a.png"}, "give an https URL"),
        ({"picture": data_uri(SCRATCH), "method": "magic"}, "'magic' is not one of"),
    ]:
        answer = tool(server, "detect", **given)
        assert answer.isError
        assert error in texts(answer)[0]


def test_a_light_caller_passes_by_a_heavy_one(server: Server, client: Client) -> None:
    heavy, light = Client(server.url, verbose=False), Client(server.url, verbose=False)
    jobs = [heavy.submit(picture=handle_file(SCRATCH), masks=4, seed=seed, api_name="/detect") for seed in range(6)]
    light.predict(picture=handle_file(SCRATCH), method="self", api_name="/detect")
    assert sum(job.done() for job in jobs) <= 3
    assert len({job.result()[0]["image_score"] for job in jobs}) == 6


def test_the_log_tells_of_no_mistake(server: Server) -> None:
    assert "Traceback" not in server.log.read_text()
