"""Work: a request at a place of its own, in a thread, with a folder, until it is done or nobody waits for it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fastapi import Request, UploadFile

from maeday_core.detection.region import Region, load_region
from maeday_core.serving.calls import Compute
from maeday_core.serving.rest.door import FULL, who
from maeday_core.serving.rest.engine import NOBODY, STOPPING, Engine
from maeday_core.serving.rest.metrics import Metrics
from maeday_core.serving.rest.places import Full, Places
from maeday_core.serving.rest.refusals import GONE, SOON, Refused
from maeday_core.serving.rest.store import Store, safe_name

LOOKING = 0.2
"""Seconds between two looks whether the end has come."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Desk:
    """What a request works with.

    Attributes:
        compute: does its jobs.
        folder: for its files; it goes with the request.
        who: asks.
    """

    compute: Compute
    folder: Path
    who: str

    def saved(self, uploads: Sequence[UploadFile], instead: str) -> list[Path]:
        """The files that came, under names that are safe; `instead` is that of one that has none."""
        return [self._saved(upload, instead) for upload in uploads]

    def saved_one(self, upload: UploadFile | None, instead: str) -> Path | None:
        """The file that came, if one did."""
        return self._saved(upload, instead) if upload else None

    def region(self, ignore: UploadFile | None, interest: UploadFile | None) -> Region | None:
        """What is ignored by the masks that came."""
        return load_region(self.saved_one(ignore, "ignore"), self.saved_one(interest, "roi"))

    def _saved(self, upload: UploadFile, instead: str) -> Path:
        path = Path(tempfile.mkdtemp(dir=self.folder)) / safe_name(upload.filename, instead)
        with path.open("wb") as file:
            shutil.copyfileobj(upload.file, file)
        return path


@dataclass(frozen=True)
class Workshop:
    """Where requests are worked on.

    Attributes:
        pool: as many threads as there are places.
    """

    engine: Engine
    places: Places
    store: Store
    metrics: Metrics
    pool: ThreadPoolExecutor

    async def do(self, request: Request, call: str, work: Callable[[Desk], Answer]) -> Answer:
        """Do it in a thread, and give it up once the caller is gone.

        Raises:
            Refused: there is no place, nobody waits, or the server is being shut down.
        """
        self.engine.check()
        gone = threading.Event()
        job = asyncio.ensure_future(self._at_a_place(who(request.scope), call, work, gone))
        left = asyncio.ensure_future(_left(request))
        try:
            while not job.done():
                await asyncio.wait({job, left}, timeout=LOOKING, return_when=asyncio.FIRST_COMPLETED)
                if self.engine.is_over:
                    raise Refused(503, STOPPING, SOON)
                if left.done():
                    raise Refused(GONE, NOBODY)
            return job.result()
        finally:
            gone.set()
            job.cancel()
            left.cancel()

    async def _at_a_place(self, asks: str, call: str, work: Callable[[Desk], Answer], gone: threading.Event) -> Answer:
        came = time.monotonic()

        def worked() -> Answer:
            with self.store.desk() as folder, self.metrics.jobs.labels(call).time():
                return work(Desk(self.engine.compute(gone), folder, asks))

        try:
            async with self.places.taken(asks):
                self.metrics.waits.labels(call).observe(time.monotonic() - came)
                return await asyncio.get_running_loop().run_in_executor(self.pool, worked)
        except Full:
            raise Refused(429, FULL, SOON) from None


async def _left(request: Request) -> None:
    """Wait until the caller is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
