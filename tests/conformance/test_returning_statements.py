"""An operator that rolls back: the very bytes that it published before are its latest word again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest.iso.contracts import PRICES
from lakehouse.archive import open_archive
from lakehouse.catalog import open_catalog
from lakehouse.settings import Settings
from tests.support.house import land_documents, replay
from tests.support.market_documents import SIMULATED

SOURCE = "ercot-dam-spp"
PUBLISHED = datetime(2019, 11, 19, 18, tzinfo=UTC)
HEADER = "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag\n"
#: Prices of two hours: a document, the one that replaces it, and the first again.
A, B = ("10", "20"), ("10", "99")


def document(path: Path, prices: tuple[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(f"11/20/2019,0{n}:00,HB_NORTH,{p},N\n" for n, p in enumerate(prices, start=1)))
    return path


def give(settings: Settings, path: Path, prices: tuple[str, str], hours: int | None = None) -> str:
    """Land a document that was published so many hours after the first, or of which nothing says when; its outcome."""
    origin: Mapping[str, object] = {}
    if hours is not None:
        origin = {"published_at": (PUBLISHED + timedelta(hours=hours)).isoformat()}
    report = land_documents(settings, SOURCE, {document(path, prices): origin}, SIMULATED)
    return report.files[0].status


def statements(settings: Settings) -> list[dict[str, Any]]:
    """All of them, the later published last."""
    rows = open_catalog(settings).load_table(("raw", PRICES.name)).scan().to_arrow().to_pylist()
    return sorted(rows, key=lambda row: (row["published_at"], row["source_object"]))


def known_at(settings: Settings, instant: datetime) -> tuple[str, ...]:
    """Prices of the hours as they were known."""
    found = {s["interval_start"]: s["lmp_usd_mwh"] for s in statements(settings) if s["published_at"] <= instant}
    return tuple(f"{Decimal(price):f}".rstrip("0").rstrip(".").ljust(2, "0") for _, price in sorted(found.items()))


def published(settings: Settings) -> list[datetime]:
    """Instants at which something was stated."""
    return sorted({row["published_at"] for row in statements(settings)})


@pytest.mark.parametrize("renamed", [False, True])
def test_bytes_that_are_published_again_are_the_latest_and_were_so_at_first(
    settings: Settings, tmp_path: Path, renamed: bool
) -> None:
    names = [f"day/spp{n if renamed else ''}.csv" for n in range(3)]
    for hours, (name, prices) in enumerate(zip(names, (A, B, A), strict=True)):
        assert give(settings, tmp_path / name, prices, hours) == "landed"
    assert published(settings) == [PUBLISHED + timedelta(hours=n) for n in range(3)]
    for hours, prices in enumerate((A, B, A)):
        assert known_at(settings, PUBLISHED + timedelta(hours=hours, minutes=30)) == prices
    before = statements(settings)
    for hours, (name, prices) in enumerate(zip(names, (A, B, A), strict=True)):
        assert give(settings, tmp_path / name, prices, hours) == "unchanged"
    assert statements(settings) == before


def test_names_that_state_when_make_a_return_a_statement_of_its_own(settings: Settings, tmp_path: Path) -> None:
    for hour, prices in ((12, A), (13, B), (14, A)):
        name = f"cdr.00012331.0000000000000000.20191119.{hour}0000.DAMSPNP4190.csv"
        assert give(settings, tmp_path / name, prices) == "landed"
    assert [known_at(settings, at) for at in published(settings)] == [A, B, A]


def test_a_file_that_holds_again_what_it_held_states_it_anew_where_nothing_says_when(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "day" / "spp.csv"
    assert [give(settings, path, prices) for prices in (A, A, B, B, A, A)] == [
        "landed", "unchanged", "landed", "unchanged", "landed", "unchanged",
    ]  # fmt: skip
    assert [known_at(settings, at) for at in published(settings)] == [A, B, A]
    # What a reception of unknown publication says again is not stored again: the first hour never changed.
    assert [str(row["lmp_usd_mwh"]).partition(".")[0] for row in statements(settings)] == ["10", "20", "99", "20"]


@pytest.mark.parametrize("hours", [None, 0])
def test_a_copy_of_an_old_file_is_not_taken_for_a_return(settings: Settings, tmp_path: Path, hours: int | None) -> None:
    give(settings, tmp_path / "day" / "spp.csv", A, hours)
    give(settings, tmp_path / "day" / "spp.csv", B, None if hours is None else hours + 1)
    before = statements(settings)
    give(settings, tmp_path / "backup" / "old.csv", A)
    assert give(settings, tmp_path / "more" / "day" / "spp.csv", A) == "unchanged"
    assert statements(settings) == before


def test_a_return_that_was_killed_before_it_was_recorded_is_completed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hours, prices in enumerate((A, B)):
        give(settings, tmp_path / "spp.csv", prices, hours)
    with monkeypatch.context() as patch:
        patch.setattr("lakehouse.ops.Ops.insert", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            give(settings, tmp_path / "spp.csv", A, 2)
    assert give(settings, tmp_path / "spp.csv", A, 2) == "unchanged"
    assert [known_at(settings, at) for at in published(settings)] == [A, B, A]
    assert [receipt.outcome for receipt in open_archive(settings).receipts()] == ["landed"] * 3 + ["unchanged"]


def test_a_replay_tells_returns_from_copies_as_the_landings_did(settings: Settings, tmp_path: Path) -> None:
    for name, hours in (("a.csv", 0), ("b.csv", None)):
        for number, prices in enumerate((A, B, A)):
            give(settings, tmp_path / name, prices, None if hours is None else hours + number)
    give(settings, tmp_path / "copy.csv", B)
    assert len(open_catalog(settings).load_table(("raw", PRICES.name)).scan().to_arrow()) == 8
    assert {table.outcome for table in replay(settings, dry_run=True).tables} == {"equal"}
