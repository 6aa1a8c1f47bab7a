"""Requests that no page would send, against every event of a server that runs.

`python -m tests.app.hostile_requests --requests 500` sends more of them than the test does, to a server of its own,
whose log must hold no traceback.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from benchmarks.load import memory
from benchmarks.visitor import API, Visitor
from tests.app.servers import serving

PATIENCE = 120
LONGEST = 20
"""Seconds that an answer may take."""
FILE = {"_type": "gradio.FileData"}
PLAIN: list[Any] = [
    None, True, False, 0, -1, 1, 0.5, 10**9, 1e308, -1e308, 10**400, float("nan"), float("inf"), float("-inf"),
    "", "x", "maeday", "bundled", "../../etc/passwd", "\u0000", "\ud800", "<script>alert(1)</script>", "9" * 5000,
    [], [None], [[]], [1, 2, 3], {}, {"path": None}, {"path": 5}, {"value": 1}, {"__type__": "update", "value": 1},
]  # fmt: skip
"""Values that some component does not expect."""
SAID = re.compile(r"""(?:error|detail)":("[^"]*"|null)""")
PATHS = ("/etc/passwd", "none.png", "", "/", "https://localhost/x.png", "\u0000.png", "a" * 3000)
MORE = ({}, {"meta": FILE}, {"meta": FILE, "url": "file:///etc/passwd", "orig_name": "../x", "is_stream": True})
FILES: list[Any] = [{"path": path, **more} for path in PATHS for more in MORE]
"""Files that nobody has uploaded."""


def uploads(visitor: Visitor) -> list[Any]:
    """Files that are no pictures, or odd ones, as the server keeps them, and lists of them."""
    pixel = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 120, 60)).save(pixel, "PNG")
    contents = {
        "a.png": pixel.getvalue(),
        "cut.png": pixel.getvalue()[:60],
        "empty.png": b"",
        "notes.jpg": b"no picture",
        "a.zip": b"PK\x05\x06" + bytes(18),
        "a.mp4": b"\0\0\0\x18ftypisom",
        "a.safetensors": b"\xff" * 64,
    }
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, content in contents.items():
            path = Path(folder) / name
            path.write_bytes(content)
            files.append(visitor.upload(path))
    lists = [[one] for one in files] + [files, files * 20, [{"image": one, "caption": None} for one in files]]
    editors = [{"background": None, "composite": None, "layers": layers} for layers in ([one] for one in files)]
    return [*files, *lists, *editors, {"id": "x"}, {"id": 5, "layers": [{}]}, {"layers": [None] * 50}]


def bodies(visitor: Visitor, seed: int) -> Iterator[dict[str, Any]]:
    """Endless bodies for events, each with some odd values; most events come by equally often."""
    chance = random.Random(seed)
    odd = [*PLAIN, *FILES, *uploads(visitor)]
    clicks = [None, {}, *({"index": one, "value": one, "row_value": one} for one in odd)]
    while True:
        for event in chance.sample(visitor.events, len(visitor.events)):
            share = chance.choice([0.1, 0.5, 1.0])
            values = [visitor.values[number] for number in event["inputs"]]
            data: Any = [chance.choice(odd) if chance.random() < share else value for value in values]
            if chance.random() < 0.1:
                data = chance.choice([[], data[:-1], [*data, 1], [*data] * 50, None, {"0": 1}, "x", [[[[[[]]]]]] * 9])
            yield {
                "data": data,
                "fn_index": event["id"] if chance.random() < 0.95 else chance.choice([-1, 10**9, "0", None, 1.5]),
                "session_hash": chance.choice(["a", "b", "", "x" * 5000, "../a"]),
                "event_data": chance.choice(clicks),
                "trigger_id": chance.choice([None, event["id"], -1, 10**9]),
            }


def send(http: httpx.Client, body: dict[str, Any], direct: bool) -> str:
    """Send one body, by the queue or past it; the whole answer."""
    content, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
    if direct:
        return http.post(f"{API}/run/predict", content=content, headers=kind).text
    joined = http.post(f"{API}/queue/join", content=content, headers=kind)
    if joined.is_error:
        return joined.text
    said = ""
    with http.stream("GET", f"{API}/queue/data", params={"session_hash": body["session_hash"]}) as answer:
        for line in answer.iter_lines():
            said += line
            if '"process_streaming"' in line:  # a camera's event waits for the next frame
                http.post(f"{API}/stream/{joined.json()['event_id']}/close")
            if '"process_completed"' in line or '"close_stream"' in line:
                break
    return said


def odd_posts(http: httpx.Client, visitor: Visitor, chance: random.Random) -> str:
    """A request to one of the other places of the server."""
    fields = {"type": "layer", "index": "0", "id": "x", "component_id": str(visitor.number("frames-paint")),
              "session_hash": "x", "fn_name": "accept_blobs"}  # fmt: skip
    for name in chance.sample(list(fields), chance.randint(0, 2)):
        fields[name] = chance.choice(["", "null", "-1", "999999999", "x" * 2000, "__init__", "postprocess"])
    file = {"file": ("x", b"x" * chance.choice([0, 10, 10**6]))}
    place, options = chance.choice([
        ("component_server", {"data": fields, "files": file}),
        ("component_server", {"json": fields}),
        ("component_server", {"content": b"{"}),
        ("upload", {"content": b"no form"}),
        ("cancel", {"json": {"session_hash": "a", "fn_index": -1, "event_id": "x"}}),
        ("reset", {"json": {"event_id": "x"}}),
        ("queue/join", {"content": b"[" * 100_000}),
        ("run/none", {"json": {"data": []}}),
        ("call/none", {"json": {"data": []}}),
        ("stream/x", {"json": {"data": []}}),
        ("process_recording", {"content": b""}),
    ])  # fmt: skip
    return http.post(f"{API}/{place}", **options).text


def attack(url: str, requests: int, seed: int = 0) -> tuple[Counter[str], float]:
    """Send so many requests; what was answered, shortened, and how often, and the longest wait in seconds."""
    answers: Counter[str] = Counter()
    chance, visitor, longest = random.Random(seed), Visitor(url), 0.0
    every = bodies(visitor, seed)
    with httpx.Client(base_url=url.rstrip("/"), timeout=PATIENCE, trust_env=False) as http:
        for number in range(requests):
            start = time.monotonic()
            if number % 2:
                answers[odd_posts(http, visitor, chance)[:100]] += 1
            else:
                try:
                    answer = send(http, next(every), direct=chance.random() < 0.3)
                except httpx.HTTPError as error:
                    answer = repr(error)
                answers[(SAID.findall(answer) or ["an answer"])[0]] += 1
            longest = max(longest, time.monotonic() - start)
    return answers, longest


def main() -> int:
    """Attack a server of its own; 1 if it wrote a traceback, or kept somebody waiting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500, metavar="N", help="how many; by default 500")
    parser.add_argument("--seed", type=int, default=0, help="of the requests")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        answers, longest = attack(server.url, given.requests, given.seed)
        log, used = server.log.read_text(), memory(server.process.pid)
        tracebacks, alive = log.count("Traceback"), server.process.poll() is None
    for answer, times in answers.most_common():
        print(times, answer)
    print(
        f"{answers.total()} requests, {tracebacks} tracebacks, at most {longest:.1f} s each, {used:.2f} GiB at the end"
    )
    if tracebacks:
        print(log, file=sys.stderr)
    return 0 if alive and not tracebacks and longest < LONGEST else 1


if __name__ == "__main__":
    sys.exit(main())
