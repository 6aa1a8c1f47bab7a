"""A camera for a stream that can be switched off and on, and a webhook that may refuse."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


class Camera:
    """Frames of 64 x 48 px, 50 a second, each as bright as its number; every tenth one is white in a corner."""

    def __init__(self) -> None:
        self.on = threading.Event()
        self.sent = 0

    def frames(self) -> Iterator[bytes]:
        while self.on.wait(0.02):
            frame = np.full((48, 64, 3), 20 + self.sent % 10, np.uint8)
            if self.sent % 10 == 9:
                frame[:24, :32] = 250
            self.sent += 1
            yield cv2.imencode(".jpg", frame)[1].tobytes()
            threading.Event().wait(0.02)


class Hook:
    """Receives alarms; refuses so many first."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.received: list[dict] = []


@contextlib.contextmanager
def listening(hook: Hook) -> Iterator[str]:
    """The address to POST alarms to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if hook.refusals:
                hook.refusals -= 1
                self.send_error(500)
                return
            hook.received.append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alarms"
    finally:
        server.shutdown()
        server.server_close()
