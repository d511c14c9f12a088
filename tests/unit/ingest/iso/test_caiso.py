"""CAISO's answers: components joined into prices, GMT against the operating day, and errors in the operator's words."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.iso.caiso import oasis
from ingest.text.pieces import PIECE_BYTES
from lakehouse.errors import UnreadableFile
from tests.support.documents import local_grid, parse, price_of, rows, zipped
from tests.support.given import refused

PACIFIC = "America/Los_Angeles"
FIRST = "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,"
NODE = "NODE_ID_XML,NODE_ID,NODE,MARKET_RUN_ID,LMP_TYPE,XML_DATA_ITEM,PNODE_RESMRID,GRP_TYPE,POS"
DAM = f"{FIRST}OPR_INTERVAL,{NODE},MW,GROUP"
LATER = f"{FIRST}{NODE},{{}},OPR_INTERVAL,GROUP"
#: Source → header, market run, minutes, our market.
MARKETS = {
    "caiso-dam-lmp": (DAM, "DAM", 60, "DAM"),
    "caiso-rt5-lmp": (LATER.format("VALUE"), "RTM", 5, "RT5"),
    "caiso-rt15-lmp": (LATER.format("PRC"), "RTPD", 15, "RT15"),
    "caiso-hasp-lmp": (DAM, "HASP", 15, "HASP"),
}
TYPES = ("LMP", "MCE", "MCC", "MCL", "MGHG")
NAME = "20251102_20251102_PRC_LMP_DAM_20251101_13_05_09_v12.csv"


def cells(source: str, at: datetime, kind: str, price: object, node: str = "SIM_NODE", hour: int | None = None) -> str:
    """One component row in the source's own layout."""
    header, run, minutes, _ = MARKETS[source]
    local = at.astimezone(ZoneInfo(PACIFIC))
    midnight = local.replace(hour=0, minute=0, fold=0).astimezone(UTC)
    end = at + timedelta(minutes=minutes)
    stated = {
        "INTERVALSTARTTIME_GMT": f"{at:%Y-%m-%dT%H:%M:%S}-00:00",
        "INTERVALENDTIME_GMT": f"{end:%Y-%m-%dT%H:%M:%S}-00:00",
        "OPR_DT": f"{local:%Y-%m-%d}",
        "OPR_HR": hour or int((at - midnight) / timedelta(hours=1)) + 1,
        "OPR_INTERVAL": 0,
        "MARKET_RUN_ID": run,
        "LMP_TYPE": kind,
        "XML_DATA_ITEM": f"{kind}_PRC",
        "GRP_TYPE": "ALL",
        "POS": 0,
        "MW": price,
        "VALUE": price,
        "PRC": price,
        "GROUP": 1,
    }
    return ",".join(str(stated.get(column, node)) for column in header.split(","))


def components(number: int) -> dict[str, Decimal]:
    """Five components that add up, told apart by their row."""
    parts = {
        "MCE": price_of(number),
        "MCC": Decimal(number % 7 - 3),
        "MCL": Decimal("-0.12345"),
        "MGHG": Decimal("0.5"),
    }
    return {"LMP": sum(parts.values(), Decimal(0)), **parts}


def day_of(source: str, day: str, nodes: tuple[str, ...] = ("SIM_A", "SIM_B")) -> dict[tuple[str, datetime], list[str]]:
    grid = local_grid(day, MARKETS[source][2], PACIFIC)
    return {
        (node, at): [cells(source, at, kind, value, node) for kind, value in components(number).items()]
        for number, (at, node) in enumerate((at, node) for at in grid for node in nodes)
    }


def text_of(source: str, lines: list[str]) -> str:
    return "\n".join([MARKETS[source][0], *lines]) + "\n"


@pytest.mark.parametrize(("day", "hours"), [("2025-03-09", 23), ("2025-06-01", 24), ("2025-11-02", 25)])
@pytest.mark.parametrize("source", MARKETS)
def test_every_interval_of_a_day_is_one_row_with_its_components(source: str, day: str, hours: int) -> None:
    priced = day_of(source, day)
    lines = [line for found in priced.values() for line in found]
    random.Random(7).shuffle(lines)
    pieces = parse(source, zipped({NAME: text_of(source, lines)}), "answer.zip")
    found = {(row["location"], row["interval_start"]): row for row in rows(pieces)}
    minutes = MARKETS[source][2]
    assert not refused(pieces) and len(found) == len(priced) == hours * 60 // minutes * 2
    for number, key in enumerate(priced):
        row, stated = found[key], components(number)
        assert (row["market"], row["vintage"], row["iso"]) == (MARKETS[source][3], "posted", "CAISO")
        assert row["interval_end"] - row["interval_start"] == timedelta(minutes=minutes)
        assert [
            row[name] for name in ("lmp_usd_mwh", "energy_usd_mwh", "congestion_usd_mwh", "loss_usd_mwh", "ghg_usd_mwh")
        ] == [stated[kind] for kind in TYPES]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.randoms(use_true_random=False))
