"""Simulated markets: real layouts, days of 23 and 25 hours, and a truth that the documents repeat to the cent."""

from __future__ import annotations

import csv
import io
import itertools
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.simulate.markets import caiso, ercot, isone, nyiso
from ingest.simulate.markets.days import CENTRAL
from ingest.simulate.markets.every import day_documents
from ingest.simulate.markets.stated import Document, Price

SPRING, AUTUMN, PLAIN = date(2025, 3, 9), date(2025, 11, 2), date(2025, 7, 1)
HOURS = {SPRING: 23, AUTUMN: 25, PLAIN: 24}
DAYS = pytest.mark.parametrize("day", HOURS)


def texts(document: Document) -> Iterator[tuple[str, str]]:
    """Name and text of every file in a document."""
    if not document.name.endswith(".zip"):
        yield document.name, document.content.decode()
        return
    with zipfile.ZipFile(io.BytesIO(document.content)) as archive:
        for name in archive.namelist():
            yield name, archive.read(name).decode()


def first_rows(path: Path) -> list[list[str]]:
    return list(csv.reader(line for line in path.read_text().splitlines() if line))


@DAYS
def test_a_day_has_an_interval_for_every_hour_of_its_clock(day: date) -> None:
    minutes = {"DAM": 60, "RTH": 60, "RT15": 15, "HASP": 15, "RT5": 5}
    for document in day_documents(3, day, sced=False):
        counted = Counter(
            (price.location, price.location_type, price.vintage, price.market) for price in document.prices
        )
        for (_, _, _, market), count in counted.items():
            in_day = HOURS[day] * 60 // minutes[market]
            if document.source == "ercot-rt15-spp":
                assert count == 1
            elif not document.name.startswith("lmp_5min"):
                assert count == in_day, document.name
    assert len(ercot.slots(3, "np6-905-cd", day)) == HOURS[day] * 4


@DAYS
def test_intervals_of_a_location_follow_each_other_without_gap_or_overlap(day: date) -> None:
    spans: dict[tuple[str, ...], set[tuple[datetime, datetime]]] = {}
    for document in day_documents(3, day, sced=False):
        for price in document.prices:
            key = (price.iso, price.market, price.location, price.location_type, price.vintage, document.name[:8])
            spans.setdefault(key[:5], set()).add((price.start, price.end))
    for found in spans.values():
        ordered = sorted(found)
        assert all(before[1] == after[0] for before, after in itertools.pairwise(ordered))


def test_equal_seeds_give_equal_bytes_and_other_seeds_other_prices() -> None:
    one, same, other = ([d.content for d in day_documents(seed, AUTUMN, sced=False)] for seed in (5, 5, 6))
    assert one == same
    assert sum(a == b for a, b in zip(one, other, strict=True)) == 0


@DAYS
def test_components_add_up_to_the_price_in_every_document(day: date) -> None:
    checked = 0
    for document in day_documents(3, day, sced=False):
        for price in document.prices:
            if price.energy is not None:
                parts = (price.energy, price.congestion, price.loss, price.ghg)
                assert sum((part for part in parts if part is not None), Decimal()) == price.lmp
                checked += 1
    assert checked > 5_000


#: Documents of numbers alone: what they are of stands in names of columns and keys, which are the operator's.
NAMELESS = (
    "isolf", "hourlysysload", "fiveminutesystemload", "hourlyloadforecast", "daasreservedata", "fiveminutercp",
)  # fmt: skip


def test_who_opens_a_document_sees_that_it_is_simulated() -> None:
    for document in day_documents(3, PLAIN, sced=True):
        for name, text in texts(document):
            if not any(stem in document.name for stem in NAMELESS):
                assert "SIM" in name + text[:3000], document.name


@DAYS
def test_ercots_postings_say_each_price_under_its_hour_and_flag(day: date) -> None:
    documents = [d for d in day_documents(3, day) if d.source in ("ercot-dam-spp", "ercot-rt15-spp", "ercot-sced-lmp")]
    for document in documents:
        ((_, text),) = texts(document)
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len(rows) == len(document.prices)
        for row, price in zip(rows, document.prices, strict=True):
            assert Decimal(row.get("SettlementPointPrice") or row["LMP"]) == price.lmp
            assert _ercot_start(row) == price.start
    flags = Counter("DSTFlag" in text and ",Y\n" in text for d in documents for _, text in texts(d))
    assert flags[True] == (5 if day == AUTUMN else 0)  # one day-ahead document, four quarter hours


