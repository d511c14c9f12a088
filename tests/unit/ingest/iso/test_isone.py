"""ISO-NE's reports and web services: hour labels, repeated hours, finality, trailers, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import local_grid, parse, price_of, rows
from tests.support.given import refused

NEW_YORK = "America/New_York"
NODES = (("4000", ".H.INTERNAL_HUB", "HUB"), ("321", "UN.NODE13.8", "NETWORK NODE"))
HOURLY = (
    '"H","Date","Hour Ending","Location ID","Location Name","Location Type","Locational Marginal Price",'
    '"Energy Component","Congestion Component","Marginal Loss Component"\n'
    '"H","Date","HE","String","String","String","Number","Number","Number","Number"'
)
FIVE = (
    '"H","Local Time","Location ID","LMP","Energy Component","Congestion Component","Loss Component"\n'
    '"H","Time","String","Number","Number","Number","Number"'
)
DAY_AHEAD = "Day-Ahead Energy Market Hourly LMP Report"
REAL_TIME = "Real-Time Energy Market Hourly LMP Report"
FIVE_MINUTES = "Five-Minute Locational Marginal Prices"


def labels(hours: int) -> list[str]:
    """Hour-ending labels of a day: the wall clock at the hour's end, 02X for the repeated one."""
    plain = [f"{hour:02d}" for hour in range(1, 25)]
    return {23: plain[:1] + plain[2:], 24: plain, 25: [*plain[:2], "02X", *plain[2:]]}[hours]


def report(title: str, day: str, header: str, data: list[str], trailer: str | None = None) -> str:
    shown = f"{day[5:7]}/{day[8:]}/{day[:4]}"
    head = [
        f'"C","{title}"',
        '"C","Filename: report.csv"',
        f'"C","Report for: {shown} - {shown}"',
        f'"C","Report generated: {shown} 13:07:54 EDT"',
        header,
    ]
    return "\n".join([*head, *data, trailer if trailer is not None else f'"T","{len(data)} lines"']) + "\n"


def hourly(day: str, title: str = DAY_AHEAD, written: list[str] | None = None) -> str:
    shown = f"{day[5:7]}/{day[8:]}/{day[:4]}"
    data = [
        f'"D","{shown}","{label}","{number}","{name}","{kind}",{price_of(hour * 2 + node)},27.75,-0.5,{hour}.18'
        for hour, label in enumerate(written or labels(len(local_grid(day, 60, NEW_YORK))))
        for node, (number, name, kind) in enumerate(NODES)
    ]
    return report(title, day, HOURLY, data)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-06-01", 24), ("2025-11-02", 25)])
@pytest.mark.parametrize(("source", "title"), [("isone-dam-lmp", DAY_AHEAD), ("isone-rth-lmp", REAL_TIME)])
def test_every_hour_of_a_day_lands_once_at_its_instant(source: str, title: str, day: str, hours: int) -> None:
    pieces = parse(source, hourly(day, title), "lmp_rt_final_20260608.csv")
    grid = local_grid(day, 60, NEW_YORK)
    assert len(grid) == hours and not refused(pieces)
    assert [(row["interval_start"], row["location"], row["lmp_usd_mwh"]) for row in rows(pieces)] == [
        (at, name, price_of(hour * 2 + node)) for hour, at in enumerate(grid) for node, (_, name, _) in enumerate(NODES)
    ]
    first = rows(pieces)[0]
    vintage = "posted" if source == "isone-dam-lmp" else "final"
    assert (first["location_id"], first["location_type"], first["vintage"]) == ("4000", "HUB", vintage)
    assert first["interval_end"] - first["interval_start"] == timedelta(hours=1)
    assert [first[name] for name in ("energy_usd_mwh", "congestion_usd_mwh", "loss_usd_mwh")] == [
        Decimal("27.75"),
        Decimal("-0.5"),
        Decimal("0.18"),
    ]


@pytest.mark.parametrize("skipped", ["02", "03", "24"])
def test_a_spring_day_goes_by_order_whichever_label_it_leaves_out(skipped: str) -> None:
    written = [label for label in labels(24) if label != skipped]
    pieces = parse("isone-dam-lmp", hourly("2026-03-08", written=written))
    hub = [row["interval_start"] for row in rows(pieces) if row["location"] == ".H.INTERNAL_HUB"]
    assert hub == local_grid("2026-03-08", 60, NEW_YORK)


