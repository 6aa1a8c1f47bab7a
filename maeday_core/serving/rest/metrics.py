"""Metrics of a server, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from maeday_core.serving.rest.places import Places
from maeday_core.serving.turns import seconds_computed

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""Bounds of a histogram: from a small picture to a long video."""


class _Computed(Collector):
    """The seconds in which somebody had a turn."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        name = "maeday_computing_seconds"
        yield CounterMetricFamily(name, "Seconds in which the model computed, for whomever.", seconds_computed())


class Metrics:
    """The metrics of one server.

    Attributes:
        requests: by path, method and status.
        jobs: seconds from the beginning of a job to its end, the turns of others included, by call.
        waits: seconds before a job began, by call.
        pictures: that were judged, by verdict.
    """

    def __init__(self, places: Places) -> None:
        self._registry = registry = CollectorRegistry()
        registry.register(_Computed())
        ProcessCollector(registry=registry)
        self.requests = Counter("maeday_requests", "Requests.", ["path", "method", "status"], registry=registry)
        self.jobs = Histogram(
            "maeday_job_seconds",
            "From the beginning of a job to its end.",
            ["call"],
            registry=registry,
            buckets=SECONDS,
        )
        self.waits = Histogram(
            "maeday_wait_seconds", "Before a job began.", ["call"], registry=registry, buckets=SECONDS
        )
        self.pictures = Counter("maeday_pictures", "Pictures that were judged.", ["verdict"], registry=registry)
        for verdict in ("normal", "anomalous"):
            self.pictures.labels(verdict)
        jobs = Gauge("maeday_jobs", "Jobs that are running, and jobs that wait.", ["state"], registry=registry)
        jobs.labels("running").set_function(lambda: places.working.total())
        jobs.labels("waiting").set_function(lambda: len(places.line))

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)
