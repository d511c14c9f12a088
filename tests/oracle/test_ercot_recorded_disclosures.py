"""Recorded 60-day disclosures: dollars and energy of the landed rows, against figures known from elsewhere."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.ercot_documents import read

pytestmark = pytest.mark.real_data

DAM_SERVICES = {
    "regup_awarded_mw": "regup_mcpc_usd_mw", "regdown_awarded_mw": "regdown_mcpc_usd_mw",
    "rrspfr_awarded_mw": "rrs_mcpc_usd_mw", "rrsffr_awarded_mw": "rrs_mcpc_usd_mw",
    "rrsufr_awarded_mw": "rrs_mcpc_usd_mw", "ecrssd_awarded_mw": "ecrs_mcpc_usd_mw",
    "nonspin_awarded_mw": "nonspin_mcpc_usd_mw",
}  # fmt: skip
#: Energy and ancillary service dollars of 2025-12-06, to the cent, as another parser of the same file gives them.
GOLDEN = {
    "ALP_BESS": ("-24.56", "6730.30"), "ANDMDSLR_ESR1": ("-58.21", "1829.63"), "ANDMDSLR_ESR2": ("0", "5357.52"),
    "ANEM": ("0", "11790.63"), "ANG_SLR": ("0", "2069.86"), "ANOL": ("0", "5692.80"), "ANTL": ("702.53", "7127.65"),
    "AVIL": ("6067.31", "12220.68"), "ADL": ("0", "0"), "AE": ("0", "0"), "ALAMO": ("0", "0"), "ANGLETON": ("0", "0"),
    "BAY_CITY": ("0", "0"), "BEXAR": ("0", "0"),
}  # fmt: skip


@pytest.fixture(scope="module")
def ercot(recorded: Path) -> Path:
    return recorded / "iso/ercot"


def test_dollars_of_fourteen_batteries_come_out_to_the_cent(ercot: Path) -> None:
    document = read("ercot-60d", ercot / "60d_dam_np3-966-er/60d_DAM_ESR_Data_opday_20251206_14resources.csv")
    assert document.rows_read == document.landed == 336
    energy, services = defaultdict(Decimal), defaultdict(Decimal)
    for row in document.rows("ercot_dam_esr_resources"):
        energy[row["resource_name"]] += (row["awarded_mw"] or 0) * row["spp_usd_mwh"]
        for award, price in DAM_SERVICES.items():
            services[row["resource_name"]] += (row[award] or 0) * (row[price] or 0)
    cent = Decimal("0.01")
    found = {name: (energy[name].quantize(cent), services[name].quantize(cent)) for name in energy}
    assert len(found) == 14
    for prefix, dollars in GOLDEN.items():
        (name,) = [name for name in found if name.startswith(f"{prefix}_") or name == prefix]
        assert found.pop(name) == tuple(Decimal(text) for text in dollars), name
    assert not found


def steps(rows: list[dict[str, object]], column: str, longest_s: float) -> list[tuple[float, float]]:
    """(hours until the next run, value) of one battery, by the landed stamps."""
    ordered = sorted(rows, key=lambda row: row["sced_at"])
    return [
        (min((after["sced_at"] - row["sced_at"]).total_seconds(), longest_s) / 3600, row[column])
        for row, after in itertools.pairwise(ordered)
    ]


def test_forty_days_of_a_battery_give_its_energy_and_its_state_of_charge(ercot: Path) -> None:
    rows = [
        row
        for path in sorted((ercot / "batcave_esr1_sced_2026").glob("*.csv"))
        for row in read("ercot-sced-extract", path).rows("ercot_sced_esr_resources")
    ]
    rows.sort(key=lambda row: row["sced_at"])
    assert len(rows) == len({row["sced_at"] for row in rows}) == manifest_rows(ercot)
    power = steps(rows, "telemetered_net_output_mw", 900)
    assert sum(hours * mw for hours, mw in power if mw > 0) == pytest.approx(3119.3, abs=0.05)
    assert -sum(hours * mw for hours, mw in power if mw < 0) == pytest.approx(4363.6, abs=0.05)
    assert (rows[0]["soc_mwh"], rows[-1]["soc_mwh"]) == (49.126, pytest.approx(11.515, abs=0.0005))
    off = sorted(abs(row["telemetered_net_output_mw"] - row["base_point_mw"]) for row in rows)
    assert (off[len(off) // 2], sum(off) / len(off)) == (pytest.approx(0.77, abs=0.005), pytest.approx(3.9, abs=0.05))


def manifest_rows(ercot: Path) -> int:
    folder = ercot / "batcave_esr1_sced_2026"
    listed = json.loads((folder / "data_manifest.json").read_text())["files"]
    return sum(entry["row_count"] for entry in listed if (folder / entry["filtered_csv_filename"]).exists())


def test_runs_of_a_spring_day_jump_over_the_hour_that_does_not_exist(ercot: Path) -> None:
    path = ercot / "60d_sced_np3-965-er/60d_ESR_Data_in_SCED_opday_20260308_2resources_h00-h04_DSTstart.csv"
    rows = [
        row for row in read("ercot-60d", path).rows("ercot_sced_esr_resources") if row["resource_name"] == "ADL_ESR1"
    ]
    with path.open(newline="") as lines:
        next(lines)  # says where the rows come from
        plain = [row for row in csv.DictReader(lines) if row["Resource Name"] == "ADL_ESR1"]
    central = ZoneInfo("America/Chicago")
    assert [f"{row['sced_at'].astimezone(central):%m/%d/%Y %H:%M:%S}" for row in rows] == [
        row["SCED Time Stamp"] for row in plain
    ]
    gaps = {(after["sced_at"] - row["sced_at"]).total_seconds() for row, after in itertools.pairwise(rows)}
    assert max(gaps) < 1000
    for mine, theirs in (
        ("soc_mwh", "State of Charge"), ("as_award_rrspfr_mw", "AS Awards RRSPFR"), ("base_point_mw", "Base Point"),
        ("as_capability_rrspfr_mw", "AS Capability RRSPF"), ("hsl_mw", "HSL"), ("as_award_regup_mw", "AS Awards REGUP"),
    ):  # fmt: skip
        assert [row[mine] for row in rows] == [float(row[theirs]) if row[theirs] else None for row in plain], theirs


@pytest.mark.parametrize(
    ("path", "table", "lands"),
    [
        ("60d_dam_np3-966-er/60d_DAM_Gen_Resource_Data_opday_20140302_head3.csv", "ercot_dam_gen_resources", 3),
        ("60d_dam_np3-966-er/60d_DAM_Gen_Resource_Data_opday_20260709_head3.csv", "ercot_dam_gen_resources", 3),
        ("60d_sced_np3-965-er/60d_ESR_Data_in_SCED_opday_20260708_head3.csv", "ercot_sced_esr_resources", 3),
        ("60d_sced_np3-965-er/60d_SCED_Gen_Resource_Data_opday_20140302_head3.csv", "ercot_sced_gen_resources", 3),
        ("60d_sced_np3-965-er/60d_SCED_SMNE_GEN_RES_opday_20140302_head3.csv", "ercot_smne", 3),
    ],
)
def test_every_filled_cell_of_a_recorded_member_lands(ercot: Path, path: str, table: str, lands: int) -> None:
    document = read("ercot-60d", ercot / path)
    rows = document.rows(table)
    assert len(rows) == lands and not document.rejects
    with (ercot / path).open(newline="") as lines:
        plain = list(csv.reader(lines))[1:]
    stated = {"published_at", "published_basis", "is_simulated", "source_object", "member", "line"}
    # Times stand in two columns or three where one or two gave them; everything else is a cell for a cell.
    times = {"operating_day", "hour_ending", "interval_start", "interval_end", "sced_at", "is_repeated_hour"}
    for row, cells in zip(rows, plain, strict=True):
        kept = sorted(str(value) for name, value in row.items() if value is not None and name not in stated | times)
        given = [cell for cell in cells[2 if table != "ercot_smne" else 1 :] if cell != ""]
        assert len(kept) == len(given)
        numbers = sorted(float(cell) for cell in given if is_number(cell))
        assert sorted(float(value) for value in kept if is_number(value)) == numbers


def is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text) is not None


@pytest.mark.parametrize("member", ["HDL_LDL_ManOverride", "SCED_DSR_Load_Data", "SCED_EOC_Updates", "SCED_QSE_Self"])
def test_members_without_a_table_are_refused_by_what_they_hold(ercot: Path, member: str) -> None:
    (path,) = (ercot / "60d_sced_np3-965-er_pub_20250410_opday_20250209").glob(f"60d_{member}*.csv")
    with pytest.raises(UnreadableFile, match=r"nothing in the file is landed: .* holds "):
        read("ercot-60d", path)
