"""When a document of a market was published."""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.iso.contracts import PUBLISHED_AS_MODIFIED, PUBLISHED_AS_RECEIVED, PUBLISHED_BY_OPERATOR
from lakehouse.source import RawFile

#: Time of receipt for bytes without a receipt (a parser that is called directly).
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def publication(file: RawFile, stated: datetime | None = None, written: datetime | None = None) -> tuple[datetime, str]:
    """The time of publication of a document, and its basis.

    Args:
        file: the document; a listing's time comes first, the time in a header of its file last.
        stated: time in the document's own name or text, UTC.
        written: the document's own time of writing; it may repeat what had been published before.
    """
    if at := file.published_at or stated:
        return at, PUBLISHED_BY_OPERATOR
    if at := written or file.modified_at:
        return at, PUBLISHED_AS_MODIFIED
    return file.received_at or NEVER, PUBLISHED_AS_RECEIVED