def _ercot_start(row: dict[str, str]) -> datetime:
    """Start of the interval, from ERCOT's words: hour ending, quarter, flag of the second 01:xx hour."""
    fold = int((row.get("DSTFlag") or row["RepeatedHourFlag"]) == "Y")
    if "SCEDTimestamp" in row:
        local = datetime.strptime(row["SCEDTimestamp"] + "Z", "%m/%d/%Y %H:%M:%S%z")
    else:
        hour = int((row.get("HourEnding") or row["DeliveryHour"]).split(":")[0]) - 1
        minute = (int(row.get("DeliveryInterval", 1)) - 1) * 15
        local = datetime.strptime(row["DeliveryDate"] + "Z", "%m/%d/%Y%z").replace(hour=hour, minute=minute)
    return local.replace(tzinfo=CENTRAL, fold=fold).astimezone(UTC)


def test_a_posting_of_the_repeated_hour_is_told_by_its_name() -> None:
    names = [ercot.posting_name(12301, "SPP", slot) for slot in ercot.slots(3, "np6-905-cd", AUTUMN)]
    assert len(set(names)) == 100
    assert [name[-3:] for name in names].count("xhr") == 4


def test_a_page_of_the_public_api_holds_the_postings_as_arrays() -> None:
    pages = [ercot.api_page(3, "np6-905-cd", AUTUMN, number, 300) for number in (1, 2)]
    bodies = [json.loads(page.content) for page in pages]
    assert [len(body["data"]) for body in bodies] == [300, 200]
    assert sum(row[-1] for body in bodies for row in body["data"]) == 4 * len(ercot.POINTS)
    prices = [price for page in pages for price in page.prices]
    assert [Decimal(str(row[5])) for body in bodies for row in body["data"]] == [price.lmp for price in prices]


def test_a_correction_names_the_price_before_and_after() -> None:
    made = ercot.correction(3, "RT15", AUTUMN, [2], datetime(2025, 11, 5, 16, tzinfo=UTC))
    ((_, text),) = texts(made)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 4 * len(ercot.POINTS) and {row["DSTFlag"] for row in rows} == {"Y"}
    assert all(Decimal(r["SPPCorrected"]) - Decimal(r["SPPOriginal"]) == Decimal("0.25") for r in rows)


@DAYS
def test_nyisos_files_keep_the_order_of_the_clock_and_its_sign_of_congestion(day: date) -> None:
    for stem in ("damlbmp_zone", "realtime_zone"):
        made = nyiso.daily(3, stem, day)
        rows = list(csv.reader(io.StringIO(made.content.decode())))[1:]
        for row, price in zip(rows, made.prices, strict=True):
            lbmp, losses, congestion = map(Decimal, row[3:])
            assert lbmp == price.lmp == price.energy + losses - congestion
        stamps = list(dict.fromkeys((price.start, row[0]) for row, price in zip(rows, made.prices, strict=True)))
        repeated = [stamp for _, stamp in stamps]
        assert len(repeated) - len(set(repeated)) == {AUTUMN: 1 if stem == "damlbmp_zone" else 12}.get(day, 0)


def test_a_month_of_nyiso_holds_its_days() -> None:
    month = nyiso.monthly(3, "rtlbmp_zone", AUTUMN)
    files = dict(texts(month))
    assert month.name == "20251101rtlbmp_zone_csv.zip" and len(files) == 30
    assert files["20251102rtlbmp_zone.csv"] == nyiso.daily(3, "rtlbmp_zone", AUTUMN).content.decode()


