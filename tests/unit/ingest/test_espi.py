"""Green Button feeds: what a number is stands in the codes and links of the feed, and instants are UTC."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lakehouse.errors import UnreadableFile
from lakehouse.source import Parsed
from tests.support.parsing import parse, refused, rows

NOON = 1_704_110_400  # 2024-01-01 12:00 UTC


def reading(start: int, value: object, duration: int | None = 3600, more: str = "") -> str:
    length = "" if duration is None else f"<duration>{duration}</duration>"
    period = f"<timePeriod>{length}<start>{start}</start></timePeriod>"
    return f"<IntervalReading>{more}{period}<value>{value}</value></IntervalReading>"


def entry(path: str, content: str, related: tuple[str, ...] = ()) -> str:
    """An Atom entry with links as utilities write them: to itself, to its collection, to what belongs to it."""
    up = path.rpartition("/")[0]
    links = "".join(f'<link rel="related" href="https://utility.example/espi{each}"/>' for each in related)
    return (
        f'<entry><id>urn:uuid:{abs(hash(path))}</id><link rel="self" href="https://utility.example/espi{path}"/>'
        f'<link rel="up" href="https://utility.example/espi{up}"/>{links}<content>{content}</content></entry>'
    )


def resource(name: str, **fields: object) -> str:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in fields.items())
    return f'<{name} xmlns="http://naesb.org/espi">{inner}</{name}>'


def block(*readings: str) -> str:
    return f'<IntervalBlock xmlns="http://naesb.org/espi">{"".join(readings)}</IntervalBlock>'


def feed(*entries: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">{"".join(entries)}</feed>'


def simple(*readings: str, **kind: object) -> Parsed:
    """A feed of one meter without links."""
    return parse(feed(f"<entry><content>{resource('ReadingType', **{'uom': 72, **kind})}</content></entry>",
                      f"<entry><content>{block(*readings)}</content></entry>"), "home.xml")  # fmt: skip


def landed(parsed: Parsed) -> dict[tuple[str, str, int], Decimal]:
    """asset, signal, start in hours from noon → exact value."""
    return {
        (row["asset_id"], row["signal"], int(row["ts"].timestamp() - NOON) // 3600): row["value_exact"]
        for row in rows(parsed)
    }


def signals(parsed: Parsed) -> dict[str, dict[str, object]]:
    return {row["signal"]: row for row in parsed.tables["signals"].to_pylist()}


@pytest.mark.parametrize(
    ("power", "value", "watt_hours"),
    [
        (-3, 1_500_000, "1500"),
        (0, 1500, "1500"),
        (3, 2, "2000"),
        (-6, 1, "0.000001"),
        (6, 1, "1000000"),
        (None, 7, "7"),
    ],
)
def test_a_value_is_multiplied_by_its_power_of_ten(power: int | None, value: int, watt_hours: str) -> None:
    said = {} if power is None else {"powerOfTenMultiplier": power}
    parsed = simple(reading(NOON, value), **said)
    assert landed(parsed) == {("home", "energy", 0): Decimal(watt_hours)}
    (row,) = rows(parsed)
    assert (str(row["ts"]), str(row["interval_end"])) == ("2024-01-01 12:00:00+00:00", "2024-01-01 13:00:00+00:00")
    assert signals(parsed)["energy"]["unit"] == "Wh" and row["line"] == 1


POINT = "/Customer/9/UsagePoint"


def home(number: str, meters: dict[str, tuple[dict[str, object], list[str]]], zone: str = "") -> list[str]:
    """The entries of a usage point with meters: their reading type, and their readings."""
    path = f"{POINT}/{number}"
    out = [entry(path, '<UsagePoint xmlns="http://naesb.org/espi"><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>',
                 (f"{path}/MeterReading", zone) if zone else (f"{path}/MeterReading",))]  # fmt: skip
    for meter, (kind, readings) in meters.items():
        mine = f"{path}/MeterReading/{meter}"
        kind_path = f"/ReadingType/{number}{meter}"
        out.append(entry(mine, resource("MeterReading"), (f"{mine}/IntervalBlock", kind_path)))
        out.append(entry(kind_path, resource("ReadingType", **kind)))
        out += [entry(f"{mine}/IntervalBlock/{at}", block(each)) for at, each in enumerate(readings)]
    return out


IMPORT = {"uom": 72, "flowDirection": 1, "accumulationBehaviour": 4, "kind": 12, "commodity": 1, "intervalLength": 3600}
EXPORT = {**IMPORT, "flowDirection": 19, "powerOfTenMultiplier": 3}
TWO_HOMES = [
    *home("01", {"1": (IMPORT, [reading(NOON, 100), reading(NOON + 3600, 200)]), "2": (EXPORT, [reading(NOON, 3)])}),
    *home("02", {"1": ({**IMPORT, "powerOfTenMultiplier": 3}, [reading(NOON, 5)])}),
]


@pytest.mark.parametrize("order", [1, -1, 3])
def test_links_tie_readings_to_types_and_usage_points_in_any_order_of_entries(order: int) -> None:
    entries = TWO_HOMES[::order] if order in (1, -1) else [*TWO_HOMES[1::2], *TWO_HOMES[::2]]
    parsed = parse(feed(*entries), "utility.xml")
    assert landed(parsed) == {
        ("utility-01", "forward_energy", 0): Decimal(100), ("utility-01", "forward_energy", 1): Decimal(200),
        ("utility-01", "reverse_energy", 0): Decimal(3000), ("utility-02", "forward_energy", 0): Decimal(5000),
    }  # fmt: skip
    assert {row["asset_id"]: row["native_id"] for row in parsed.tables["assets"].to_pylist()} == {
        "utility-01": "01", "utility-02": "02",
    }  # fmt: skip
    roles = {name: row["role"] for name, row in signals(parsed).items()}
    assert roles == {"forward_energy": "import_energy", "reverse_energy": "export_energy"}


def test_one_usage_point_is_named_after_the_file_and_several_take_no_one_name() -> None:
    one = parse(feed(*home("01", {"1": (IMPORT, [reading(NOON, 1)])})), "home.xml")
    (asset,) = one.tables["assets"].to_pylist()
    assert (asset["asset_id"], asset["native_id"]) == ("home", "01")
    with pytest.raises(UnreadableFile, match="names one asset"):
        parse(feed(*TWO_HOMES), "utility.xml", asset="x")
    assert rows(parse(feed(*TWO_HOMES[:6]), "utility.xml", asset="x"))[0]["asset_id"] == "x"


def test_prefixed_names_and_blanks_read_like_default_namespaces() -> None:
    plain = feed(*TWO_HOMES)
    prefixed = (
        plain.replace('<feed xmlns="http://www.w3.org/2005/Atom"', '<a:feed xmlns:a="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi"')
        .replace(' xmlns="http://naesb.org/espi"', "").replace("</feed>", "</a:feed>")
    )  # fmt: skip
    for name in ("entry", "link", "content", "id"):
        prefixed = (
            prefixed.replace(f"<{name} ", f"<a:{name} ")
            .replace(f"<{name}>", f"<a:{name}>")
            .replace(f"</{name}>", f"</a:{name}>")
        )
    for name in ("UsagePoint", "ServiceCategory", "MeterReading", "ReadingType", "IntervalBlock", "IntervalReading",
                 "timePeriod", "duration", "start", "value", *IMPORT, "powerOfTenMultiplier"):  # fmt: skip
        prefixed = prefixed.replace(f"<{name}>", f"\n  <e:{name}>\n").replace(f"</{name}>", f"\n</e:{name}>")
    assert landed(parse(prefixed, "utility.xml")) == landed(parse(plain, "utility.xml"))


@pytest.mark.parametrize(
    ("kind", "signal", "means", "unit", "starts"),
    [
        ({"uom": 38}, "power", "interval_mean", "W", 0),
        ({"uom": 38, "kind": 8, "dataQualifier": 8}, "power_max", "max", "W", 0),
        ({"uom": 38, "accumulationBehaviour": 12}, "power_sample", "instant", "W", 0),
        ({"uom": 38, "accumulationBehaviour": 6, "flowDirection": 1}, "forward_power_sample", "instant", "W", 0),
        ({"accumulationBehaviour": 1, "flowDirection": 1}, "forward_energy_register", "counter", "Wh", 1),
        ({"accumulationBehaviour": 3, "flowDirection": 19}, "reverse_energy_register", "counter", "Wh", 1),
        ({"accumulationBehaviour": 9, "tou": 2}, "energy_register_tou2", "counter", "Wh", 1),
        ({"flowDirection": 4}, "net_energy", "interval_energy", "Wh", 0),
        ({"uom": 42, "commodity": 7}, "gas_volume", "interval_energy", "m3", 0),
        ({"uom": 169, "commodity": 7, "flowDirection": 1}, "gas_forward_energy", "interval_energy", "therm", 0),
        ({"uom": 128, "commodity": 9}, "water_volume", "interval_energy", "US gal", 0),
        ({"uom": 73, "flowDirection": 1}, "forward_reactive_energy", "interval_energy", "VArh", 0),
        ({"uom": 29, "accumulationBehaviour": 12, "phase": 128}, "voltage_sample_phase128", "instant", "V", 0),
        ({"flowDirection": 1, "phase": 769}, "forward_energy", "interval_energy", "Wh", 0),
        ({"flowDirection": 1, "tou": 1}, "forward_energy_tou1", "interval_energy", "Wh", 0),
    ],
)  # fmt: skip
def test_the_codes_of_a_reading_type_say_what_its_readings_are(
    kind: dict[str, object], signal: str, means: str, unit: str, starts: int
) -> None:
    parsed = simple(reading(NOON, 12), **kind)
    assert [(name, row["kind"], row["unit"]) for name, row in signals(parsed).items()] == [(signal, means, unit)]
    (row,) = rows(parsed)
    assert (row["value"], int(row["ts"].timestamp() - NOON) // 3600) == (12.0, starts)
    assert (row["interval_end"] is not None) == means.startswith("interval")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ({"uom": 999}, "uom '999'"), ({"uom": ""}, "uom"), ({"powerOfTenMultiplier": 40}, "powerOfTenMultiplier"),
        ({"powerOfTenMultiplier": "x"}, "powerOfTenMultiplier"), ({"flowDirection": 7}, "flowDirection"),
        ({"commodity": 23}, "commodity"), ({"accumulationBehaviour": 13}, "accumulationBehaviour"),
        ({"uom": 38, "accumulationBehaviour": 3}, "accumulationBehaviour"), ({"dataQualifier": 8}, "dataQualifier"),
        ({"uom": 80}, "no IntervalReading of a signal"),
    ],
)  # fmt: skip
def test_a_code_that_is_not_known_is_refused_and_nothing_is_guessed(kind: dict[str, object], says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        simple(reading(NOON, 12), **kind)


def test_readings_of_several_types_without_links_are_refused_and_of_equal_types_are_not() -> None:
    types = [
        f"<entry><content>{resource('ReadingType', uom=72, powerOfTenMultiplier=n)}</content></entry>" for n in (0, 3)
    ]
    readings = f"<entry><content>{block(reading(NOON, 1))}</content></entry>"
    with pytest.raises(UnreadableFile, match="no link to one of several"):
        parse(feed(*types, readings))
    assert landed(parse(feed(types[0], types[0], readings), "a.xml")) == {("a", "energy", 0): Decimal(1)}


def test_days_billing_periods_and_coarser_copies_are_signals_of_their_own() -> None:
    """The same energy by hours, by quarter hours and by month is added up once only: a signal a length."""
    month = {**IMPORT, "intervalLength": 2_678_400}
    quarters = [reading(NOON + 900 * n, 25, 900) for n in range(4)]
    entries = home("01", {
        "1": (IMPORT, [reading(NOON, 100)]),
        "2": ({**IMPORT, "intervalLength": 900}, quarters),
        "3": (month, [reading(NOON, 9000, 2_678_400), reading(NOON + 2_678_400, 8000, 2_505_600)]),
        "4": (IMPORT, [reading(NOON, 700, 86_400), reading(NOON + 86_400, 600, 82_800)]),
    })  # fmt: skip
    found: dict[str, Decimal] = {}
    for row in rows(parse(feed(*entries), "home.xml")):
        found[row["signal"]] = found.get(row["signal"], Decimal(0)) + row["value_exact"]
    assert found == {
        "forward_energy": Decimal(100), "forward_energy_60min": Decimal(100), "forward_energy_billing": Decimal(17000),
        "forward_energy_daily": Decimal(1300),
    }  # fmt: skip


def test_qualities_are_statuses_and_estimates_are_marked() -> None:
    def quality(*codes: int) -> str:
        return "".join(f"<ReadingQuality><quality>{code}</quality></ReadingQuality>" for code in codes)

    parsed = simple(
        reading(NOON, 1, more=quality(17)), reading(NOON + 3600, 2, more=quality(19, 8)), reading(NOON + 7200, 3),
        defaultQuality=14,
    )  # fmt: skip
    assert [row["text"] for row in rows(parsed)] == ["17", "8", "14"]
    assert signals(parsed)["energy"]["estimated_statuses"] == "8|9|12"


AMERICA = {"dstEndRule": "B40E2000", "dstOffset": 3600, "dstStartRule": "360E2000", "tzOffset": -18000}


@pytest.mark.parametrize(
    ("zone", "calendar"),
    [
        (AMERICA, "America/New_York"), ({**AMERICA, "tzOffset": -28800}, "America/Los_Angeles"),
        ({**AMERICA, "dstOffset": 0, "tzOffset": -25200}, "Etc/GMT+7"), ({"tzOffset": 28800}, "Etc/GMT-8"),
        ({**AMERICA, "dstEndRule": "A4EE2000", "tzOffset": 3600}, "Europe/Berlin"), ({"tzOffset": 0}, "UTC"),
        ({"tzOffset": "x"}, "UTC"), ({}, "UTC"),
    ],
)  # fmt: skip
def test_local_time_parameters_name_the_calendar_and_shift_no_instant(zone: dict[str, object], calendar: str) -> None:
    entries = home("01", {"1": (IMPORT, [reading(NOON, 1)])}, "/LocalTimeParameters/1")
    if zone:
        entries.append(entry("/LocalTimeParameters/1", resource("LocalTimeParameters", **zone)))
    parsed = parse(feed(*entries))
    assert str(rows(parsed)[0]["ts"]) == "2024-01-01 12:00:00+00:00"
    assert parsed.tables["assets"]["time_zone"].to_pylist() == [calendar]
    said = parse(feed(*entries), site_timezone="America/Chicago")
    assert said.tables["assets"]["time_zone"].to_pylist() == ["America/Chicago"]


def test_what_a_feed_says_of_bills_and_customers_is_no_signal() -> None:
    more = [
        entry(f"{POINT}/01/UsageSummary/1", '<UsageSummary xmlns="http://naesb.org/espi"><overallConsumptionLastPeriod>'
              "<powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom><value>999</value>"
              "</overallConsumptionLastPeriod></UsageSummary>"),
        entry("/Customer/9", '<Customer xmlns="http://naesb.org/espi/customer"><name>A Person</name></Customer>'),
    ]  # fmt: skip
    parsed = parse(feed(*more, *home("01", {"1": (IMPORT, [reading(NOON, 1, more="<cost>75</cost>")])})), "home.xml")
    assert landed(parsed) == {("home", "forward_energy", 0): Decimal(1)} and not refused(parsed)


def test_a_document_without_a_feed_is_read_where_it_says_what_its_readings_are() -> None:
    nested = (
        '<UsagePoint xmlns="http://naesb.org/espi"><MeterReading><ReadingType><uom>72</uom></ReadingType>'
        f"<IntervalBlock>{reading(NOON, 8)}</IntervalBlock></MeterReading></UsagePoint>"
    )
    assert landed(parse(nested, "a.xml")) == {("a", "energy", 0): Decimal(8)}
    with pytest.raises(UnreadableFile, match="no ReadingType"):
        parse(block(reading(NOON, 8)), "a.xml")


def test_readings_without_times_follow_one_another_through_their_block() -> None:
    values = "".join(f"<IntervalReading><value>{value}</value></IntervalReading>" for value in (1, 2, 3))
    period = f"<interval><duration>{{}}</duration><start>{NOON}</start></interval>"
    kind = f"<entry><content>{resource('ReadingType', uom=72, intervalLength=3600)}</content></entry>"
    whole = feed(kind, f"<entry><content>{block(period.format(10800), values)}</content></entry>")
    assert landed(parse(whole, "a.xml")) == {("a", "energy", hour): Decimal(hour + 1) for hour in range(3)}
    with pytest.raises(UnreadableFile, match="no start"):
        parse(feed(kind, f"<entry><content>{block(period.format(14400), values)}</content></entry>"), "a.xml")


def test_a_broken_reading_costs_itself_and_no_other() -> None:
    parsed = simple(
        reading(NOON, 1), reading(NOON + 3600, "x"), reading(NOON + 7200, 3, 0), reading(NOON + 10800, 4, -1),
        "<IntervalReading><value>5</value></IntervalReading>", reading(NOON + 14400, ""), reading(NOON + 18000, 7),
    )  # fmt: skip
    assert [row["value"] for row in rows(parsed)] == [1.0, 7.0] and parsed.rows_empty == 1
    assert [line for line, _, _ in refused(parsed)] == [2, 3, 4, 5]
    assert "value x" in parsed.rejects["raw_text"].to_pylist()[0]


HOSTILE = {
    "an entity": '<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + feed(block(reading(NOON, "&x;"))),
    "entities in entities": '<!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    + feed(block(reading(NOON, "&b;"))),
    "a document type": "<!DOCTYPE feed SYSTEM 'http://example.invalid/x.dtd'>" + feed(block(reading(NOON, 1))),
    "cut off": feed(*TWO_HOMES)[:900],
    "nested deep": '<a xmlns="http://naesb.org/espi">' + "<b>" * 200_000,
    "no text": '<feed xmlns:e="http://naesb.org/espi"><e:IntervalBlock>\x00</e:IntervalBlock></feed>',
    "empty": '<feed xmlns="http://naesb.org/espi"/>',
    "another encoding that is none": "<?xml version='1.0' encoding='klingon'?>"
    + feed(block(reading(NOON, 1))).split("?>", 1)[1],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_xml_is_refused_with_a_next_step(what: str) -> None:
    with pytest.raises(UnreadableFile) as error:
        parse(HOSTILE[what], "x.xml")
    assert error.value.next_step and "passwd" not in error.value.message and len(error.value.message) < 400


@pytest.mark.parametrize("text", ["<html><body>Sign in</body></html>", "<a/>", "<", '<?xml version="1.0"?><x/>'])
def test_xml_that_is_no_green_button_is_no_known_file(text: str) -> None:
    with pytest.raises(UnreadableFile, match="no known meter file"):
        parse(text, "x.xml")
