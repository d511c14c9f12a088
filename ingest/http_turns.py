"""When an operator may be asked next, over all processes of this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock


@dataclass(frozen=True)
class Clock:
    """The wall clock in seconds since 1970, and how to wait; a test gives its own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


#: The clock of this machine.
WALL = Clock()


class Turns:
    """Spacing of requests over all processes of this machine: whoever asks takes the next free instant.

    The instant is written under a lock that is held for microseconds; the wait is outside of it.

    Args:
        folder: of the files that hold the next free instants.
        clock: wall clock.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        folder.mkdir(parents=True, exist_ok=True)

    async def take(self, name: str, every_s: float) -> None:
        """Wait for a turn."""
        path = self._folder / f"{name}.turn"
        with FileLock(path.with_suffix(".lock")):
            now = self._clock.now()
            try:
                free = float(path.read_text())
            except (FileNotFoundError, ValueError):  # never asked, or killed while writing
                free = now
            # An instant far ahead is of a clock that was set back since.
            mine = max(now, free) if free - now < 3600 else now
            path.write_text(repr(mine + every_s))
        if mine > now:
            await self._clock.sleep(mine - now)