@DAYS
def test_oasis_counts_operating_hours_from_1_to_the_last_one_of_the_day(day: date) -> None:
    for query in caiso.QUERIES:
        ((_, text),) = texts(caiso.day_answer(3, query, day))
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["OPR_DT"] for row in rows} == {day.isoformat()}
        assert {int(row["OPR_HR"]) for row in rows} == set(range(1, HOURS[day] + 1))
        assert set(Counter(row["LMP_TYPE"] for row in rows).values()) == {len(rows) // 5}


@DAYS
def test_iso_ne_names_hours_by_the_clock_at_their_end(day: date) -> None:
    rows = list(csv.reader(io.StringIO(isone.public_csv(3, "dam", day).content.decode())))
    labels = list(dict.fromkeys(row[2] for row in rows if row[0] == "D"))
    assert len(labels) == HOURS[day] and labels[-1] == "24"
    expected = {SPRING: ["01", "03", "04"], AUTUMN: ["01", "02", "02X"], PLAIN: ["01", "02", "03"]}
    assert labels[:3] == expected[day]
    assert rows[-1] == ["T", f"{sum(row[0] == 'D' for row in rows)} lines"]


def test_a_single_price_of_the_web_services_is_no_list_and_none_is_a_text() -> None:
    def body(**other: str | datetime) -> object:
        return json.loads(isone.web_service(3, "dam", PLAIN, location="94000", **other).content)["HourlyLmps"]

    one = body(until=datetime(2025, 7, 1, 5, tzinfo=UTC))
    assert isinstance(one, dict) and one["HourlyLmp"]["BeginDate"] == "2025-07-01T00:00:00.000-04:00"
    assert body(until=datetime(2025, 7, 1, 4, tzinfo=UTC)) == ""


def test_todays_file_of_nyiso_only_grows_and_forecasts_are_marked() -> None:
    now = datetime(2025, 7, 1, 15, 2, tzinfo=UTC)
    made = [nyiso.daily(3, "realtime_zone", PLAIN, now + timedelta(minutes=n)) for n in (0, 20)]
    posted = [[price for price in each.prices if price.vintage == "posted"] for each in made]
    ahead: list[Price] = [price for price in made[0].prices if price.vintage == "advisory"]
    assert posted[1][: len(posted[0])] == posted[0] and len(posted[1]) == len(posted[0]) + 4 * 4
    assert {price.end.minute % 15 for price in ahead} == {0} and min(price.end for price in ahead) > now


@pytest.mark.real_data
def test_layouts_are_those_of_recorded_documents(recorded: Path) -> None:
    known = recorded / "iso"
    for emil, name in {
        "np4-190-cd": "np4-190-cd_dam_spp_20260929_trim.csv",
        "np6-905-cd": "np6-905-cd_rt_spp_15min_20260929_1200_trim.csv",
        "np6-788-cd": "np6-788-cd_sced_lmp_20260929_1125_trim.csv",
        "np4-188-cd": "np4-188-cd_dam_mcpc_20260929_trim.csv",
        "np6-331-cd": "np6-331-cd_rt_mcpc_15min_20260929_1200.csv",
    }.items():
        ((_, text),) = texts(ercot.posting(3, emil, PLAIN))
        real = first_rows(known / "ercot" / name)
        made = list(csv.reader(io.StringIO(text)))
        assert made[0] == real[0]
        assert [_shape(cell) for cell in made[1]] == [_shape(cell) for cell in real[1]], name
    page = json.loads((known / "ercot/public_api/np6-905-cd_spp_node_zone_hub_page_20260928.json").read_text())
    made_page = json.loads(ercot.api_page(3, "np6-905-cd", PLAIN).content)
    assert [f["name"] for f in made_page["fields"]] == [f["name"] for f in page["fields"]]
    assert [type(cell) for cell in made_page["data"][0]] == [type(cell) for cell in page["data"][0]]
    for stem, name in {
        "damlbmp_zone": "20251102damlbmp_zone_trim3zones_DSTend.csv",
        "rtlbmp_zone": "20251102rtlbmp_zone_trim3zones_DSTend.csv",
        "realtime_zone": "20160218realtime_zone_partial.csv",
    }.items():
        real_lines = [line for line in (known / "nyiso" / name).read_text().splitlines() if line]
        made_lines = nyiso.daily(3, stem, AUTUMN).content.decode().splitlines()
        assert made_lines[0] == real_lines[0]
        assert len(made_lines[1].split(",")[0]) == len(real_lines[1].split(",")[0])
    ((_, text),) = texts(caiso.day_answer(3, "PRC_LMP", PLAIN))
    assert (
        text.splitlines()[0] == (known / "caiso/20260714_PRC_LMP_DAM_TH_SP15_excerpt5.csv").read_text().splitlines()[0]
    )


def _shape(cell: str) -> str:
    """Digits and letters stand for their kinds; the number of digits and of letters does not matter."""
    kinds = "".join("9" if c.isdigit() else "A" if c.isalpha() or c == "_" else c for c in cell.strip())
    while "99" in kinds or "AA" in kinds or "A9" in kinds or "9A" in kinds:
        for pair, one in (("99", "9"), ("AA", "A"), ("A9", "A"), ("9A", "A")):
            kinds = kinds.replace(pair, one)
    return (" " if cell.startswith(" ") else "") + kinds.lstrip("-")
