"""60-day disclosures: every layout that they have had, days on which clocks change, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.iso.ercot import rows as rows_module
from lakehouse.errors import UnreadableFile
from tests.ercot_reading import Document, packed, read

HOUR = timedelta(hours=1)
CURVE = [f"QSE submitted Curve-{kind}{n}" for n in range(1, 11) for kind in ("MW", "Price")]
COSTS = ["Start Up Hot", "Start Up Inter", "Start Up Cold", "Min Gen Cost"]
ENERGY = ["HSL", "LSL", "Resource Status", "Awarded Quantity", "Settlement Point Name", "Energy Settlement Point Price"]
REGULATION = ["RegUp Awarded", "RegUp MCPC", "RegDown Awarded", "RegDown MCPC"]
NON_SPIN = ["NonSpin Awarded", "NonSpin MCPC"]
RRS_SPLIT = ["RRSPFR Awarded", "RRSFFR Awarded", "RRSUFR Awarded", "RRS MCPC"]
DAM_KEY = ["Delivery Date", "Hour Ending"]
WHO = ["Resource Name", "Resource Type"]
DAM_2014 = [*DAM_KEY, *WHO, *CURVE, *COSTS, *ENERGY, *REGULATION, "RRS Awarded", "RRS MCPC", *NON_SPIN]
DAM_2021 = [*DAM_KEY, "QSE", "DME", *WHO, *CURVE, *COSTS, *ENERGY, *REGULATION, *RRS_SPLIT, *NON_SPIN]
DAM_2026 = [*DAM_2021[:-2], "ECRSSD Awarded", "ECRS MCPC", *NON_SPIN]
DAM_LOAD_KEY = [
    *DAM_KEY, "Load Resource Name", "Max Power Consumption for Load Resource",
    "Low Power Consumption for Load Resource",
]  # fmt: skip
DAM_LOAD_2014 = [*DAM_LOAD_KEY, *REGULATION, "RRS Awarded", "RRS MCPC", *NON_SPIN]
DAM_LOAD_2026 = [
    *DAM_LOAD_KEY, *REGULATION, *RRS_SPLIT, "ECRSSD Awarded", "ECRSMD Awarded", "ECRS MCPC", *NON_SPIN,
]  # fmt: skip

RUN = ["SCED Time Stamp", "Repeated Hour Flag"]
STEPS = [f"SCED{step} Curve-{kind}{n}" for step in (1, 2) for n in range(1, 36) for kind in ("MW", "Price")]
OFFERS = [
    "Bid_Type", "Start Up Cold Offer", "Start Up Hot Offer", "Start Up Inter Offer", "Min Gen Cost",
    *(f"Submitted TPO-{kind}{n}" for n in range(1, 11) for kind in ("MW", "Price")), "Proxy Extension",
]  # fmt: skip
LIMITS_2014 = [
    "Output Schedule",
    "HSL",
    "HASL",
    "HDL",
    "LSL",
    "LASL",
    "LDL",
    "Telemetered Resource Status",
    "Base Point",
]
SCHEDULE = ["Ancillary Service REGUP", "Ancillary Service REGDN", "Ancillary Service RRS", "Ancillary Service NSRS"]
SCED_2014 = [*RUN, *WHO, *STEPS, *LIMITS_2014, "Telemetered Net Output ", *SCHEDULE, *OFFERS]
SCED_2025 = [
    *RUN, "QSE", "DME", *WHO, *STEPS, *LIMITS_2014, "Telemetered Net Output ", *SCHEDULE[:3],
    "Ancillary Service RRSFFR", "Ancillary Service NSRS", "Ancillary Service ECRS", *OFFERS,
]  # fmt: skip
LIMITS_2026 = [name for name in LIMITS_2014 if name not in ("HASL", "LASL")]
AWARDS = [f"AS Awards {name}" for name in ("NSPIN", "RRSFFR", "RRSPFR", "RRSUFR", "ECRS", "REGUP", "REGDN")]
SOC = ["State of Charge", "Minimum SOC", "Maximum SOC"]


def rtc_b(primary: str, fast: str, soc: Sequence[str]) -> list[str]:
    capability = [f"AS Capability {name}" for name in ("REGUP", "REGDN", "ECRS", "NSPIN", primary, fast)]
    return [
        *RUN, "QSE", "DME", *WHO, *STEPS, *LIMITS_2026, "Telemetered Net Output", "Ramp Rate Up", "Ramp Rate Down",
        *capability, *soc, *AWARDS, *OFFERS,
    ]  # fmt: skip


ESR_FIRST_DAYS = rtc_b("RRSPF", "RRSFF", ())
ESR_MARCH_2026 = rtc_b("RRSPF", "RRSFF", SOC)
ESR_JULY_2026 = rtc_b("RRSPFR", "RRSFFR", SOC)
SCED_LOAD_KEY = [
    *RUN, "Resource Name", "Telemetered Resource Status", "Max Power Consumption", "Low Power Consumption",
    "Real Power Consumption",
]  # fmt: skip
SCED_LOAD_2014 = [*SCED_LOAD_KEY, *(f"AS Responsibility for {name}" for name in ("RRS", "NonSpin", "RegUp", "RegDown"))]
BIDS = [f"SCED Bid to Buy Curve-{kind}{n}" for n in range(1, 11) for kind in ("MW", "Price")]
SCED_LOAD_2025 = [
    *RUN, "QSE", "DME", *SCED_LOAD_KEY[2:],
    *(f"AS Responsibility for {name}" for name in ("RRS", "RRSFFR", "NonSpin", "RegUp", "RegDown", "ECRS")), *BIDS,
    "HASL", "HDL", "LASL", "LDL", "Base Point",
]  # fmt: skip
SCED_LOAD_2026 = [
    *RUN, "QSE", "DME", *SCED_LOAD_KEY[2:], *AWARDS, *BIDS, "Self Provided RRSFFR", "Self Provided RRSUFR",
    "Self Provided ECRS", "Ramp Rate Up", "Ramp Rate Down",
    *(f"AS Capability {name}" for name in ("NSPIN", "ECRS", "REGUP", "REGDN", "RRSPFR", "RRSFFR", "RRSUFR")),
    "HDL", "LDL", "Base Point",
]  # fmt: skip


def text(header: Sequence[str], *rows: dict[str, object], quoted: bool = False) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[row.get(name.strip(), "") for name in header] for row in rows])
    return out.getvalue()


def dam_hour(hour: object, day: str = "12/06/2025", kind: str = "ESR", **more: object) -> dict[str, object]:
    return {
        "Delivery Date": day, "Hour Ending": hour, "Resource Name": "ALP_BESS_BESS1", "Resource Type": kind,
        "Settlement Point Name": "ALP_RN", "Energy Settlement Point Price": "42.93", **more,
    }  # fmt: skip


def run(stamp: str = "07/08/2026 00:00:21", flag: str = "N", kind: str = "ESR", **more: object) -> dict[str, object]:
    return {
        "SCED Time Stamp": stamp, "Repeated Hour Flag": flag, "Resource Name": "BATCAVE_ESR1", "Resource Type": kind,
        "Telemetered Net Output": "-.17", **more,
    }  # fmt: skip


def land(content: str | bytes, name: str = "document.csv") -> Document:
    return read("ercot-60d", content, name)


@pytest.mark.parametrize(
    ("header", "row", "table", "said"),
    [
        (DAM_2014, dam_hour(1, kind="HYDRO", **{"RRS Awarded": "1.5", "RRS MCPC": "3"}), "ercot_dam_gen_resources",
         {"rrs_awarded_mw": Decimal("1.5"), "rrspfr_awarded_mw": None, "qse": None}),
        (DAM_2021, dam_hour(1, kind="PWRSTR", QSE="Q", **{"RRSFFR Awarded": "2"}), "ercot_dam_gen_resources",
         {"rrsffr_awarded_mw": Decimal(2), "rrs_awarded_mw": None, "qse": "Q"}),
        (DAM_2026, dam_hour(1, **{"ECRSSD Awarded": ".17", "Awarded Quantity": "-9.9"}), "ercot_dam_esr_resources",
         {"ecrssd_awarded_mw": Decimal("0.17"), "awarded_mw": Decimal("-9.9"), "regup_awarded_mw": None}),
        (DAM_LOAD_2014, {"Delivery Date": "03/02/2014", "Hour Ending": 1, "Load Resource Name": "AI_LD2",
                         "RegDown MCPC": "33.75", "RRS Awarded": "1.5"}, "ercot_dam_load_resources",
         {"regdown_mcpc_usd_mw": Decimal("33.75"), "rrs_awarded_mw": Decimal("1.5")}),
        (DAM_LOAD_2026, {"Delivery Date": "07/09/2026", "Hour Ending": 1, "Load Resource Name": "AAPIPLNC_LD3",
                         "RRSUFR Awarded": "2.6", "ECRSMD Awarded": "0"}, "ercot_dam_load_resources",
         {"rrsufr_awarded_mw": Decimal("2.6"), "ecrsmd_awarded_mw": Decimal(0)}),
        (SCED_2014, run("03/02/2014 00:00:14", kind="HYDRO", HASL="28", **{"Ancillary Service NSRS": "4"}),
         "ercot_sced_gen_resources", {"hasl_mw": 28, "as_schedule_nspin_mw": 4, "telemetered_net_output_mw": -0.17}),
        (SCED_2025, run("02/09/2025 00:00:12", kind="PWRSTR", **{"Ancillary Service ECRS": "41"}),
         "ercot_sced_gen_resources", {"as_schedule_ecrs_mw": 41, "soc_mwh": None}),
        (ESR_FIRST_DAYS, run("12/06/2025 00:00:12", **{"AS Capability RRSPF": "120"}), "ercot_sced_esr_resources",
         {"as_capability_rrspfr_mw": 120, "soc_mwh": None}),
        (ESR_MARCH_2026, run("03/08/2026 00:00:19", **{"AS Capability RRSFF": "7", "State of Charge": "9.4"}),
         "ercot_sced_esr_resources", {"as_capability_rrsffr_mw": 7, "soc_mwh": 9.4}),
        (ESR_JULY_2026, run(**{"AS Capability RRSPFR": "7", "AS Awards REGDN": "NaN"}), "ercot_sced_esr_resources",
         {"as_capability_rrspfr_mw": 7, "as_award_regdn_mw": None}),
        (SCED_LOAD_2014, run("03/02/2014 00:00:14", **{"AS Responsibility for NonSpin": "3"}),
         "ercot_sced_load_resources", {"as_schedule_nspin_mw": 3, "base_point_mw": None}),
        (SCED_LOAD_2025, run(**{"AS Responsibility for ECRS": "2", "SCED Bid to Buy Curve-MW9": "5"}),
         "ercot_sced_load_resources", {"as_schedule_ecrs_mw": 2, "bid_curve_mw_9": 5, "self_provided_ecrs_mw": None}),
        (SCED_LOAD_2026, run(**{"Self Provided RRSUFR": "12.6", "AS Capability RRSUFR": "1"}),
         "ercot_sced_load_resources", {"self_provided_rrsufr_mw": 12.6, "as_capability_rrsufr_mw": 1}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("quoted", [False, True])
def test_every_layout_lands_in_its_table(
    header: list[str], row: dict[str, object], table: str, said: dict[str, object], quoted: bool
) -> None:
    document = land(text(header, row, quoted=quoted))
    assert not document.rejects and {name for name, pieces in document.tables.items()} == {table}
    (landed,) = document.rows(table)
    assert {name: landed[name] for name in said} == said


def test_numbers_of_columns_are_those_of_the_recorded_years() -> None:
    assert [len(header) for header in (DAM_2014, DAM_2026, SCED_2014, SCED_2025, ESR_JULY_2026)] == [
        42,
        48,
        184,
        188,
        198,
    ]


def test_blank_is_null_and_zero_is_zero() -> None:
    hours = [dam_hour(1, **{"Awarded Quantity": "0"}), dam_hour(2), dam_hour(3, **{"Awarded Quantity": "  "})]
    rows = land(text(DAM_2026, *hours)).rows("ercot_dam_esr_resources")
    assert [row["awarded_mw"] for row in rows] == [0, None, None]


def test_batteries_are_told_from_generators_row_by_row() -> None:
    rows = [dam_hour(1), dam_hour(1, kind="CCGT90", **{"Resource Name": "ATKINS_7"}), dam_hour(2)]
    document = land(text(DAM_2026, *rows))
    assert [(row["resource_name"], row["line"]) for row in document.rows("ercot_dam_gen_resources")] == [
        ("ATKINS_7", 3)
    ]
    assert [row["line"] for row in document.rows("ercot_dam_esr_resources")] == [2, 4]


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
    (inside,) = read("ercot-60d", packed({name: content}), "a.zip", received_at=received).rows(
        "ercot_dam_esr_resources"
    )
    assert (inside["published_at"], inside["published_basis"], inside["member"]) == (*expected, name)


def test_what_amends_a_day_is_a_later_statement_although_its_members_have_the_same_names() -> None:
    member = {"60d_ESR_Data_in_SCED-18-FEB-26.csv": text(ESR_MARCH_2026, run("12/20/2025 00:00:12"))}
    names = ("60_Day_SCED_Disclosure.zip", "60d_ESR_Data_in_SCED_02032026_thru_02182026_SUPPLEMENTAL.zip")
    first, second = (read("ercot-60d", packed(member), name).rows("ercot_sced_esr_resources")[0] for name in names)
    assert first["member"] == second["member"] and first["published_at"] < second["published_at"]


def test_a_bundle_states_each_day_when_that_was_posted() -> None:
    days = {
        f"7.ext.00013051.0000000000000000.{posted}.050149776.60_Day_DAM_Disclosure.zip": packed(
            {f"60d_DAM_ESR_Data-{name}.csv": text(DAM_2026, dam_hour(1, day))}
        )
        for posted, name, day in (("20260204", "04-FEB-26", "12/06/2025"), ("20260205", "05-FEB-26", "12/07/2025"))
    }
    bundle = read("ercot-60d", packed(days), "bundle.zip", published_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert [(row["operating_day"], row["published_at"]) for row in bundle.rows("ercot_dam_esr_resources")] == [
        (date(2025, 12, 6), datetime(2026, 2, 4, 11, 1, 49, tzinfo=UTC)),
        (date(2025, 12, 7), datetime(2026, 2, 5, 11, 1, 49, tzinfo=UTC)),
    ]


def test_a_member_that_changed_is_refused_by_name_and_the_others_land() -> None:
    renamed = [name.replace("Awarded Quantity", "Awarded Quantity MW") for name in DAM_2026]
    archive = {
        "60d_DAM_Gen_Resource_Data-04-FEB-26.csv": text(renamed, dam_hour(1)),
        "60d_DAM_ESR_Data-04-FEB-26.csv": text(DAM_2026, dam_hour(1)),
        "60d_DAM_EnergyBids-04-FEB-26.csv": "Delivery Date,Hour Ending,Settlement Point,QSE Name,Energy Only Bid MW1\n",
        "readme.txt": "hello\n",
    }
    document = land(packed(archive), "day.zip")
    assert document.landed == 1 and document.dialect == {
        "documents": {"DAM resource data": 1}, "left_out": {"60d_DAM_EnergyBids-04-FEB-26.csv": "energy bids"},
    }  # fmt: skip
    assert [(line, field) for line, field, _ in document.refused] == [
        (0, "60d_DAM_Gen_Resource_Data-04-FEB-26.csv"), (0, "readme.txt"),
    ]  # fmt: skip
    assert "unknown column 'Awarded Quantity MW'" in document.rejects[0]["reason"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (text([*DAM_2026, "New Column"], dam_hour(1)), "unknown column 'New Column'"),
        (text([name for name in DAM_2026 if name != "Awarded Quantity"], dam_hour(1)), "no column for awarded_mw"),
        (text([*ESR_JULY_2026, "AS Capability RRSPF"], run()), "as_capability_rrspfr_mw is stated by two columns"),
        ("SCED Timestamp,Repeated Hour Flag,Participant Name,Resource Name,HDL Original\n", "manual overrides"),
        ("Delivery Date,Price\n1,2\n", "no member of a 60-day disclosure"),
        ("\n\n", "empty"),
        (packed({}), "the archive is empty"),
        (
            packed({"a.csv": "x,NSPNM\n", "b.csv": "HDL Original\n"}),
            "a.csv holds ancillary services .*b.csv holds manual",
        ),
        (packed({"a.csv": text(DAM_2026, dam_hour(1))})[:-40], "damaged"),
    ],
)
def test_a_file_of_which_nothing_lands_is_refused_with_the_reason(content: str | bytes, what: str) -> None:
    with pytest.raises(UnreadableFile, match=what):
        land(content)


def test_a_member_without_rows_is_a_quiet_day() -> None:
    document = land(text(ESR_JULY_2026))
    assert document.landed == document.rows_read == 0 and not document.rejects


def test_a_row_with_a_broken_cell_is_quarantined_whole() -> None:
    rows = [run(), run(HSL="1O0"), run("07/08/2026 00:05:13", **{"Base Point": "1e3"}), run(HSL="1,5")]
    content = text(ESR_JULY_2026, *rows) + "short,row\n\n"
    document = land(content, "60d_ESR_Data_in_SCED-06-SEP-26.csv")
    assert [(row["line"], row["base_point_mw"]) for row in document.rows("ercot_sced_esr_resources")] == [
        (2, None),
        (4, 1000),
    ]
    assert [(line, field) for line, field, _ in document.refused] == [(3, "HSL"), (5, "HSL"), (6, "")]
    assert "'1O0'" in document.rejects[0]["reason"] and document.rejects[2]["raw_text"] == "short,row"


def test_refusals_of_two_members_stay_apart() -> None:
    content = text(DAM_2026, dam_hour("x"))
    document = land(packed({"a.csv": content, "b.csv": content}), "day.zip")
    assert [(line, field) for line, field, _ in document.refused] == [(2, "a.csv: hour"), (2, "b.csv: hour")]


cells = st.one_of(
    st.just(""),
    st.decimals(-9999, 9999, places=3, allow_nan=False).map(str),
    st.sampled_from([".17", "-.6", "0", "1e2"]),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(cells, cells, st.sampled_from(["A_1", " B ", "C,D", 'E"F'])), min_size=1, max_size=8))
def test_the_quick_and_the_careful_reading_agree(drawn: list[tuple[str, str, str]]) -> None:
    rows = [
        dam_hour(hour, **{"Awarded Quantity": award, "HSL": limit, "Resource Name": name})
        for hour, (award, limit, name) in enumerate(drawn, 1)
    ]
    plain, careful = text(DAM_2026, *rows), text(DAM_2026, *rows, dam_hour(24, HSL="x"))
    own = {"source_object"}
    said = [
        [{k: v for k, v in row.items() if k not in own} for row in land(content).rows("ercot_dam_esr_resources")]
        for content in (plain, careful, text(DAM_2026, *rows, quoted=True))
    ]
    assert said[0] == said[1] == said[2]
    expected = [None if award == "" else Decimal(award) for award, _, _ in drawn]
    assert [row["awarded_mw"] for row in said[0]] == expected
    assert [row["resource_name"] for row in said[0]] == [name.strip() for _, _, name in drawn]


SAMPLES = [
    text(DAM_2026, *(dam_hour(hour, day) for day in ("12/06/2025", "11/01/2026") for hour in range(1, 26))).encode(),
    text(ESR_JULY_2026, *(run(f"07/08/2026 {hour:02}:00:21") for hour in range(24)), quoted=True).encode(),
    text(
        SCED_LOAD_2026, *(run(f"11/01/2026 01:{minute:02}:21", flag) for minute in range(9) for flag in "NY")
    ).encode(),
]
PIECES = [
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\x00",
    b"\xff",
    b"",
    b"NaN",
    b"-",
    b"e9",
    b"25",
    b"03/08/2026 02:10:10",
    b"1e400",
    b"inf",
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(PIECES), st.integers(0, 30)), min_size=1, max_size=3),
    st.sampled_from([1 << 20, 101]),
)
def test_whatever_happens_to_its_bytes_every_row_lands_or_is_quarantined(
    sample: bytes, changes: list[tuple[float, bytes, int]], block_bytes: int
) -> None:
    header = sample.index(b"\n") + 1
    broken = bytearray(sample[header:])
    for at, new, gone in changes:
        start = int(at * len(broken))
        broken[start : start + gone] = new
    document = read("ercot-60d", sample[:header] + bytes(broken), block_bytes=block_bytes)
    assert document.rows_read == document.landed + len(document.rejects) + document.rows_empty
    assert document.rows_read == sum(line not in (b"", b"\r") for line in bytes(broken).split(b"\n"))
