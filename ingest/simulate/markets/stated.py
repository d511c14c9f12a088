"""What a simulated operator states: a document as bytes, and the prices in it as plain values, from one source.

Both come from the same simulated prices, so that what a reader makes of the bytes can be compared with the prices
without a second reader.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

#: Every simulated location has it in its name, so that nobody takes a simulated price for a real one.
MARK = "SIM"


@dataclass(frozen=True)
class Price:
    """The price of energy at one location in one interval, in $/MWh.

    Args:
        location_type, location_id: '' and None where the document does not state them.
        energy, congestion, loss, ghg: components; positive raises the price. None where not stated.
        congestion_published: as the operator writes it, where its sign is the other one (NYISO).
    """

    iso: str
    market: str
    location: str
    location_type: str
    location_id: str | None
    price_type: str
    start: datetime
    end: datetime
    lmp: Decimal
    energy: Decimal | None = None
    congestion: Decimal | None = None
    loss: Decimal | None = None
    ghg: Decimal | None = None
    congestion_published: Decimal | None = None
    vintage: str = "posted"


@dataclass(frozen=True)
class ServicePrice:
    """The clearing price of one ancillary service in one interval, in $/MW for an hour of it."""

    iso: str
    market: str
    location: str
    product: str
    start: datetime
    end: datetime
    mcpc: Decimal
    vintage: str = "posted"


@dataclass(frozen=True)
class Load:
    """The load of one area in one interval, in MW, as one report or one model of it states it."""

    iso: str
    report: str
    kind: str
    area: str
    area_type: str
    model: str
    start: datetime
    end: datetime
    load: Decimal
    published_at: datetime


@dataclass(frozen=True)
class Document:
    """One document of a simulated operator.

    Args:
        source: name of the source that reads it.
        name: file name as the operator gives it.
        content: its bytes.
        published_at: when the operator published it, UTC.
        prices, services, loads: everything it states, in its order.
    """

    source: str
    name: str
    content: bytes
    published_at: datetime
    prices: tuple[Price, ...] = ()
    services: tuple[ServicePrice, ...] = ()
    loads: tuple[Load, ...] = ()


def packed(members: Mapping[str, bytes] | Iterable[tuple[str, bytes]], at: datetime) -> bytes:
    """A ZIP archive of these members, dated `at`; equal members give equal bytes."""
    listed = members.items() if isinstance(members, Mapping) else members
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in listed:
            info = zipfile.ZipInfo(name, at.astimezone(UTC).timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()
