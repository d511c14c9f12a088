"""60-day disclosures: every layout that they have had, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import UnreadableFile
from tests.support.documents import zipped
from tests.support.ercot_disclosures import (
    DAM_2014,
    DAM_2021,
    DAM_2026,
    DAM_LOAD_2014,
    DAM_LOAD_2026,
    ESR_FIRST_DAYS,
    ESR_JULY_2026,
    ESR_MARCH_2026,
    SCED_2014,
    SCED_2025,
    SCED_LOAD_2014,
    SCED_LOAD_2025,
    SCED_LOAD_2026,
    dam_hour,
    land,
    run,
    text,
)
from tests.support.ercot_documents import read


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


def test_exact_numbers_are_rounded_to_six_decimals_and_that_is_said() -> None:
    hours = [
        dam_hour(hour, **{"Awarded Quantity": award}) for hour, award in enumerate(("1.0000005", "1.0000015", "2"), 1)
    ]
    document = land(text(DAM_2026, *hours))
    awards = [row["awarded_mw"] for row in document.rows("ercot_dam_esr_resources")]
    assert awards == [Decimal("1"), Decimal("1.000002"), Decimal("2")]
    assert document.dialect == {"documents": {"DAM resource data": 1}, "rounded_cells": 2}


def test_batteries_are_told_from_generators_row_by_row() -> None:
    rows = [dam_hour(1), dam_hour(1, kind="CCGT90", **{"Resource Name": "ATKINS_7"}), dam_hour(2)]
    document = land(text(DAM_2026, *rows))
    assert [(row["resource_name"], row["line"]) for row in document.rows("ercot_dam_gen_resources")] == [
        ("ATKINS_7", 3)
    ]
    assert [row["line"] for row in document.rows("ercot_dam_esr_resources")] == [2, 4]


def test_a_member_that_changed_is_refused_by_name_and_the_others_land() -> None:
    renamed = [name.replace("Awarded Quantity", "Awarded Quantity MW") for name in DAM_2026]
    archive = {
        "60d_DAM_Gen_Resource_Data-04-FEB-26.csv": text(renamed, dam_hour(1)),
        "60d_DAM_ESR_Data-04-FEB-26.csv": text(DAM_2026, dam_hour(1)),
        "60d_DAM_EnergyBids-04-FEB-26.csv": "Delivery Date,Hour Ending,Settlement Point,QSE Name,Energy Only Bid MW1\n",
        "readme.txt": "hello\n",
    }
    document = land(zipped(archive), "day.zip")
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
        (zipped({}), "the archive is empty"),
        (
            zipped({"a.csv": "x,NSPNM\n", "b.csv": "HDL Original\n"}),
            "a.csv holds ancillary services .*b.csv holds manual",
        ),
        (zipped({"a.csv": text(DAM_2026, dam_hour(1))})[:-40], "damaged"),
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


@pytest.mark.parametrize(
    ("cell", "column"),
    [({"Telemetered Net Output": "1e7"}, "telemetered_net_output_mw"), ({"State of Charge": "-1000001"}, "soc_mwh")],
)
def test_power_and_energy_that_no_resource_has_are_quarantined_with_their_row(
    cell: dict[str, object], column: str
) -> None:
    most = {"Telemetered Net Output": "1000000", "State of Charge": "-1000000"}
    document = land(text(ESR_JULY_2026, run(**cell), run("07/08/2026 00:05:21", **most)))
    (row,) = document.rows("ercot_sced_esr_resources")
    assert (row["telemetered_net_output_mw"], row["soc_mwh"], row["line"]) == (1e6, -1e6, 3)
    ((line, field, reason),) = document.refused
    assert (line, field) == (2, column) and ("above 1e+06" in reason or "below -1e+06" in reason)


def test_refusals_of_two_members_stay_apart() -> None:
    content = text(DAM_2026, dam_hour("x"))
    document = land(zipped({"a.csv": content, "b.csv": content}), "day.zip")
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
    assert document.rows_read == sum(line.strip(b"\r") != b"" for line in bytes(broken).split(b"\n"))
