"""Places: how many work at once, how many may wait, and who comes next."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


class Full(Exception):
    """All who may wait already do."""


@dataclass(eq=False)
class Places:
    """Places at work, and a line before them; for the tasks of one event loop.

    Who has the fewest places comes next. The last place is for somebody else than who has all others, and where the
    line is full, the last of who has most in it makes room. So a light caller is served beside a heavy one.

    Attributes:
        at_work: so many work at once, 1 or more.
        in_line: so many may wait.
        working: how many places each caller has.
        line: who waits, in the order in which they came, and what wakes them.
    """

    at_work: int
    in_line: int
    working: Counter[str] = field(default_factory=Counter)
    line: list[tuple[str, asyncio.Future[None]]] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def taken(self, who: str) -> AsyncIterator[None]:
        """Have a place, after the wait for it.

        Raises:
            Full: there is none, and no room in the line.
        """
        await self._enter(who)
        try:
            yield
        finally:
            self._leave(who)

    def has_room(self, who: str) -> bool:
        """Whether one more may come."""
        return self._is_free_for(who) or len(self.line) < self.in_line or self._who_makes_room(who) is not None

    async def _enter(self, who: str) -> None:
        if self._is_free_for(who):
            self.working[who] += 1
            return
        if len(self.line) >= self.in_line:
            other = self._who_makes_room(who)
            if other is None:
                raise Full
            self.line.pop(other)[1].set_exception(Full())
        ticket = who, asyncio.get_running_loop().create_future()
        self.line.append(ticket)
        try:
            await ticket[1]
        except asyncio.CancelledError:
            if ticket in self.line:
                self.line.remove(ticket)
            elif ticket[1].exception() is None:  # it was given a place meanwhile
                self._leave(who)
            raise

    def _leave(self, who: str) -> None:
        self.working[who] -= 1
        while free := [number for number, (one, _) in enumerate(self.line) if self._is_free_for(one)]:
            next_one, wake = self.line.pop(min(free, key=lambda number: self.working[self.line[number][0]]))
            self.working[next_one] += 1
            wake.set_result(None)

    def _is_free_for(self, who: str) -> bool:
        most = max(1, self.at_work - 1)
        return self.working.total() < self.at_work and self.working[who] < most

    def _who_makes_room(self, who: str) -> int | None:
        """The number in the line of the last of who has most in it; None where `who` has as many."""
        counts = Counter(one for one, _ in self.line)
        if not counts or counts.most_common(1)[0][1] <= counts[who] + 1:
            return None
        most = counts.most_common(1)[0][0]
        return max(number for number, (one, _) in enumerate(self.line) if one == most)