def test_a_location_with_an_hour_of_a_spring_day_missing_is_refused_and_the_others_land() -> None:
    lines = hourly("2026-03-08").replace('"46 lines"', '"45 lines"').splitlines()
    lines.remove(next(line for line in lines if '"07","321"' in line))
    pieces = parse("isone-dam-lmp", "\n".join(lines))
    assert [row["interval_start"] for row in rows(pieces)] == local_grid("2026-03-08", 60, NEW_YORK)
    assert len(refused(pieces)) == 22 and all("its 23 hours in order" in reason for *_, reason in refused(pieces))


def test_a_short_day_lands_by_its_labels_where_they_are_certain() -> None:
    grid = local_grid("2025-11-02", 60, NEW_YORK)
    pieces = parse("isone-dam-lmp", hourly("2025-11-02", written=["02", "02X", "03"]))
    assert sorted({row["interval_start"] for row in rows(pieces)}) == grid[1:4]


@pytest.mark.parametrize("label", ["02X", "00", "25", "2Y", ""])
def test_a_label_that_the_day_does_not_have_is_refused(label: str) -> None:
    pieces = parse("isone-dam-lmp", hourly("2026-06-01", written=["01", label]))
    assert len(rows(pieces)) == 2 and [field for _, field, _ in refused(pieces)] == ["Hour Ending"] * 2


def five_minutes(day: str, first: int, last: int, title: str = FIVE_MINUTES) -> tuple[str, list[datetime]]:
    """The four-hour file of a day, and the instants in it."""
    tz = ZoneInfo(NEW_YORK)
    grid = [at for at in local_grid(day, 5, NEW_YORK) if first <= at.astimezone(tz).hour < last]
    data = [
        f'"D","{at.astimezone(tz):%H:%M:%S}","{number}",{price_of(row * 2 + node)},1,2,3'
        for row, at in enumerate(grid)
        for node, (number, _, _) in enumerate(NODES)
    ]
    return report(title, day, FIVE, data), grid


@pytest.mark.parametrize(("day", "runs"), [("2026-03-08", 36), ("2026-06-01", 48), ("2025-11-02", 60)])
def test_a_four_hour_file_is_placed_by_its_day_and_order(day: str, runs: int) -> None:
    text, grid = five_minutes(day, 0, 4)
    pieces = parse("isone-rt5-lmp", text, f"lmp_5min_{day.replace('-', '')}_00-04.csv")
    found = rows(pieces)
    assert len(grid) == runs and not refused(pieces)
    assert [row["interval_start"] for row in found if row["location"] == ".H.INTERNAL_HUB"] == grid
    assert {row["interval_end"] - row["interval_start"] for row in found} == {timedelta(minutes=5)}
    # The report gives numbers alone: the hub's is known, a node's number stands for its name.
    assert {(row["location"], row["location_type"]) for row in found} == {(".H.INTERNAL_HUB", "HUB"), ("321", "")}


@pytest.mark.parametrize(
    ("title", "name", "vintage"),
    [
        (FIVE_MINUTES, "lmp_5min_20260601_00-04.csv", "prelim"),
        (f"Final {FIVE_MINUTES}", "lmp_5min_prelim.csv", "final"),
        (FIVE_MINUTES, "lmp_5min_final_20260601_00-04.csv", "final"),
        (f"Preliminary {FIVE_MINUTES}", "lmp_5min_final.csv", "prelim"),
    ],
)
def test_a_document_is_as_final_as_it_says(title: str, name: str, vintage: str) -> None:
    text, _ = five_minutes("2026-06-01", 0, 1, title)
    assert {row["vintage"] for row in rows(parse("isone-rt5-lmp", text, name))} == {vintage}


def test_a_report_of_names_alone_knows_the_hub_by_its_name_and_types_by_their_names() -> None:
    day = hourly("2026-06-01", REAL_TIME).replace('"Location ID","Location Name","Location Type"', '"Location"')
    day = day.replace('"String","String","String"', '"String"')
    for number, name, kind in NODES:
        day = day.replace(f'"{number}","{name}","{kind}"', f'"{name}"')
    found = rows(parse("isone-rth-lmp", day, "lmp_rt_prelim_20260601.csv"))
    assert {(row["location"], row["location_type"], row["location_id"], row["vintage"]) for row in found} == {
        (".H.INTERNAL_HUB", "HUB", "4000", "prelim"),
        ("UN.NODE13.8", "NETWORK NODE", None, "prelim"),
    }
    with pytest.raises(UnreadableFile, match="no column of locations"):
        parse("isone-rth-lmp", day.replace('"Location",', "").replace('"UN.NODE13.8",', ""), "x.csv")


