"""When a document of a market was published."""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.iso.contracts import PUBLISHED_AS_MODIFIED, PUBLISHED_AS_RECEIVED, PUBLISHED_BY_OPERATOR
from lakehouse.source import RawFile

#: Stands for the reception of bytes that nobody received (a parser called by itself).
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def publication(file: RawFile, stated: datetime | None = None, written: datetime | None = None) -> tuple[datetime, str]:
    """When a document was published, and on what basis that is known.

    Args:
        file: the document; what a listing said of it comes first, what a header said of the file that holds it last.
        stated: what the document's own name or text says, UTC.
        written: when the document was put together, among it what may have been published before, as it says itself.
    """
    if at := file.published_at or stated:
        return at, PUBLISHED_BY_OPERATOR
    if at := written or file.modified_at:
        return at, PUBLISHED_AS_MODIFIED
    return file.received_at or NEVER, PUBLISHED_AS_RECEIVED
