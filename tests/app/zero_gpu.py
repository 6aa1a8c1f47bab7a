"""The page as on a ZeroGPU Space, without a GPU: the real package `spaces`, its workers, a stand-in of the platform.

`python -m tests.app.zero_gpu` is `app.py` where what moves a model to a GPU leaves it on the CPU.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Platform:
    """What schedules GPUs.

    Attributes:
        asked: the seconds of every call.
        workers: the processes that were allowed to use a GPU, in their order.
        released: how many calls gave theirs back.
    """

    asked: list[int] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)
    released: int = 0
    url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a Space."""
        return {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": self.url}


@contextlib.contextmanager
def platform() -> Iterator[Platform]:
    """The stand-in, until the block ends."""
    seen = Platform()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            address = urlsplit(self.path)
            given, answer = parse_qs(address.query), {}
            if address.path == "/schedule":
                idle = seen.released == len(seen.asked) > 0
                seen.asked.append(int(given["durationSeconds"][0]))
                answer = {"idle": idle, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "token"}
            elif address.path == "/allow":
                seen.workers.append(int(given["pid"][0]))
            elif address.path == "/release":
                seen.released += 1
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def stay_on_the_cpu() -> None:
    """What the package does with a GPU in a worker, done with the CPU."""
    import spaces.zero.torch as on_gpu
    from spaces.zero.torch import patching

    def move(callback: Any = None) -> None:
        for fake, original in patching.cuda_aliases.items():
            fake.data = original

    on_gpu.init, on_gpu.pack, on_gpu.move = (lambda uuid: None), (lambda: 0), move


def main() -> None:
    """Serve the page."""
    import app

    stay_on_the_cpu()
    app.serve(app.build_demo())


if __name__ == "__main__":
    main()
