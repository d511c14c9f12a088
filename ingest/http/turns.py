"""Spacing of requests, and refused accounts, over all processes of this machine."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from filelock import FileLock

from lakehouse.download.fetcher import Clock

#: Seconds for which an account that was refused is left alone.
REST_S = 3600.0


class Turns:
    """Spacing of requests over all processes of this machine: each request takes the next free instant.

    The instant is written under a lock that is held for microseconds; the wait is outside the lock.

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
                written, free = (float(word) for word in path.read_text().split())
            except (FileNotFoundError, ValueError):  # never asked, or killed while writing
                written, free = now, now
            # An instant later than now comes from a clock that has been set back since.
            mine = max(now, free) if written <= now else now
            path.write_text(f"{now!r} {mine + every_s!r}")
        if mine > now:
            await self._clock.sleep(mine - now)


class Refusals:
    """Accounts that an operator has refused: they rest, because operators lock accounts that are tried again and again.

    Sixteen bits of a slow, salted hash are kept, enough to see whether the account has changed since.

    Args:
        folder: of the files with the hashes.
        clock: wall clock.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock

    def rests_s(self, name: str, account: str) -> float:
        """Seconds for which to leave an account alone; 0 if it was not refused lately."""
        try:
            at, salt, mark = self._path(name).read_text().split()
            since_s = self._clock.now() - float(at)
            is_lately = 0 <= since_s < REST_S and _mark(account, bytes.fromhex(salt)) == mark
        except (FileNotFoundError, ValueError):  # never, or killed while writing
            return 0.0
        return REST_S - since_s if is_lately else 0.0

    def add(self, name: str, account: str) -> None:
        """Note that the operator has just refused an account."""
        salt = secrets.token_bytes(16)
        self._path(name).write_text(f"{self._clock.now()!r} {salt.hex()} {_mark(account, salt)}")

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.refused"


def _mark(account: str, salt: bytes) -> str:
    return hashlib.scrypt(account.encode(), salt=salt, n=2**14, r=8, p=1, dklen=2).hex()