def test_how_rows_are_ordered_and_split_over_files_changes_nothing(cuts: int, order: random.Random) -> None:
    lines = [line for found in list(day_of("caiso-dam-lmp", "2025-11-02").values())[:6] for line in found]
    whole = rows(parse("caiso-dam-lmp", text_of("caiso-dam-lmp", lines), NAME))
    order.shuffle(lines)
    parts = [lines[number :: cuts + 1] for number in range(cuts + 1)]
    split = rows(parse("caiso-dam-lmp", zipped({f"{n}.csv": text_of("caiso-dam-lmp", p) for n, p in enumerate(parts)})))
    ignored = {"line", "member", "source_object", "published_at", "published_basis"}

    def facts(found: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{key: value for key, value in row.items() if key not in ignored} for row in found]

    def place(row: dict[str, object]) -> tuple[str, ...]:
        return str(row["location"]), str(row["interval_start"])

    assert sorted(facts(split), key=place) == sorted(facts(whole), key=place)


def test_one_file_a_component_gives_the_line_and_file_of_the_price() -> None:
    at = datetime(2025, 6, 1, 7, tzinfo=UTC)
    archive = zipped(
        {f"{kind}.csv": text_of("caiso-dam-lmp", [cells("caiso-dam-lmp", at, kind, 1)]) for kind in reversed(TYPES)}
    )
    (row,) = rows(parse("caiso-dam-lmp", archive))
    assert (row["member"], row["line"]) == ("LMP.csv", 2)


def test_the_answers_name_tells_when_it_was_made_by_the_pacific_clock() -> None:
    at = datetime(2025, 11, 2, 7, tzinfo=UTC)
    (row,) = rows(parse("caiso-dam-lmp", text_of("caiso-dam-lmp", [cells("caiso-dam-lmp", at, "LMP", 1)]), NAME))
    assert (row["published_at"], row["published_basis"]) == (datetime(2025, 11, 1, 20, 5, 9, tzinfo=UTC), "modified")
    assert (
        oasis.answered_at("no stamp.csv") is None
        and oasis.answered_at("20250101_20250101_A_20259999_99_99_99_v1.csv") is None
    )


def test_a_listing_is_believed_before_the_name() -> None:
    at = datetime(2025, 11, 2, 7, tzinfo=UTC)
    text = text_of("caiso-dam-lmp", [cells("caiso-dam-lmp", at, "LMP", 1)])
    listed = datetime(2025, 10, 1, tzinfo=UTC)
    (row,) = rows(parse("caiso-dam-lmp", text, NAME, published_at=listed))
    assert row["published_at"] == listed


def test_a_component_without_its_price_is_refused_with_its_text() -> None:
    at = datetime(2025, 6, 1, 7, tzinfo=UTC)
    later = at + timedelta(hours=1)
    lines = [
        cells("caiso-dam-lmp", at, "LMP", 1),
        cells("caiso-dam-lmp", later, "MCE", 2),
        cells("caiso-dam-lmp", at, "MCE", ""),
    ]
    for content, field in (
        (text_of("caiso-dam-lmp", lines), ""),
        (zipped({"a.csv": text_of("caiso-dam-lmp", lines)}), "a.csv"),
    ):
        pieces = parse("caiso-dam-lmp", content)
        assert refused(pieces) == [(3, field, "a component without its LMP")]
        assert pieces[0].rejects["raw_text"][0].as_py() == lines[1]
        (row,) = rows(pieces)
        assert row["energy_usd_mwh"] is None and pieces[0].rows_read == 3


def test_prices_whose_components_do_not_add_up_land_as_stated() -> None:
    at = datetime(2025, 6, 1, 7, tzinfo=UTC)
    lines = [cells("caiso-dam-lmp", at, kind, 10) for kind in TYPES]
    (row,) = rows(parse("caiso-dam-lmp", text_of("caiso-dam-lmp", lines)))
    assert row["lmp_usd_mwh"] == 10 and row["ghg_usd_mwh"] == 10


