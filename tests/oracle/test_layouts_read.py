"""Every recorded file: recognised by content, every cell accounted for, the same again under another name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ingest.registry import registry
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile

pytestmark = pytest.mark.real_data


def read(path: Path, content: bytes | None = None, domain: str | None = None, **options: object) -> Parsed:
    """Parse a file, or other bytes under its name."""
    data = path.read_bytes() if content is None else content
    file = RawFile(hashlib.sha256(data).hexdigest(), path.resolve(), len(data), lambda: iter([data]))
    named = domain or ("bess" if "bess" in path.parts else "meter")
    (parsed,) = registry().sources[named].parse(file, LandOptions(**options))
    return parsed


def observed(parsed: Parsed) -> pa.Table:
    """The observations of a file, text as text."""
    table = next(table for name, table in parsed.tables.items() if name.endswith("_observations"))
    kinds = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
    return table.cast(pa.schema([f.with_type(kind) for f, kind in zip(table.schema, kinds, strict=True)]))


def rows(parsed: Parsed, asset: str, signal: str) -> list[dict[str, object]]:
    """Observations of one signal, in file order."""
    table = observed(parsed)
    mine = pc.and_(pc.equal(table["asset_id"], asset), pc.equal(table["signal"], signal))
    return table.filter(mine).to_pylist()


def signals(parsed: Parsed) -> dict[tuple[str, str], dict[str, object]]:
    """What is declared of every signal of a file."""
    return {(row["asset_id"], row["signal"]): row for row in parsed.tables["signals"].to_pylist()}


#: File → (layout, observations, refused, empty), counted from the files themselves (the tests of the layouts say how).
COUNTS = {
    "meter/lastgang_rlm_2024_15min.csv": ("lastgang", 35_136, 0, 0),
    "meter/fluvius_15min_totals.csv": ("fluvius", 13_638, 0, 2),
    "meter/dsmrreader_2024_hour.csv": ("dsmrreader", 8_754 * 5, 0, 0),
    "meter/p1mon/p1mon_hour.csv": ("p1mon_hour", (24_822 - 3) * 6, 3, 0),
    "meter/p1mon/p1mon_minute.csv": ("p1mon_minute", 43_980 * 8, 0, 0),
    "meter/shelly_em3/em_data_phaseA.csv": ("shelly_em3", 57_158 * 2, 0, 0),
    "meter/shelly_em3/em_data_phaseB.csv": ("shelly_em3", 64_791 * 2, 0, 0),
    "meter/shelly_em3/em_data_phaseC.csv": ("shelly_em3", 52_852 * 2, 0, 0),
    "meter/counters/homewizard_2022-09_15min_elec.csv": ("homewizard", 2_880 * 4, 0, 0),
    "meter/sma_tripower_5min_2025.csv": ("sma", 67_086, 0, 4_032 * 33 - 67_086),
    "meter/enphase_hour_report.csv": ("enphase", 16_296 * 4, 0, 0),
    "meter/enel_wide_15min_2024-09.csv": ("enel", 30 * 96, 0, 0),
    "meter/counters/energiemanager_elec_2025.csv": ("energiemanager", 36_001, 0, 0),
    "meter/counters/opsd_residential4_60min.csv": ("opsd", 101_583, 0, 11_867 * 9 - 101_583),
    "meter/mieterstrom_2025_hour_utc.csv": ("mieterstrom", 87_574, 0, 0),
    "meter/nem12/power-redacted.csv": ("nem12", 212 * 288, 0, 0),
    "meter/nem12/Example_NEM12_multiple_meters.csv": ("nem12", 12 * 96, 0, 0),
    "meter/nem12/Example_NEM12_month_solar.csv": ("nem12", 62 * 288, 0, 0),
    "meter/nem12/Example_NEM12_different_interval_length.csv": ("nem12", 48 + 48 + 144, 0, 0),
    "bess/sunsynk_home/grid_w.csv": ("reference_bess", 80_515, 0, 0),
    "bess/rack_bms/bess_data_task1_10s.csv": ("rack_bms", 4_915 * 42, 0, 0),
    "bess/cell_temp/average_temperature.csv": ("cell_temperature", 43_323, 0, 0),
    "bess/cell_temp/data_BESS_norm.csv": ("cell_temperature", 12_497 * 2, 0, 0),
    "bess/cell_temp/kokam_norm.csv": ("cell_temperature", 20_882 * 6, 0, 0),
    "bess/cell_temp/kokam_ground_truth.csv": ("cell_temperature", 20_882, 0, 0),
    "bess/givenergy/MeterData_2025-06-03.json": ("givenergy", 579 * 35, 0, 0),
    "bess/sunsynk_home_raw/2022_09_21_solar.txt": ("sunsynk_json", 288 * 5, 0, 0),
}


def options_for(name: str) -> dict[str, object]:
    return {"timezone": "Africa/Johannesburg"} if "sunsynk" in name else {}


@pytest.mark.parametrize("name", COUNTS)
def test_every_cell_of_a_recorded_file_is_landed_refused_or_empty(recorded: Path, name: str) -> None:
    layout, landed, refused, empty = COUNTS[name]
    parsed = read(recorded / name, **options_for(name))
    assert parsed.layout == layout
    assert (observed(parsed).num_rows, parsed.rejects.num_rows, parsed.rows_empty) == (landed, refused, empty)
    assert parsed.rows_read == landed + refused + empty


@pytest.mark.parametrize("name", COUNTS)
def test_a_renamed_copy_lands_the_same_rows(recorded: Path, name: str, tmp_path: Path) -> None:
    path = recorded / name
    domain = name.split("/")[0]
    given = options_for(name)
    asset = {} if COUNTS[name][0] in ("nem12", "mieterstrom") else {"asset": "x"}
    first = read(path, domain=domain, **given, **asset)
    renamed = tmp_path / "elsewhere" / f"copy{path.suffix}"
    second = read(renamed, path.read_bytes(), domain, **given, **asset)
    assert second.layout == first.layout
    assert observed(second).equals(observed(first))
    assert second.tables["signals"].equals(first.tables["signals"])


@pytest.mark.parametrize("name", COUNTS)
def test_parsing_twice_gives_equal_tables(recorded: Path, name: str) -> None:
    first, second = (read(recorded / name, **options_for(name)) for _ in range(2))
    assert first.tables == second.tables
    assert first.rejects.equals(second.rejects)
    assert (first.dialect, first.rows_read) == (second.dialect, second.rows_read)


@pytest.mark.parametrize("name", COUNTS)
def test_a_file_cut_in_the_middle_lands_its_whole_rows_or_says_why_not(recorded: Path, name: str) -> None:
    path = recorded / name
    content = path.read_bytes()
    cut = content[: len(content) // 2 + 7]
    whole = observed(read(path, **options_for(name)))
    try:
        parsed = read(path, cut, **options_for(name))
    except UnreadableFile as error:
        assert path.suffix in (".json", ".txt") and error.next_step
        return
    # The row at the cut may have lost digits, and the one before it what told its interval's length.
    last = cut.count(b"\n") - 1
    before = [table.filter(pc.less(table["line"], last)).drop("source_object") for table in (whole, observed(parsed))]
    assert before[0].equals(before[1])
    assert before[0].num_rows > 0


def test_a_price_file_is_reported_and_not_guessed_to_be_a_meter(recorded: Path) -> None:
    with pytest.raises(UnreadableFile, match="no known meter file") as error:
        read(recorded / "meter/smard_price_2024.csv")
    assert "layout" in error.value.next_step
    assert "Datum" not in error.value.message and "semicolons" in error.value.message


def test_every_recorded_toon_file_is_a_signal_of_one_asset(recorded: Path) -> None:
    files = sorted((recorded / "meter/toon").glob("*.csv"))
    assert len(files) == 16
    for path in files:
        parsed = read(path)
        lines = path.read_text().splitlines()
        assert list(signals(parsed)) == [("toon", path.stem)]
        table = observed(parsed)
        assert table.num_rows == len(lines) and parsed.rejects.num_rows == 0
        assert [str(value) for value in table["value"].to_pylist()[:3]] == [
            str(float(line.split(",")[1])) for line in lines[:3]
        ]
