"""Rows of disclosures and prices for tests: batteries whose every number a test can work out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.market_lake import price, service_price

CENTRAL = ZoneInfo("America/Chicago")
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)


def midnight(day: date) -> datetime:
    """Instant at which an operating day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=CENTRAL).astimezone(UTC)


def hours(day: date) -> list[datetime]:
    """Starts of the hours of an operating day: 23, 24 or 25."""
    start, end = midnight(day), midnight(day + timedelta(days=1))
    return [start + i * HOUR for i in range(int((end - start) / HOUR))]


def quarters(day: date) -> list[datetime]:
    """Starts of its quarters."""
    return [hour + i * QUARTER for hour in hours(day) for i in range(4)]


def dam(resource: str, day: date, **stated: Any) -> list[dict[str, Any]]:
    """A row an hour of the DAM disclosure; `stated` goes into every one."""
    return [
        {
            "resource_name": resource, "operating_day": day, "hour_ending": i, "interval_start": start,
            "interval_end": start + HOUR, **stated,
        }
        for i, start in enumerate(hours(day), start=1)
    ]  # fmt: skip


def runs(
    resource: str, day: date, mw: float | Callable[[datetime], float], *, column: str = "telemetered_net_output_mw",
    every: timedelta = timedelta(minutes=5), offset: timedelta = timedelta(0), **stated: Any,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Runs of SCED of an operating day."""
    at, end = midnight(day) + offset, midnight(day + timedelta(days=1))
    while at < end:
        yield {"resource_name": resource, "sced_at": at, column: mw(at) if callable(mw) else mw, **stated}
        at += every


def rt_prices(location: str, day: date, usd: str, **more: Any) -> list[dict[str, Any]]:
    """Real-time prices of a settlement point."""
    return [price(location, start, 15, usd, **more) for start in quarters(day)]


def rt_services(day: date, usd: str, **more: Any) -> list[dict[str, Any]]:
    """Real-time prices of every service, all the same."""
    return [
        service_price(product, start, 15, Decimal(usd), **more)
        for start in quarters(day)
        for product in ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")
    ]