def test_a_report_says_when_it_was_made() -> None:
    (row, *_) = rows(parse("isone-dam-lmp", hourly("2026-06-01")))
    assert (row["published_at"], row["published_basis"]) == (datetime(2026, 6, 1, 17, 7, 54, tzinfo=UTC), "operator")


def test_times_without_a_day_need_one() -> None:
    text, grid = five_minutes("2026-06-01", 0, 1)
    bare = "\n".join(line for line in text.splitlines() if "Report for" not in line)
    assert rows(parse("isone-rt5-lmp", bare, "lmp_5min_20260601_00-04.csv"))[0]["interval_start"] == grid[0]
    with pytest.raises(UnreadableFile, match="states the day"):
        parse("isone-rt5-lmp", bare, "five.csv")
    with pytest.raises(UnreadableFile, match="its times have no day"):
        parse("isone-rt5-lmp", text.replace("06/01/2026 - 06/01/2026", "06/01/2026 - 06/02/2026"), "five.csv")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace('"T","48 lines"\n', ""), "cut short"),
        (lambda text: text.replace("48 lines", "49 lines"), "states 49 lines of data and the report has 48"),
        (lambda text: text[: len(text) // 2], "cut short"),
        (lambda text: text.replace('"Marginal Loss Component"', '"Loss Part"'), "unknown column 'Loss Part'"),
        (lambda text: text.replace(',"Locational Marginal Price"', "").replace("27.75,", ""), "no column"),
        (lambda text: text.replace(DAY_AHEAD, REAL_TIME), "isone-rth-lmp"),
        (lambda text: text.replace(DAY_AHEAD, FIVE_MINUTES), "isone-rt5-lmp"),
        (lambda text: text.replace(DAY_AHEAD, "Seven Day Forecast"), "report 'Seven Day Forecast', not LMPs"),
        (lambda text: "No data exists for this period.", "No data exists for this period."),
        (lambda text: "<html><body>Access denied</body></html>", "Access denied"),
        (lambda text: "<HourlyLmps/>", "XML"),
        (lambda text: "Date,Hr_End,DA_LMP\n", "SMD workbook"),
        (lambda text: "a,b\n1,2\n", "lines of C, H, D and T"),
        (lambda text: "", "empty"),
        (lambda text: report(DAY_AHEAD, "2026-06-01", HOURLY, []), "no prices yet"),
    ],
)
def test_what_is_no_whole_report_of_the_market_is_refused_by_what_it_is(change: object, reason: str) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        parse("isone-dam-lmp", change(hourly("2026-06-01")))
    assert reason in str(refusal.value) and refusal.value.next_step


def test_a_line_that_is_no_data_among_data_is_refused() -> None:
    lines = hourly("2026-06-01").splitlines()
    lines.insert(8, '"C","a note"')
    lines.insert(9, lines[10].replace('"D"', '"X"'))
    pieces = parse("isone-dam-lmp", "\n".join(lines))
    assert len(rows(pieces)) == 48 and [line for line, *_ in refused(pieces)] == [9, 10]


def record(at: datetime, price: object, name: str = ".H.INTERNAL_HUB", number: str = "4000") -> dict[str, object]:
    local = at.astimezone(ZoneInfo(NEW_YORK))
    return {
        "BeginDate": local.isoformat(timespec="milliseconds"),
        "Location": {"@LocId": number, "@LocType": "HUB", "$": name},
        "LmpTotal": price,
        "EnergyComponent": 24.63,
        "CongestionComponent": 0,
        "LossComponent": -0.17,
    }


def document(records: object, key: str = "Hourly") -> str:
    return json.dumps({f"{key}Lmps": {f"{key}Lmp": records}})


