"""Two values for one instant in one file: the later line holds, the other one is kept, and both are told."""

from __future__ import annotations

import json
from pathlib import Path

from lakehouse.settings import Settings
from lakehouse.writing.contradictions import CONTRADICTED
from tests.support.device_files import write_signal
from tests.support.house import build, land_meter, query, replay

NOON, ONE = "2024-06-01 12:00:00", "2024-06-01 13:00:00"
LOST = "SELECT line, field, reason, raw_text FROM raw.quarantine ORDER BY line"
FINDINGS = (
    "SELECT severity, asset_id, signal, epoch(interval_start)::BIGINT, value, message FROM marts.quality_findings "
    "WHERE rule = 'contradiction' ORDER BY asset_id"
)


def test_the_loser_is_in_quarantine_and_equal_lines_are_no_contradiction(settings: Settings, tmp_path: Path) -> None:
    lines = [(NOON, 5), (NOON, "5.0"), (ONE, 1), (NOON, 7), (ONE, 1), (ONE, 2), (ONE, 1)]
    report = land_meter(settings, write_signal(tmp_path, "m1", "com_ap", lines), timezone="UTC")
    values = "SELECT ts::VARCHAR, value, line FROM raw.meter_observations ORDER BY 1"
    assert [row[1:] for row in query(settings, values)] == [(7.0, 5), (1.0, 8)]
    found = query(settings, LOST)
    assert [row[:3] for row in found] == [(line, "com_ap", CONTRADICTED) for line in (2, 3, 7)]
    assert json.loads(found[0][3]) == {
        "asset_id": "m1", "signal": "com_ap", "ts": "2024-06-01T12:00:00.000000Z", "says": "5.0", "value": 5.0,
        "holds": "7.0", "holds_line": 5,
    }  # fmt: skip
    assert report.files[0].rows_quarantined == 3
    assert query(settings, "SELECT rows_quarantined, conflicts FROM ops.slices") == [(3, 3)]
    assert {table.outcome for table in replay(settings, dry_run=True).tables} == {"equal"}


def test_lines_of_one_day_that_contradict_each_other_are_kept_instant_by_instant(
    settings: Settings, tmp_path: Path
) -> None:
    hours = ",".join(f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 15, 30, 45))
    folder = settings.root / "layouts"
    folder.mkdir(parents=True)
    (folder / "wide.toml").write_text(
        'name = "wide"\ndomain = "meter"\ndescription = "wide"\n[recognise]\nheader = ["day", "00:00"]\n'
        '[stamps]\ncolumns = ["day"]\nformat = "%Y-%m-%d"\ninterval_s = 900\ntimezone = "UTC"\n'
        '[shape]\nkind = "day_rows"\nsignal = "e"\nvalue_pattern = "(?P<start>[0-9:]+)"\n'
        '[[signal]]\nname = "e"\nkind = "interval_energy"\nunit = "kWh"\n'
    )
    path = tmp_path / "wide.csv"
    path.write_text(f"day,{hours}\n2024-06-01,{','.join(['1'] * 96)}\n2024-06-01,{','.join(['1'] * 94 + ['2'] * 2)}\n")
    land_meter(settings, path)
    found = [(line, field) for line, field, *_ in query(settings, LOST)]
    assert found == [(2, "e 2024-06-01T23:30:00.000000Z"), (2, "e 2024-06-01T23:45:00.000000Z")]


def test_a_contradiction_is_a_finding_with_both_values_also_where_the_value_stays(
    settings: Settings, tmp_path: Path
) -> None:
    land_meter(settings, write_signal(tmp_path / "a", "m1", "com_ap", [(NOON, 5), (NOON, 7)]), timezone="UTC")
    land_meter(settings, write_signal(tmp_path / "a", "m2", "com_ap", [(NOON, 3)]), timezone="UTC")
    build(settings)
    noon = 1717243200
    first = (
        "warning", "m1", "com_ap", noon, 5.0,
        "com_ap says 5.0 in line 2 of com_ap.csv and 7.0 in line 3, which holds, of 2024-06-01 12:00:00 UTC.",
    )  # fmt: skip
    assert query(settings, FINDINGS) == [first]
    # What holds has the value that had landed before.
    land_meter(settings, write_signal(tmp_path / "b", "m2", "com_ap", [(NOON, 4), (NOON, 3)]), timezone="UTC")
    assert build(settings).mode == "incremental"
    found = query(settings, FINDINGS)
    assert found[0] == first and found[1][:5] == ("warning", "m2", "com_ap", noon, 4.0)
    # Rows that are only refused change no mart.
    land_meter(settings, write_signal(tmp_path / "c", "m2", "com_ap", [(NOON, 3), (ONE, "x")]), timezone="UTC")
    assert query(settings, "SELECT count(*) FROM raw.quarantine") == [(3,)]
    assert not build(settings).built
