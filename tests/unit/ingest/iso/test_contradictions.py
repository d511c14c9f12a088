"""Rows of one key in the pieces of one document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from ingest.contradictions import without_contradictions
from ingest.iso.contracts import PRICES
from ingest.iso.ercot.contracts import SCED_ESR
from lakehouse.contract import Contract
from lakehouse.source import REJECTS_SCHEMA, Parsed, standing
from tests.support.documents import parse, rows, zipped
from tests.support.given import refused

AT = datetime(2026, 9, 29, 16, tzinfo=UTC)
RUN = {"sced_at": AT, "resource_name": "SIM_ESR"}


def piece(contract: Contract, *said: dict[str, object], line: int = 2) -> Parsed:
    """A piece with these rows, on the lines from `line` on."""
    stated = {"published_at": AT, "published_basis": "operator", "is_simulated": True, "source_object": "x" * 64}
    made = [{**stated, **row, "line": line + n} for n, row in enumerate(said)]
    return Parsed(
        {contract.name: pa.Table.from_pylist(made, schema=contract.arrow_schema)},
        REJECTS_SCHEMA.empty_table(), "layout", rows_read=len(made), shown=lambda number: f"text of {number}",
    )  # fmt: skip


def landed(contract: Contract, *pieces: Parsed) -> tuple[list[object], list[dict[str, object]]]:
    """Lines that remain, and refusals, of a document of these pieces."""
    found = standing(without_contradictions((contract,), lambda: iter(pieces)))
    assert sum(each.rows_read for each in found) == sum(each.rows_read for each in pieces)
    lines = [line for each in found for line in each.tables[contract.name].column("line").to_pylist()]
    return lines, [row for each in found for row in each.rejects.to_pylist()]


def test_rows_far_apart_contradict_each_other_as_neighbours_do() -> None:
    lines, told = landed(
        SCED_ESR,
        piece(SCED_ESR, {**RUN, "base_point_mw": 1.5}, {**RUN, "resource_name": "SIM_OTHER", "base_point_mw": 1.5}),
        piece(SCED_ESR, {**RUN, "base_point_mw": 2.5}, line=4),
    )
    assert lines == [3]
    assert [(row["line"], row["field"], row["raw_text"]) for row in told] == [
        (2, "base_point_mw", "text of 2"),
        (4, "base_point_mw", "text of 4"),
    ]
    assert {row["reason"] for row in told} == {
        "the document contradicts itself: line 2 states base_point_mw 1.5; line 4 states base_point_mw 2.5 "
        "(of resource_name SIM_ESR, sced_at 2026-09-29T16:00:00+00:00)"
    }


@pytest.mark.parametrize(("first", "second", "agree"), [
    (0.0, -0.0, True), (None, None, True), (7.25, 7.25, True), (None, 0.0, False), (7.25, 7.250001, False),
])  # fmt: skip
def test_a_blank_is_no_zero_and_zero_has_no_sign(first: float | None, second: float | None, agree: bool) -> None:
    said = piece(SCED_ESR, {**RUN, "soc_mwh": first}, {**RUN, "soc_mwh": second})
    lines, told = landed(SCED_ESR, said)
    assert (len(lines), len(told)) == ((2, 0) if agree else (0, 2))


def test_a_document_that_agrees_with_itself_is_read_once() -> None:
    readings = []

    def read() -> Iterator[Parsed]:
        readings.append(1)
        yield piece(SCED_ESR, RUN, {**RUN, "resource_name": "SIM_OTHER"})

    assert [each.restarts for each in without_contradictions((SCED_ESR,), read)] == [False]
    assert len(readings) == 1


HEADER = (
    "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag\n"
)


def test_the_same_label_of_both_hours_of_an_autumn_night_is_no_contradiction() -> None:
    text = HEADER + "11/01/2026,2,1,SIM_RN,RN,1.5,N\n11/01/2026,2,1,SIM_RN,RN,2.5,Y\n"
    pieces = parse("ercot-rt15-spp", text)
    assert not refused(pieces)
    assert [(row["interval_start"].hour, str(row["lmp_usd_mwh"])) for row in rows(pieces)] == [
        (6, "1.500000"),
        (7, "2.500000"),
    ]
    torn = parse("ercot-rt15-spp", text + "11/01/2026,2,1,SIM_RN,RN,3.5,Y\n")
    assert [row["interval_start"].hour for row in rows(torn)] == [6]
    assert [line for line, *_ in refused(torn)] == [3, 4]


def test_postings_of_one_interval_in_one_archive_are_versions_and_no_contradiction() -> None:
    members = {
        f"cdr.00012301.0000000000000000.20260929.12{minute}23000.SPPHLZNP6905_20260929_1200.csv": HEADER
        + f"09/29/2026,12,1,SIM_RN,RN,{price},N\n"
        for minute, price in (("00", "22.42"), ("45", "99.00"))
    }
    pieces = parse("ercot-rt15-spp", zipped(members), "bulk.zip")
    assert not refused(pieces)
    assert sorted(str(row["lmp_usd_mwh"]) for row in rows(pieces)) == ["22.420000", "99.000000"]


def test_all_lines_that_contradict_each_other_are_told_and_a_reason_stays_short() -> None:
    price = {
        "iso": "ERCOT", "market": "RT15", "location": "SIM_RN", "location_type": "RN", "price_type": "SPP",
        "interval_start": AT, "interval_end": AT, "vintage": "posted",
    }  # fmt: skip
    lines, told = landed(PRICES, piece(PRICES, *({**price, "lmp_usd_mwh": number} for number in range(9))))
    assert lines == [] and [row["line"] for row in told] == list(range(2, 11))
    assert "and 5 more lines" in told[0]["reason"] and len(told[0]["reason"]) < 500