def test_rows_that_contradict_themselves_are_refused() -> None:
    at = datetime(2025, 6, 1, 7, tzinfo=UTC)
    good = cells("caiso-dam-lmp", at, "LMP", "12.34567")
    other = good.replace("SIM_NODE", "SIM_OTHER")
    bad = {
        good.replace("12.34567", "99"): "line 2 states 12.34567; line 3 states 12.34567; line 4 states 99",
        cells("caiso-dam-lmp", at + timedelta(hours=3), "LMP", 1, hour=5): "operating day and hour",
        good.replace("T08:00:00-00:00", "T09:00:00-00:00"): "does not last 60 minutes",
        good.replace("T07:00:00-00:00", "T07:00:00"): "no date and time with an offset",
        good.replace(",LMP,", ",LAP,"): "type of row is none of",
        good.replace("12.34567", ""): "there is no price",
        good.replace("12.34567", "null"): "not a number",
        good.replace(",DAM,", ",RTM,"): "another market",
        good.replace("SIM_NODE", ""): "there is no node",
        good.replace("2025-06-01,1", "2525-06-01,1"): "operating day and hour",
    }
    pieces = parse("caiso-dam-lmp", text_of("caiso-dam-lmp", [good, good, *bad, other]))
    assert [(row["location"], row["lmp_usd_mwh"]) for row in rows(pieces)] == [("SIM_OTHER", Decimal("12.34567"))]
    by_line = dict(enumerate([next(iter(bad.values()))] * 2 + list(bad.values()), 2))
    found = {line: reason for line, _, reason in refused(pieces)}
    assert found.keys() == by_line.keys() and all(by_line[line] in found[line] for line in found)


def test_a_day_in_spring_may_number_its_hours_or_label_them() -> None:
    grid = local_grid("2025-03-09", 60, PACIFIC)
    labelled = [
        cells("caiso-dam-lmp", at, "LMP", number, hour=number + 1 + (number > 1)) for number, at in enumerate(grid)
    ]
    pieces = parse("caiso-dam-lmp", text_of("caiso-dam-lmp", labelled))
    assert not refused(pieces) and [row["interval_start"] for row in rows(pieces)] == grid


def test_an_answer_of_many_pieces_keeps_its_lines() -> None:
    grid = local_grid("2025-06-01", 60, PACIFIC)
    lines = [cells("caiso-dam-lmp", at, "LMP", 1, f"SIM_{node:05d}_{'X' * 60}") for node in range(2_000) for at in grid]
    text = text_of("caiso-dam-lmp", [*lines, cells("caiso-dam-lmp", grid[0], "MCE", 1, "SIM_LONELY")])
    assert len(text) > PIECE_BYTES
    pieces = parse("caiso-dam-lmp", text)
    found = {row["line"]: row["location"] for row in rows(pieces)}
    assert len(found) == 48_000 and found[48_001] == f"SIM_01999_{'X' * 60}"
    assert refused(pieces) == [(48_002, "", "a component without its LMP")]


ERROR = (
    '<m:OASISReport xmlns:m="http://www.caiso.com/soa/OASISReport_v1.xsd"><m:ERROR><m:ERR_CODE>{}</m:ERR_CODE>'
    "<m:ERR_DESC>{}</m:ERR_DESC></m:ERROR></m:OASISReport>"
)


def one(source: str, kind: str) -> str:
    """A report of a single row."""
    return text_of(source, [cells(source, datetime(2025, 6, 1, 7, tzinfo=UTC), kind, 1)])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped({"a.xml": ERROR.format(1000, "No data returned")}), "no data for the request (1000: No data returned)"),
        (zipped({"a.xml": ERROR.format(1015, "GMT start is invalid")}), "refused the request (1015: GMT start"),
        ("<OASISReport><REPORT>PRC_LMP</REPORT></OASISReport>", "report PRC_LMP of OASIS as XML"),
        ("<html><body><p>Please retry your request after 5 seconds.</p></body></html>", "Please retry your request"),
        ("<m:OASISReport", "broken XML"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "broken XML"),
        (zipped({}), "the archive is empty"),
        (DAM, "a header and no prices"),
        (f"{DAM},SURPRISE\n", "unknown column 'SURPRISE'"),
        (DAM.replace("MW", "PRC"), "unknown column 'PRC'"),
        (DAM.replace(",OPR_HR", ""), "no column 'OPR_HR'"),
        (f"{FIRST}LOAD_TYPE,MW\n", "another report of OASIS"),
        ("Time,Demand,Net Demand\n", "Today's Outlook"),
        ("interval_start_utc,lmp\n", "third party"),
        ("", "empty"),
        (one("caiso-rt5-lmp", "LMP"), "unknown column 'VALUE'"),
        (one("caiso-hasp-lmp", "LMP"), "source caiso-hasp-lmp"),
        (one("caiso-dam-lmp", "MCE"), "without its LMP"),
    ],
)
def test_what_is_no_table_of_the_market_is_refused_by_what_it_is(content: str | bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        parse("caiso-dam-lmp", content)
    assert reason in str(refusal.value) and refusal.value.next_step


def test_errors_can_be_told_apart_before_anything_lands() -> None:
    assert oasis.error_in(ERROR.format(1000, "No data").encode()) == oasis.OasisError(oasis.NO_DATA, "No data")
    assert oasis.error_in(b"<a/>") is None
    with pytest.raises(UnreadableFile, match="broken XML"):
        oasis.error_in(b"plain")
