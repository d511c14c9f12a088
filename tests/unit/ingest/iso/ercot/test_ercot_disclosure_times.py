"""60-day disclosures: days on which clocks change, and when a document was published."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ingest.iso.ercot import rows as rows_module
from tests.support.documents import zipped
from tests.support.ercot_disclosures import (
    DAM_2026,
    ESR_JULY_2026,
    ESR_MARCH_2026,
    dam_hour,
    land,
    run,
    text,
)
from tests.support.ercot_documents import read

HOUR = timedelta(hours=1)


def test_hours_of_an_autumn_day_are_numbered_through() -> None:
    day = land(text(DAM_2026, *(dam_hour(hour, "11/01/2026") for hour in range(1, 26))))
    rows = sorted(day.rows("ercot_dam_esr_resources"), key=lambda row: row["hour_ending"])
    first = datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert [row["interval_start"] for row in rows] == [first + n * HOUR for n in range(25)]
    assert {row["operating_day"] for row in rows} == {date(2026, 11, 1)} and not day.rejects


@pytest.mark.parametrize("hours", [range(1, 24), [1, 2, *range(4, 25)]])
def test_hours_of_a_spring_day_are_numbered_through_or_by_the_clock(hours: Sequence[int]) -> None:
    rows = land(text(DAM_2026, *(dam_hour(hour, "03/08/2026") for hour in hours))).rows("ercot_dam_esr_resources")
    assert [row["interval_start"] for row in rows] == [
        datetime(2026, 3, 8, 6, tzinfo=UTC) + n * HOUR for n in range(23)
    ]


def test_a_part_of_a_day_of_change_is_quarantined_and_other_days_land() -> None:
    rows = [dam_hour(hour, "11/01/2026") for hour in (1, 2, 3)] + [
        dam_hour(1, "11/02/2026"),
        dam_hour(25, "11/02/2026"),
    ]
    document = land(text(DAM_2026, *rows))
    assert [row["operating_day"] for row in document.rows("ercot_dam_esr_resources")] == [date(2026, 11, 2)]
    reasons = {line: reason for line, _, reason in document.refused}
    assert reasons[6] == "2026-11-02 has no hour ending 25"
    assert {reasons[line] for line in (2, 3, 4)} == {
        "2026-11-01 has 25 hours, so its hours ending must be 1 to 25; the document states 1 to 3"
    }
    assert document.rows_read == 5 == document.landed + len(document.rejects)
    assert all(row["raw_text"].startswith("11/0") for row in document.rejects)


def test_hours_of_a_day_of_change_are_decided_by_the_whole_document(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        dam_hour(hour, day) for day in ("10/31/2026", "11/01/2026") for hour in range(1, 26 if day[3] == "0" else 25)
    ]
    content = text(DAM_2026, *rows)
    whole = land(content).rows("ercot_dam_esr_resources")
    monkeypatch.setattr(rows_module.read_rows, "__defaults__", (500,))
    pieces = read("ercot-60d", content, block_bytes=300)
    assert len(pieces.tables["ercot_dam_esr_resources"]) > 10
    assert sorted(pieces.rows("ercot_dam_esr_resources"), key=lambda row: row["line"]) == whole and len(whole) == 49


def test_runs_of_the_repeated_hour_are_told_by_their_flag() -> None:
    stamps = [("11/01/2026 01:55:10", "N"), ("11/01/2026 01:00:12", "Y"), ("11/01/2026 01:00:12", "")]
    document = land(text(ESR_JULY_2026, *(run(stamp, flag) for stamp, flag in stamps)))
    rows = document.rows("ercot_sced_esr_resources")
    assert [row["sced_at"] for row in rows] == [
        datetime(2026, 11, 1, 6, 55, 10, tzinfo=UTC), datetime(2026, 11, 1, 7, 0, 12, tzinfo=UTC),
    ]  # fmt: skip
    assert [row["is_repeated_hour"] for row in rows] == [False, True]
    assert [(line, field) for line, field, _ in document.refused] == [(4, "SCED Time Stamp")]


def test_settlement_quarters_of_the_repeated_hour_are_told_by_their_number() -> None:
    header = ["Interval Time", "Interval Number", "Resource Code", "Interval Value"]
    stamps = [("01:14:59", 5), ("01:14:59", 9), ("23:59:59", 100), ("01:14:59", 7), ("01:15:00", 8)]
    rows = [
        {"Interval Time": f"11/01/2026 {at}", "Interval Number": n, "Resource Code": "A", "Interval Value": "6.175434"}
        for at, n in stamps
    ]
    document = land(text(header, *rows))
    first = datetime(2026, 11, 1, 6, tzinfo=UTC)
    landed = document.rows("ercot_smne")
    assert [row["interval_start"] for row in landed] == [first, first + HOUR, datetime(2026, 11, 2, 5, 45, tzinfo=UTC)]
    assert landed[0]["net_energy_mwh"] == Decimal("6.175434") and landed[0]["interval_number"] == 5
    assert [line for line, _, _ in document.refused] == [5, 6]


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("60d_DAM_ESR_Data-04-FEB-26.csv", datetime(2026, 2, 4, 6, tzinfo=UTC)),
        ("60d_SCED_Gen_Resource_Data-10-JUL-25.csv", datetime(2025, 7, 10, 5, tzinfo=UTC)),
        ("60d_ESR_Resource_Data_in_SCED_02032026_thru_02182026_SUPPLEMENTAL.csv", datetime(2026, 2, 19, 6, tzinfo=UTC)),
        ("60d_ESR_Data_in_SCED-03-FEB-26_SUPPLEMENTAL_CORRECTION.csv", datetime(2026, 2, 4, 6, tzinfo=UTC)),
        ("ext.00013052.0000000000000000.20260507.050149776.60_Day.csv", datetime(2026, 5, 7, 10, 1, 49, tzinfo=UTC)),
        ("60d_DAM_ESR_Data_opday_20251206_14resources.csv", None),
        ("60d_DAM_ESR_Data-31-FEB-26.csv", None),
    ],
)
def test_a_name_carries_the_publication_and_never_the_operating_day(name: str, published: datetime | None) -> None:
    received = datetime(2026, 12, 1, tzinfo=UTC)
    content = text(DAM_2026, dam_hour(1))
    (row,) = read("ercot-60d", content, name, received_at=received).rows("ercot_dam_esr_resources")
    assert row["operating_day"] == date(2025, 12, 6)
    expected = (published, "operator") if published else (received, "received")
    assert (row["published_at"], row["published_basis"]) == expected
    (inside,) = read("ercot-60d", zipped({name: content}), "a.zip", received_at=received).rows(
        "ercot_dam_esr_resources"
    )
    assert (inside["published_at"], inside["published_basis"], inside["member"]) == (*expected, name)


def test_what_amends_a_day_is_a_later_statement_although_its_members_have_the_same_names() -> None:
    member = {"60d_ESR_Data_in_SCED-18-FEB-26.csv": text(ESR_MARCH_2026, run("12/20/2025 00:00:12"))}
    names = ("60_Day_SCED_Disclosure.zip", "60d_ESR_Data_in_SCED_02032026_thru_02182026_SUPPLEMENTAL.zip")
    first, second = (read("ercot-60d", zipped(member), name).rows("ercot_sced_esr_resources")[0] for name in names)
    assert first["member"] == second["member"] and first["published_at"] < second["published_at"]


def test_a_bundle_states_each_day_when_that_was_posted() -> None:
    days = {
        f"7.ext.00013051.0000000000000000.{posted}.050149776.60_Day_DAM_Disclosure.zip": zipped(
            {f"60d_DAM_ESR_Data-{name}.csv": text(DAM_2026, dam_hour(1, day))}
        )
        for posted, name, day in (("20260204", "04-FEB-26", "12/06/2025"), ("20260205", "05-FEB-26", "12/07/2025"))
    }
    bundle = read("ercot-60d", zipped(days), "bundle.zip", published_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert [(row["operating_day"], row["published_at"]) for row in bundle.rows("ercot_dam_esr_resources")] == [
        (date(2025, 12, 6), datetime(2026, 2, 4, 11, 1, 49, tzinfo=UTC)),
        (date(2025, 12, 7), datetime(2026, 2, 5, 11, 1, 49, tzinfo=UTC)),
    ]
