"""Watching: a verdict on what a camera, a stream or a folder that fills shows now, as fast as the machine can."""

from maeday_core.watching.arrivals import Arrivals, Shot
from maeday_core.watching.sinks import Mqtt, Table, Teller, Webhook
from maeday_core.watching.watch import Tally, Watched, watch

__all__ = ["Arrivals", "Mqtt", "Shot", "Table", "Tally", "Teller", "Watched", "Webhook", "watch"]
