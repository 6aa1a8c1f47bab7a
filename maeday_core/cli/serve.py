"""Serve other programs: REST, described at /openapi.json."""

from __future__ import annotations

import importlib.util
import ipaddress
import logging
import os
import socket
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from maeday_core.cli.options import add_model
from maeday_core.cli.output import print_line, print_warning
from maeday_core.errors import SettingsError

NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
OPTIONS = {
    "host": ("ADDRESS", str, "127.0.0.1", "to listen at; 0.0.0.0 for all networks"),
    "port": ("PORT", int, "8000", "to listen at; 0 for any that is free"),
    "api-key": ("KEY", str, "", "that callers must give; others see an option, but not the environment"),
    "max-request": ("MB", float, "200", "largest request"),
    "max-waiting": ("N", int, "16", "requests that may wait; more are sent away with 429"),
    "keep": ("SECONDS", float, "600", "for which files of answers can be fetched"),
}
"""Placeholder, type, default and help of each option, which the environment can give, too."""
BACKLOG = 128
HIGHEST_PORT = 65535
MARK = "requests"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_model(
        parser, "bundled, base, large, huge, owner/name on the Hub, or a path; by default MAEDAY_MODEL, or bundled"
    )
    for name, (metavar, kind, default, explained) in OPTIONS.items():
        variable = f"MAEDAY_{name.upper().replace('-', '_')}"
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=os.environ.get(variable) or default,
            metavar=metavar,
            help=f"{explained}; by default {variable}" + f", or {default}" * bool(default),
        )


def run(options: Namespace) -> int:
    """Serve until SIGTERM, which ends it with status 0, or Ctrl-C, which ends it with 130.

    What runs then ends after its current step, and its caller is told. No temporary file stays.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise SettingsError(f"The server needs {', '.join(missing)}: install them with `pip install 'maeday[serve]'`.")
    from maeday_core.model.device import share_one_heap
    from maeday_core.serving.folder import own_folder, remove_folder, sweep_folders

    share_one_heap()
    with _listen(options.host, options.port) as listening:
        folder, lock = own_folder(MARK)
        try:
            sweep_folders(folder.parent, MARK)
            status = _serve(options, listening, folder / MARK)
        finally:
            remove_folder(folder)
            lock.release()
    sys.stdout.flush()
    os._exit(status)  # what still computes would take long to end, or crash


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= HIGHEST_PORT:
        raise SettingsError(f"There is no port {port}; give 0 to {HIGHEST_PORT}.")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"The server cannot listen at {host}, port {port} ({reason}); give another one.") from error


def _serve(options: Namespace, listening: socket.socket, folder: Path) -> int:
    from maeday_core.methods import Tools
    from maeday_core.serving.rest.application import Options, application
    from maeday_core.serving.rest.engine import Engine
    from maeday_core.serving.rest.process import serve

    told = Options(options.api_key, options.max_request, options.max_waiting, options.keep)
    engine = Engine(lambda: Tools.of(options.model))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    tempfile.tempdir = str(folder)  # what comes in is kept there, too
    host, port = listening.getsockname()[:2]
    if not options.api_key and not ipaddress.ip_address(host).is_loopback:
        print_warning("Whoever reaches this machine may use the server: give it a key in MAEDAY_API_KEY.")
    print_line(f"Serving at http://{f'[{host}]' if ':' in host else host}:{port}; the model is being loaded.")
    status = serve(application(engine, told, folder), engine, listening)
    if engine.failure:
        raise engine.failure
    return status
