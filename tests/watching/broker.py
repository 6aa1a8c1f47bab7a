"""As much of an MQTT 3.1.1 broker (OASIS standard, 2014) as who publishes at QoS 1 needs."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import BinaryIO

CONNECT, CONNACK, PUBLISH, PUBACK, DISCONNECT = 1, 2, 3, 4, 14


class Broker:
    """Takes what is published, on loopback.

    Attributes:
        received: topics and contents.
        users: name and password of each who connected.
    """

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.users: list[str] = []
        broker = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while packet := _packet(self.rfile):
                    kind, body = packet
                    if kind == CONNECT:
                        *_, user, password = _fields(body[10:])  # after the protocol, flags and the time to keep alive
                        broker.users.append(f"{user.decode()}:{password.decode()}")
                        self.wfile.write(bytes([CONNACK << 4, 2, 0, 0]))
                    elif kind == PUBLISH:
                        end = 2 + int.from_bytes(body[:2])
                        broker.received.append((body[2:end].decode(), body[end + 2 :]))
                        self.wfile.write(bytes([PUBACK << 4, 2]) + body[end : end + 2])
                    elif kind == DISCONNECT:
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> Broker:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _packet(file: BinaryIO) -> tuple[int, bytes] | None:
    """The kind and the rest of the next packet; None at the end (section 2.2)."""
    if not (head := file.read(1)):
        return None
    length = shift = 0
    while True:
        (byte,) = file.read(1)
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return head[0] >> 4, file.read(length)


def _fields(body: bytes) -> list[bytes]:
    """Fields that each begin with their length."""
    found = []
    while body:
        end = 2 + int.from_bytes(body[:2])
        found.append(body[2:end])
        body = body[end:]
    return found
