"""A small Hugging Face Hub on 127.0.0.1: the part of its protocol that a download needs, and faults on demand."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import huggingface_hub
import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repo:
    """A repository with one commit, at the head of `main`."""

    files: dict[str, bytes]
    gated: bool = False
    spoilt: dict[str, bytes] = field(default_factory=dict)
    """What is sent in place of a file, under the hash and size of the true one."""


@dataclass
class Request:
    """A request as it came in, and the bytes of content that went out."""

    method: str
    path: str
    range: str | None
    authorised: bool
    sent: int = 0


@dataclass
class Fault:
    """What happens to one request for a file's content: an HTTP error, or a connection that ends after `cut` bytes."""

    status: int = 0
    cut: int = 0
    reset: bool = False


class HubServer:
    """Serves `repos`. Requests for weights are redirected to another origin, the CDN, as on the Hub.

    Attributes:
        requests: every request so far.
        faults: what happens to the next requests for weights, in order.
        status: if not 0, the answer to every request.
    """

    def __init__(self, answers: type[Downloads] | None = None) -> None:
        self.repos: dict[str, Repo] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.status = 0
        handler = type("Handler", (answers or Downloads,), {"hub": self})
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in ("hub", "cdn")]
        self.url, self.cdn = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def __enter__(self) -> HubServer:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the ports: from now on connections are refused."""
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()

    def downloads(self, suffix: str = "") -> list[Request]:
        """The requests that asked for the content of files whose name ends in `suffix`."""
        return [
            r for r in self.requests if r.method == "GET" and r.path.startswith("/cdn/") and r.path.endswith(suffix)
        ]


class Downloads(BaseHTTPRequestHandler):
    hub: HubServer

    def do_GET(self) -> None:
        path = unquote(self.path)
        request = Request(self.command, path, self.headers["Range"], "Authorization" in self.headers)
        self.hub.requests.append(request)
        if self.hub.status:
            self._answer(self.hub.status)
        elif match := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            self._send_weights(request, self.hub.repos[match[1]], match[2])
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(.+?)/([^/]+)", path):
            self._resolve(request, *match.groups())
        else:
            self._answer(404)

    do_HEAD = do_GET

    def _resolve(self, request: Request, name: str, revision: str, file: str) -> None:
        repo = self.hub.repos.get(name)
        if repo is None:
            return self._answer(404 if request.authorised else 401, {"X-Error-Code": "RepoNotFound"})
        if repo.gated:
            return self._answer(403 if request.authorised else 401, {"X-Error-Code": "GatedRepo"})
        if revision not in ("main", COMMIT):
            return self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        headers = {"X-Repo-Commit": COMMIT}
        if file not in repo.files:
            return self._answer(404, {**headers, "X-Error-Code": "EntryNotFound"})
        content = repo.files[file]
        if file.endswith(".json"):
            git_hash = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            return self._answer(200, {**headers, "ETag": f'"{git_hash}"'}, content)
        linked = {"X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content))}
        return self._answer(302, {**headers, **linked, "Location": f"{self.hub.cdn}/cdn/{name}/{file}"})

    def _send_weights(self, request: Request, repo: Repo, file: str) -> None:
        content = repo.spoilt.get(file, repo.files[file])
        start = int(re.fullmatch(r"bytes=(\d+)-", request.range)[1]) if request.range else 0
        if start and start >= len(content):
            return self._answer(416, {"Content-Range": f"bytes */{len(content)}"})
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        fault = self.hub.faults.pop(0) if self.hub.faults else Fault()
        if fault.status:
            return self._answer(fault.status)
        request.sent = min(fault.cut, len(content) - start) if fault.cut else len(content) - start
        self._answer(206 if start else 200, headers, content[start:], request.sent)
        if fault.reset:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _answer(
        self, status: int, headers: dict[str, str] | None = None, content: bytes = b"", length: int | None = None
    ) -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:length])

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


def in_place_of_the_hub(server: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the Hub's client ask this server, with an empty cache, no token, no proxy and no offline mode."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("HF_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "ENDPOINT": server.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(folder / "cache"),
        "HF_TOKEN_PATH": str(folder / "token"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": False,
        "HF_HUB_DISABLE_SYMLINKS": False,
        "HF_HUB_ETAG_TIMEOUT": huggingface_hub.constants.DEFAULT_ETAG_TIMEOUT,
        "DOWNLOAD_CHUNK_SIZE": 4096,
    }.items():
        assert hasattr(huggingface_hub.constants, name)
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    huggingface_hub.close_session()
