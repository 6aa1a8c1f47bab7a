"""The process of a server: from its start to a signal that ends it in order."""

from __future__ import annotations

import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from maeday_core.serving.rest.engine import Engine

AT_MOST = 5
"""Seconds in which answers go out at the end; more than the engine's last steps have."""


class _Server(uvicorn.Server):
    """Does no more work once it is to end, and ends where its model cannot be loaded."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self.engine = engine

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.engine.stop()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        return bool(self.engine.failure) or await super().on_tick(counter)


def serve(app: FastAPI, engine: Engine, listening: socket.socket) -> int:
    """Serve until a signal comes.

    Args:
        app: with the engine.
        engine: whose work ends.
        listening: where callers come.

    Returns:
        The exit status: 0 after SIGTERM, which is how managers of processes end one, 130 after Ctrl-C.
    """
    received = [signal.SIGTERM]

    def note(number: int, _: FrameType | None) -> None:
        received[0] = signal.Signals(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)  # the server raises what it received again once it has ended
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=AT_MOST
    )
    _Server(config, engine).run([listening])
    return 0 if received[0] is signal.SIGTERM else 128 + received[0]
