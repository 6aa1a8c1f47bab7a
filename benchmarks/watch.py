"""Whether `maeday watch` keeps up with a camera for as long as it is left running.

    python -m benchmarks.watch --seconds 120 --method patchcore

A made camera of ten frames a second is served as MJPEG on loopback and judged by one good part. Half-way it is switched
off for some seconds. It prints how many verdicts came, how many frames were dropped, the latency from arrival to
verdict, whether loss and return were survived, and the resident memory of the process after a sixth of the time and at
the end (Linux).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from benchmarks.load import EXAMPLES, ROOT
from benchmarks.timing import Row, row

RATE = 10.0
"""Frames a second."""
EVERY = 50
"""One frame in so many shows a defect."""
AWAY = 6.0
"""Seconds that the camera is switched off."""
SETTLED = 1 / 6
"""Share of the time after which memory counts: caches are full by then."""


class Streamed(Protocol):
    """What can be served as a stream: while `on` is set, `frames` gives JPEG files."""

    on: threading.Event

    def frames(self) -> Iterator[bytes]: ...


class Camera:
    """Frames of an example, `RATE` a second while it is switched on."""

    def __init__(self) -> None:
        self.on, self.sent = threading.Event(), 0
        self._good, self._bad = ((EXAMPLES / name).read_bytes() for name in ("metal-clean.jpg", "metal-scratch.jpg"))

    def frames(self) -> Iterator[bytes]:
        """JPEG files, until it is switched off."""
        due = time.monotonic()
        while self.on.is_set():
            self.sent += 1
            yield self._bad if self.sent % EVERY == 0 else self._good
            due += 1 / RATE
            time.sleep(max(0.0, due - time.monotonic()))


@contextlib.contextmanager
def served(camera: Streamed) -> Iterator[str]:
    """The address of its stream, MJPEG; the camera is on until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not camera.on.is_set():
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):
                for jpeg in camera.frames():
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    camera.on.set()
    try:
        yield f"http://127.0.0.1:{server.server_port}/camera"
    finally:
        camera.on.clear()
        server.shutdown()
        server.server_close()


def run(seconds: float = 120.0, method: str = "patchcore") -> Iterator[Row]:
    """Watch, and tell how well it went."""
    camera = Camera()
    with served(camera) as address, tempfile.TemporaryDirectory(prefix="maeday-") as folder:
        command = ["watch", address, "--method", method, "--normals", str(EXAMPLES / "metal-clean.jpg")]
        watching = subprocess.Popen(
            [sys.executable, "-m", "maeday_core", *command, "--out", folder, "--json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            rows, memory, sent = _watched(watching, camera, seconds)
            _, told = watching.communicate("q\n", timeout=60)
        finally:
            watching.kill()
    latency, tenth = sorted(one["latency"] for one in rows[1:]), max(1, len(memory) // 10)
    yield row(f"frames sent in {seconds:.0f} s, of which it was off for {AWAY:g}", sent, "")
    yield row("verdicts", len(rows), "")
    yield row("dropped", 100 * (rows[-1]["dropped"] - rows[0]["dropped"]) / sent, "%")
    yield row("latency, median", statistics.median(latency), "s")
    yield row("latency, 99 of 100", latency[int(0.99 * (len(latency) - 1))], "s")
    yield row("latency, longest", latency[-1], "s")
    yield row(f"memory after {seconds * SETTLED:.0f} s", statistics.median(memory[:tenth]), "MB")
    yield row("memory at the end", statistics.median(memory[-tenth:]), "MB")
    yield row("lost", told.count(f"{address} is lost"), "times")
    yield row("there again", told.count(f"{address} is there"), "times")


def _watched(
    watching: subprocess.Popen[str], camera: Camera, seconds: float
) -> tuple[list[dict[str, Any]], list[float], int]:
    """The verdicts from the first one on, MB of memory at them once it has settled, and the frames sent meanwhile."""
    rows, memory, off, begun, sent = list[dict[str, Any]](), list[float](), False, 0.0, 0
    for line in watching.stdout or ():
        rows.append(json.loads(line))
        if len(rows) == 1:
            begun, sent = time.monotonic(), camera.sent
        past = time.monotonic() - begun
        if past > seconds * SETTLED:
            memory.append(_resident(watching.pid))
        if past > seconds / 2 and not off:
            off = True
            camera.on.clear()
            threading.Timer(AWAY, camera.on.set).start()
        if past > seconds:
            break
    return rows, memory, camera.sent - sent


def _resident(process: int) -> float:
    """MB of memory that a process holds."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--method", default="patchcore")
    for one in run(**vars(parser.parse_args())):
        print(f"{one['what']:50} {one['value']:10.4g} {one['unit']}", flush=True)


if __name__ == "__main__":
    main()
