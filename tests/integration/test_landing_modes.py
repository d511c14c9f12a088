"""Three doors over one kernel: a source lands in its contract's mode, and a replay gives the same rows and offsets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from lakehouse.archive import open_archive
from lakehouse.catalog import open_catalog
from lakehouse.contract import Contract
from lakehouse.errors import ContractViolation, TerminalError, WrongUsage
from lakehouse.landing.documents import LocalDocument, land_documents
from lakehouse.landing.files import land_files
from lakehouse.landing.outcome import LandReport
from lakehouse.landing.replay import replay
from lakehouse.landing.stream import land_batch, landed_offset
from lakehouse.ops import RUNS, SLICES, Ops
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry
from tests.support.probe import EPOCH, LEVELS, PLANS, PROBES, SAMPLES, ProbeSource, batch, write

Plan = list[tuple[str, int, float]]


def plan(settings: Settings, *paths: Path) -> LandReport:
    return land_files(settings, PROBES, "plan", paths, LandOptions())


def rows(settings: Settings, contract: Contract) -> list[dict[str, Any]]:
    table = open_catalog(settings).load_table(("raw", contract.name))
    return sorted(table.scan().to_arrow().to_pylist(), key=str)


def plans(settings: Settings) -> Plan:
    return sorted(
        (row["area"], int((row["interval_start"] - EPOCH).total_seconds() // 60), row["planned_mw"])
        for row in rows(settings, PLANS)
    )


def powers(settings: Settings) -> list[tuple[str, int, float]]:
    return sorted(
        (row["probe"], int((row["ts"] - EPOCH).total_seconds()), row["power_w"]) for row in rows(settings, SAMPLES)
    )


def assert_replay_is_equal(settings: Settings) -> None:
    report = replay(settings, PROBES, dry_run=True)
    assert {table.table: table.outcome for table in report.tables if table.outcome != "equal"} == {}


def test_a_source_of_slices_replaces_each_whole_and_the_statement_received_last_holds(
    settings: Settings, tmp_path: Path
) -> None:
    hours = ("a", 0, 120)
    first = write(tmp_path / "first.json", [("a", 0, 1), ("a", 60, 1)], [hours])
    second = write(tmp_path / "second.json", [("a", 60, 2), ("b", 0, 2)], [hours, ("b", 0, 60)])
    plan(settings, first)
    assert plans(settings) == [("a", 0, 1), ("a", 60, 1)]
    report = plan(settings, second)
    assert (plans(settings), report.superseded) == ([("a", 60, 2), ("b", 0, 2)], 1)
    # The first statement is made anew: it was received last, though its bytes have landed before.
    plan(settings, first)
    assert plans(settings) == [("a", 0, 1), ("a", 60, 1), ("b", 0, 2)]
    assert_replay_is_equal(settings)
    snapshot = open_catalog(settings).load_table(("raw", PLANS.name)).metadata_location
    again = plan(settings, first)
    assert again.files[0].counts.equal == 2
    assert open_catalog(settings).load_table(("raw", PLANS.name)).metadata_location == snapshot


def test_of_one_landing_the_later_file_holds_where_slices_overlap_and_one_without_rows_empties_its_slice(
    settings: Settings, tmp_path: Path
) -> None:
    early = write(tmp_path / "1.json", [("a", 0, 1), ("a", 60, 1), ("b", 0, 1)], [("a", 0, 120), ("b", 0, 60)])
    late = write(tmp_path / "2.json", [("a", 120, 2)], [("a", 60, 180)])
    empty = write(tmp_path / "3.json", [], [("b", 0, 60)])
    plan(settings, early, late, empty)
    assert plans(settings) == [("a", 0, 1), ("a", 120, 2)]
    assert_replay_is_equal(settings)


def test_rows_of_slices_need_the_slice_and_observations_take_none(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ContractViolation, match="without the slice that they replace"):
        plan(settings, write(tmp_path / "unstated.json", [("a", 0, 1)]))
    with pytest.raises(ContractViolation, match="1 rows for probe_plans lie outside the slice"):
        plan(settings, write(tmp_path / "outside.json", [("a", 60, 1)], [("a", 0, 60)]))
    stated = write(tmp_path / "stated.json", [("a", 0, 1)], [("a", 0, 60)])
    with pytest.raises(ContractViolation, match="a slice of a table in another mode"):
        land_files(settings, PROBES, "probe", [stated], LandOptions())
    assert plan(settings, stated).ok
    assert plans(settings) == [("a", 0, 1)]
    assert_replay_is_equal(settings)


def test_documents_land_with_the_origin_of_each(settings: Settings, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [("a", 0, 1)], [("a", 0, 60)])
    documents = [LocalDocument(path, {"url": "https://example.org/a"}), LocalDocument(tmp_path / "gone.json")]
    report = land_documents(settings, PROBES, "plan", documents, LandOptions())
    assert [outcome.status for outcome in report.files] == ["landed", "refused"]
    (receipt,) = open_archive(settings).receipts()
    assert (receipt.origin, receipt.outcome) == ({"url": "https://example.org/a"}, "landed")


def test_batches_land_once_with_their_offset_and_what_breaks_the_contract_is_kept(settings: Settings) -> None:
    report = land_batch(settings, PROBES, SAMPLES, batch([("p", 0, 5), ("p", 1, 2000), ("p", 2, 7)]), "s", (100, 0))
    assert (report.rows, report.quarantined, report.offset) == (2, 1, (100, 0))
    land_batch(settings, PROBES, SAMPLES, batch([("p", 3, 8)]), "s", (100, 1))
    for stale in ((100, 1), (100, 0), (99, 9)):
        with pytest.raises(ContractViolation, match=r"has landed up to \[100, 1\]"):
            land_batch(settings, PROBES, SAMPLES, batch([("p", 3, 8)]), "s", stale)
    land_batch(settings, PROBES, SAMPLES, batch([("q", 0, 1)]), "r", (1,))
    land_batch(settings, PROBES, SAMPLES, batch([]), "s", (200, 0))  # a second without a sample
    assert powers(settings) == [("p", 0, 5), ("p", 2, 7), ("p", 3, 8), ("q", 0, 1)]
    assert landed_offset(settings, SAMPLES, "s") == (200, 0)
    assert landed_offset(settings, SAMPLES, "r") == (1,)
    assert landed_offset(settings, SAMPLES, "never") is None
    archive = open_archive(settings)
    first, *_ = archive.receipts()
    assert first.request == {"stream": "s", "table": "probe_samples", "offset": [100, 0], "simulated": False}
    archived = pa.ipc.open_stream(archive.get(first.sha256)).read_all()
    assert archived.column("power_w").to_pylist() == [5, 2000, 7]
    (refused,) = open_catalog(settings).load_table(("raw", "quarantine")).scan().to_arrow().to_pylist()
    assert (refused["source"], refused["source_object"], refused["line"]) == ("s", first.sha256, 2)
    assert refused["reason"] == "power_w is above 1000"
    found = {
        (row["ts"] - EPOCH).total_seconds(): (row["source_object"], row["line"]) for row in rows(settings, SAMPLES)
    }
    assert found[2] == (first.sha256, 3)
    ops = Ops(settings)
    statuses = [status for (status,) in ops.query(sa.select(RUNS.c.status).order_by(RUNS.c.started_at))]
    assert statuses == ["done", "done", "failed", "failed", "failed", "done", "done"]
    landed = ops.query(sa.select(SLICES.c.source, SLICES.c.rows_new, SLICES.c.rows_quarantined))
    assert sorted(map(tuple, landed)) == [("r", 1, 0), ("s", 0, 0), ("s", 1, 0), ("s", 2, 1)]
    assert_replay_is_equal(settings)


def test_a_replay_gives_a_lost_stream_table_back_with_its_offsets(settings: Settings) -> None:
    for number in range(1, 4):
        land_batch(settings, PROBES, SAMPLES, batch([("p", number, number)]), "s", (number,))
    land_batch(settings, PROBES, SAMPLES, batch([("p", 9, 2000), ("q", 9, 1)]), "t", (7, 7))
    before = {contract: rows(settings, contract) for contract in PROBES.own if contract is SAMPLES}
    catalog = open_catalog(settings)
    catalog.load_table(("raw", SAMPLES.name)).delete("probe = 'p'")  # and the offsets with them: no commit of ours
    assert landed_offset(settings, SAMPLES, "s") is None
    (table,) = replay(settings, PROBES, tables=[SAMPLES.name]).tables
    assert (table.table, table.missing, table.surplus, table.outcome) == (SAMPLES.name, 3, 0, "replaced")
    catalog.drop_table(("raw", SAMPLES.name))
    catalog.drop_table(("raw", "quarantine"))
    outcomes = {table.table: table.outcome for table in replay(settings, PROBES).tables}
    assert (outcomes[SAMPLES.name], outcomes["quarantine"]) == ("replaced", "replaced")
    assert {contract: rows(settings, contract) for contract in before} == before
    assert (landed_offset(settings, SAMPLES, "s"), landed_offset(settings, SAMPLES, "t")) == ((3,), (7, 7))
    with pytest.raises(ContractViolation, match="is not ahead"):
        land_batch(settings, PROBES, SAMPLES, batch([("p", 3, 3)]), "s", (3,))
    assert_replay_is_equal(settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"power_w": pa.array(["x"])}, "power_w of a batch for raw.probe_samples is not of the type double"),
        ({"watts": pa.array([1.0])}, "watts unknown"),
    ],
)
def test_a_batch_of_other_columns_or_types_is_refused_before_anything_is_kept(
    settings: Settings, change: dict[str, pa.Array], said: str
) -> None:
    offered = batch([("p", 0, 1)])
    for name, values in change.items():
        offered = offered.drop_columns([name] if name in offered.column_names else []).append_column(name, values)
    with pytest.raises(ContractViolation, match=said):
        land_batch(settings, PROBES, SAMPLES, offered, "s", (1,))
    with pytest.raises(ContractViolation, match="ts missing"):
        land_batch(settings, PROBES, SAMPLES, batch([]).drop_columns("ts"), "s", (1,))
    assert not open_archive(settings).holds_receipts()


def test_only_batches_land_into_a_table_of_streams_and_streams_into_no_other(
    settings: Settings, tmp_path: Path
) -> None:
    registry = Registry({"files": ProbeSource("files", SAMPLES)})
    path = write(tmp_path / "a.json", [("a", 0, 1)])
    with pytest.raises(ContractViolation, match=r"raw.probe_samples is appended to by a stream, and source files"):
        land_files(settings, registry, "files", [path], LandOptions())
    with pytest.raises(ContractViolation, match=r"raw.probe_observations takes no batches"):
        land_batch(settings, PROBES, LEVELS, batch([]), "s", (1,))
    with pytest.raises(WrongUsage, match="is the name of a source"):
        land_batch(settings, PROBES, SAMPLES, batch([]), "plan", (1,))
    land_batch(settings, PROBES, SAMPLES, batch([("p", 0, 1)]), "s", (1,), simulated=True)
    with pytest.raises(TerminalError, match="holds simulated assets"):
        land_batch(settings, PROBES, SAMPLES, batch([("p", 0, 1)]), "s", (2,))


def test_a_replay_of_some_tables_takes_their_sources_and_leaves_the_others_alone(
    settings: Settings, tmp_path: Path
) -> None:
    land_files(settings, PROBES, "probe", [write(tmp_path / "a.json", [("a", 0, 1), ("a", 1, 2)])], LandOptions())
    plan(settings, write(tmp_path / "p.json", [("a", 0, 1)], [("a", 0, 60)]))
    catalog = open_catalog(settings)
    for contract in (LEVELS, PLANS):
        catalog.load_table(("raw", contract.name)).overwrite(contract.arrow_schema.empty_table())
    (table,) = replay(settings, PROBES, tables=[LEVELS.name]).tables
    assert (table.table, table.rows, table.missing, table.outcome) == (LEVELS.name, 2, 2, "replaced")
    assert rows(settings, PLANS) == []
    with pytest.raises(WrongUsage, match="there is no raw table nowhere"):
        replay(settings, PROBES, tables=["nowhere"])
    assert {table.outcome for table in replay(settings, PROBES).tables} == {"equal", "replaced"}
    assert plans(settings) == [("a", 0, 1)]
