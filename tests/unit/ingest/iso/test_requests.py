"""What is wanted of what is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.iso.requests.request import Document, Known, Last

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
DOCUMENT = Document("s", date(2026, 11, 12), date(2026, 11, 13), "n.csv", NOW - timedelta(days=6), is_final=False)


@pytest.mark.parametrize("outcome", ["done", "unchanged", "not_yet"])
def test_what_was_looked_at_by_a_clock_that_ran_ahead_is_looked_at_again(outcome: str) -> None:
    known = Known({}, {DOCUMENT.key: Last(outcome, False, NOW + timedelta(days=365))}, timedelta(hours=6))
    assert known.wants(DOCUMENT, NOW)
    known = Known({}, {DOCUMENT.key: Last(outcome, False, NOW - timedelta(minutes=5))}, timedelta(hours=6))
    assert not known.wants(DOCUMENT, NOW)
