"""The HTTP client's words and waits, apart from any server."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.http.exchange import file_name, retry_after
from ingest.http.turns import Turns
from lakehouse.download.fetcher import Clock

NOW = datetime(2026, 11, 20, 18, 2, tzinfo=UTC)


@given(st.integers(0, 10**8))
def test_retry_after_is_read_as_seconds_and_as_a_date(seconds: int) -> None:
    assert retry_after(str(seconds), NOW) == seconds
    at = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(at, NOW) == seconds


@pytest.mark.parametrize(
    "value", [None, "", "soon", "-5", "1e9", "Wed, 99 Nov 2026", "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"]
)
def test_a_retry_after_that_says_nothing_is_none(value: str | None) -> None:
    assert retry_after(value, NOW) is None


def test_a_date_in_the_past_means_at_once() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", NOW) == 0.0


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=20260714_PRC_LMP_DAM_v1.zip;", "20260714_PRC_LMP_DAM_v1.zip"),
        ('attachment; filename="a b.zip"', "a_b.zip"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\..\\\\x.zip"', "x.zip"),
        ('attachment; filename=".hidden"', "hidden"),
        ("attachment; filename*=UTF-8''%2e%2e%2fx.csv", "x.csv"),
        ("inline", None),
        (None, None),
        ('attachment; filename="/"', None),
        (f'attachment; filename="{"é" * 300}.zip"', "_.zip"),
        (f'attachment; filename="{"x." * 150}"', "x." * 100),
    ],
)
def test_the_name_that_a_server_gives_is_one_plain_name(header: str | None, name: str | None) -> None:
    assert file_name(header) == name


@settings(deadline=None)
@given(st.lists(st.floats(0, 20), min_size=2, max_size=12), st.floats(0.1, 6))
def test_two_turns_are_never_closer_than_the_host_wants(gaps: list[float], every_s: float) -> None:
    """Requests that come after any gaps, as from any number of processes."""
    now = 1_700_000_000.0
    taken: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def ask(folder: Path) -> None:
        nonlocal now
        # Two processes by turns: they share nothing but the folder.
        turns = [Turns(folder, Clock(lambda: now, sleep)) for _ in range(2)]
        for number, gap in enumerate(gaps):
            now += gap
            await turns[number % 2].take("host", every_s)
            taken.append(now)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(ask(Path(folder)))
    assert all(later - earlier >= every_s - 1e-6 for earlier, later in pairwise(taken))


def test_a_clock_that_was_set_back_does_not_stop_downloads(tmp_path: Path) -> None:
    now = [2_000_000_000.0]
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def twice() -> None:
        turns = Turns(tmp_path, Clock(lambda: now[0], sleep))
        await turns.take("host", 5)
        now[0] -= 10 * 365 * 86400
        await turns.take("host", 5)

    asyncio.run(twice())
    assert waited == []