@pytest.mark.parametrize(("day", "hours"), [("2024-03-10", 23), ("2024-11-03", 25)])
@pytest.mark.parametrize(
    ("source", "name", "vintage"),
    [
        ("isone-dam-lmp", "hourlylmp_da_final_day.json", "posted"),
        ("isone-rth-lmp", "hourlylmp_rt_final_day.json", "final"),
        ("isone-rth-lmp", "hourlylmp_rt_prelim_day.json", "prelim"),
        ("isone-rth-lmp", "answer.json", "prelim"),
    ],
)
def test_offsets_place_every_hour(source: str, name: str, vintage: str, day: str, hours: int) -> None:
    grid = local_grid(day, 60, NEW_YORK)
    found = rows(parse(source, document([record(at, number) for number, at in enumerate(grid)]), name))
    assert len(found) == hours and [row["interval_start"] for row in found] == grid
    assert {row["vintage"] for row in found} == {vintage}
    assert [row["line"] for row in found] == list(range(1, hours + 1))


def test_numbers_are_exact_from_the_text() -> None:
    at = datetime(2025, 1, 1, 5, tzinfo=UTC)
    text = document([record(at, 1)]).replace('"LmpTotal": 1', '"LmpTotal": 123456789012.123456')
    (row,) = rows(parse("isone-dam-lmp", text))
    assert row["lmp_usd_mwh"] == Decimal("123456789012.123456")
    assert (row["energy_usd_mwh"], row["loss_usd_mwh"]) == (Decimal("24.63"), Decimal("-0.17"))


def test_a_single_record_stands_without_its_list() -> None:
    at = datetime(2025, 1, 1, 5, 55, tzinfo=UTC)
    (row,) = rows(parse("isone-rt5-lmp", document(record(at, 9.5), "FiveMin"), "fiveminutelmp_final.json"))
    assert (row["interval_start"], row["interval_end"] - at, row["vintage"]) == (at, timedelta(minutes=5), "final")


def test_records_that_cannot_be_used_are_refused_with_their_text() -> None:
    at = datetime(2025, 1, 1, 5, tzinfo=UTC)
    good = record(at, 1)
    bad = [
        {**good, "LmpTotal": None},
        {**good, "LmpTotal": "n/a"},
        {**good, "LmpTotal": [1]},
        {**good, "BeginDate": "2025-01-01T00:00:00"},
        {**good, "BeginDate": "2025-01-01T00:07:30.000-05:00"},
        {**good, "Location": "HUB"},
    ]
    later = [record(at + timedelta(hours=1), price) for price in (1, 2)]
    pieces = parse("isone-dam-lmp", document([good, good, *bad, *later]))
    assert [row["lmp_usd_mwh"] for row in rows(pieces)] == [1, 1]
    assert [line for line, *_ in refused(pieces)] == list(range(3, 11))
    assert json.loads(pieces[0].rejects["raw_text"][0].as_py())["Location"] == good["Location"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (document([{**record(datetime(2025, 1, 1, tzinfo=UTC), 1), "Surprise": 1}]), "unknown key 'Surprise'"),
        (document([record(datetime(2025, 1, 1, tzinfo=UTC), 1)], "FiveMin"), "isone-rt5-lmp"),
        (document([]), "holds no prices"),
        ('{"HourlyLmps": ""}', "holds no prices"),
        ('{"GenFuelMixes": {"GenFuelMix": []}}', "GenFuelMixes, not LMPs"),
        ('{"HourlyLmps": {', "JSON cannot be read"),
        ("[" * 100_000, "JSON cannot be read"),
        (document([record(datetime(2025, 1, 1, tzinfo=UTC), "\ud800")]), "no Unicode"),
        ('{"HourlyLmps": {"HourlyLmp": [{"LmpTotal": 1, "LmpTotal": 2}]}}', "'LmpTotal' twice"),
        ("[1]", "no answer of ISO-NE's web services"),
        (document(["x"]), "no record is one of a price"),
    ],
)
def test_what_is_no_document_of_the_market_is_refused_by_what_it_is(text: str, reason: str) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        parse("isone-dam-lmp", text, "answer.json")
    assert reason in str(refusal.value) and refusal.value.next_step


def test_a_document_named_for_the_other_market_is_refused() -> None:
    text = document([record(datetime(2025, 1, 1, 5, tzinfo=UTC), 1)])
    with pytest.raises(UnreadableFile, match="isone-dam-lmp"):
        parse("isone-rth-lmp", text, "hourlylmp_da_final_day_20250101.json")
