"""Callers: programs that ask this server, each for few things at once, so that the others come in between."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gradio.queueing import Event, Queue

CALLS = "calls"
"""The queue of all calls."""
MAX_CALLS = 16
"""So many go on at once, in turns with each other and with the page."""
MAX_EACH = 2
"""So many of one caller; the others wait in the queue."""
_next_events = Queue.get_events


def caller(session: str | None, headers: Any) -> str:
    """Who calls: a session of a client. All tools of MCP clients are called in one session, so there it is the address,
    where a proxy tells it."""
    if headers.get("x-gradio-user") != "mcp":
        return session or ""
    return f"mcp {headers.get('x-forwarded-for', '')}"


def next_events(queue: Queue) -> Any:
    """What is done next. Gradio would do all that one caller asks for before what others ask later."""
    calls = queue.event_queue_per_concurrency_id.get(CALLS)
    if not calls or not calls.queue:
        return _next_events(queue)
    going_on = Counter(_caller(event) for job in queue.active_jobs for event in job or () if _is_call(event))
    waiting = calls.queue
    calls.queue = [event for event in waiting if going_on[_caller(event)] < MAX_EACH]
    try:
        found = _next_events(queue)
    finally:
        calls.queue = waiting
    for event in found[0] if found else ():
        if _is_call(event):
            waiting.remove(event)
    return found


def _is_call(event: Event) -> bool:
    return event.concurrency_id == CALLS


def _caller(event: Event) -> str:
    return caller(event.session_hash, event.request.headers)
