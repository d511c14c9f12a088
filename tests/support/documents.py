"""Documents of market operators through their sources."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from ingest.registry import registry
from lakehouse.source import LandOptions, Parsed, standing
from tests.support.given import raw_file


def parse(
    source: str,
    content: str | bytes | Path,
    name: str = "document.csv",
    published_at: datetime | None = None,
    received_at: datetime | None = None,
) -> list[Parsed]:
    """The pieces of a document given as text, bytes or a file."""
    if isinstance(content, Path):
        name, content = content.name, content.read_bytes()
    file = raw_file(content, f"box/{name}", published_at=published_at, received_at=received_at)
    return standing(registry().sources[source].parse(file, LandOptions()))


def table(pieces: Sequence[Parsed]) -> pa.Table:
    """Everything that landed, text as text."""
    parts = [part for piece in pieces for part in piece.tables.values()]
    plain = pa.schema(
        [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in max(parts, key=len).schema]
    )
    return pa.concat_tables([part.cast(plain) for part in parts])


def rows(pieces: Sequence[Parsed]) -> list[dict[str, object]]:
    return table(pieces).to_pylist()


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """An archive of these members: equal members are equal bytes at any time of the day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def local_grid(day: str, minutes: int, zone: str, first_minutes: int = 0) -> list[datetime]:
    """Instants (UTC) every so many minutes from a local midnight, first included, to the next one, excluded."""
    tz = ZoneInfo(zone)
    start = datetime.fromisoformat(day).replace(tzinfo=tz).astimezone(UTC)
    stop = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=tz).astimezone(UTC)
    found, at = [], start + timedelta(minutes=first_minutes)
    while at < stop + timedelta(minutes=first_minutes):
        found.append(at)
        at += timedelta(minutes=minutes)
    return found


def price_of(number: int) -> Decimal:
    """A price that tells which row it was, negative now and then."""
    return Decimal(number * 37 % 20011 - 1500).scaleb(-2)
