"""The one writer: staged rows become one Iceberg commit per table, sorted, idempotent, with provenance.

The contract names one of three modes: `merge` unites observations with the stored ones by key, `replace` replaces whole
slices, `append` adds a stream's rows with its offset in the same commit.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from lakehouse.catalog import RAW, ensure_table
from lakehouse.contract import Contract, Slice, WriteMode
from lakehouse.engine import connect
from lakehouse.errors import ContractViolation, LostRace
from lakehouse.pins import TOUCHED, Touched, pack_touched, pin_of
from lakehouse.settings import Settings
from lakehouse.writing import append_only, rewrite
from lakehouse.writing.counts import ObjectCounts
from lakehouse.writing.data_files import commit, discard, month_of, order_of, touched_by, write_files
from lakehouse.writing.diff import Diff
from lakehouse.writing.staging import Staging

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

#: Attempts to redo a landing after another commit came first; 100 racing appends needed fewer than 20.
COMMIT_ATTEMPTS = 20
#: Snapshot property: stream → offset, JSON. Every commit carries all offsets, so the newest snapshot has each.
OFFSETS = "wattlake.offsets"


@dataclass(frozen=True)
class Landed:
    """The outcome of landing into one table.

    Args:
        table: table name.
        snapshot_id: the commit, or None if nothing changed.
        by_sequence: counts for every staged file.
        superseded: rows removed because the same bytes were read differently before.
        touched: keys and UTC days that changed.
    """

    table: str
    snapshot_id: int | None
    by_sequence: Mapping[int, ObjectCounts] = field(default_factory=dict)
    superseded: int = 0
    touched: Touched = field(default_factory=dict)


def merge(
    settings: Settings,
    catalog: Catalog,
    contract: Contract,
    staging: Staging,
    *,
    properties: Mapping[str, str],
    void: Mapping[str, Collection[str]] | None = None,
    namespace: str = RAW,
) -> Landed:
    """Unite staged rows with a table by key; landing the same rows again commits nothing.

    Args:
        settings: limits for DuckDB.
        catalog: where the table lives.
        contract: of the table; its mode must be 'merge'.
        staging: the rows.
        properties: provenance for the snapshot (run, source, raw hashes, code version).
        void: columns of key or provenance → values; a stored row with one of these values in each of the columns is
            removed unless it is staged again.
        namespace: of the table.

    Raises:
        ContractViolation: staged rows break the contract, or the contract narrows the table.
        LostRace: other writers won the race too often.
        TransientError: the catalog or the store did not answer.
    """
    _require(contract, "merge")
    if not staging.files(contract) and not void:
        return Landed(contract.name, None)
    table = ensure_table(catalog, contract, namespace)
    return _land(
        settings, table, contract, staging, properties, lambda diff: diff.merge(void or {}), may_only_add=not void,
    )  # fmt: skip


def replace(
    settings: Settings,
    catalog: Catalog,
    contract: Contract,
    staging: Staging,
    stated: Mapping[int, Sequence[Slice]],
    *,
    properties: Mapping[str, str],
    namespace: str = RAW,
) -> Landed:
    """Replace slices by staged rows; stating the same slices again commits nothing.

    Args:
        settings: limits for DuckDB.
        catalog: where the table lives.
        contract: of the table; its mode must be 'replace'.
        staging: the rows.
        stated: slices by sequence of the file that states them whole; where two overlap, the later file's holds.
        properties: provenance for the snapshot.
        namespace: of the table.

    Raises:
        ContractViolation: a row lies outside the slices of its file, or breaks the contract.
        LostRace: other writers won the race too often.
        TransientError: the catalog or the store did not answer.
    """
    _require(contract, "replace")
    table = ensure_table(catalog, contract, namespace)
    return _land(settings, table, contract, staging, properties, lambda diff: diff.replace(stated))


def append(
    settings: Settings,
    catalog: Catalog,
    contract: Contract,
    staging: Staging,
    stream: str,
    offset: Sequence[int],
    *,
    properties: Mapping[str, str],
    namespace: str = RAW,
) -> Landed:
    """Add a batch of a stream; its offset is in the same commit, so no batch lands twice.

    Args:
        settings: limits for DuckDB.
        catalog: where the table lives.
        contract: of the table; its mode must be 'append'.
        staging: the rows of the batch.
        stream: name of the stream.
        offset: position after the batch (a Redis id as its two numbers); compared number by number.
        properties: provenance for the snapshot.
        namespace: of the table.

    Raises:
        ContractViolation: the offset is not ahead of the one that has landed, or rows break the contract.
        LostRace: other writers won the race too often.
        TransientError: the catalog or the store did not answer.
    """
    _require(contract, "append")
    table = ensure_table(catalog, contract, namespace)

    def ahead(diff: Diff) -> None:
        refuse_not_ahead(stream, offset, offsets(diff.table).get(stream))
        diff.append()

    return _land(settings, table, contract, staging, properties, ahead, {stream: list(offset)})


def refuse_not_ahead(stream: str, offset: Sequence[int], landed: Sequence[int] | None) -> None:
    """Refuse a batch whose offset is not ahead of the landed one.

    Raises:
        ContractViolation: the offset is not ahead.
    """
    if landed is not None and list(offset) <= list(landed):
        raise ContractViolation(
            f"stream {stream} has landed up to {list(landed)}; a batch that ends at {list(offset)} is not ahead",
            "go on reading the stream after the landed offset",
        )


def offsets(table: Table) -> dict[str, list[int]]:
    """The offset up to which each stream has landed in a table."""
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        return {}
    found: dict[str, list[int]] = json.loads(snapshot.summary.additional_properties.get(OFFSETS, "{}"))
    return found


def landed_offsets(catalog: Catalog, contract: Contract, namespace: str = RAW) -> dict[str, list[int]]:
    """The offset up to which each stream has landed in a table; empty if the table does not exist."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        return offsets(catalog.load_table((namespace, contract.name)))
    except NoSuchTableError:
        return {}


def _require(contract: Contract, mode: WriteMode) -> None:
    if contract.mode != mode:
        raise ContractViolation(f"rows of table {contract.name} land in the mode {contract.mode}, not {mode}")


def _land(
    settings: Settings,
    table: Table,
    contract: Contract,
    staging: Staging,
    properties: Mapping[str, str],
    compare: Callable[[Diff], None],
    moved: Mapping[str, list[int]] | None = None,
    may_only_add: bool = False,
) -> Landed:
    """Compare, write and commit; if another commit came first, do it all again on the new head."""

    @retry(
        retry=retry_if_exception_type(LostRace),
        stop=stop_after_attempt(COMMIT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )
    def attempt() -> Landed:
        return _land_once(settings, table.refresh(), contract, staging, properties, compare, moved or {}, may_only_add)

    return attempt()


def _land_once(
    settings: Settings,
    table: Table,
    contract: Contract,
    staging: Staging,
    properties: Mapping[str, str],
    compare: Callable[[Diff], None],
    moved: Mapping[str, list[int]],
    may_only_add: bool,
) -> Landed:
    work = staging.folder / f"land-{contract.name}-{uuid.uuid4().hex[:8]}"
    work.mkdir()
    connection = connect(work / "land.duckdb", settings=settings, temporary=work / "spill")
    try:
        pieces = append_only.only_adding(connection, table, contract, staging) if may_only_add else None
        if pieces is not None:
            counts, superseded, doomed = append_only.counts(pieces), 0, []
            touched = append_only.touched_by(pieces)
            added = append_only.write_pieces(table, contract, pieces, settings.threads)
        else:
            diff = Diff(connection, table, contract, staging)
            if may_only_add and diff.adds_only():
                diff.append()
            else:
                compare(diff)
            counts, superseded = diff.counts(), diff.superseded()
            if not diff.changed() and not moved:
                return Landed(contract.name, None, counts)
            touched = touched_by(connection, contract)
            doomed = rewrite.files_to_rewrite(diff)
            added = rewrite.write(diff, doomed)
        stated = {**properties, TOUCHED: pack_touched(touched), OFFSETS: json.dumps({**offsets(table), **moved})}
        try:
            snapshot_id = commit(table, added, doomed, stated)
        except LostRace:
            discard(table, added)
            raise
        return Landed(contract.name, snapshot_id, counts, superseded, touched)
    finally:
        connection.close()


def replace_all(
    settings: Settings,
    table: Table,
    contract: Contract,
    *,
    replayed: Table,
    properties: Mapping[str, str],
    landed: Mapping[str, list[int]],
) -> int:
    """Replace all rows of a table by those of a shadow table, in one commit.

    Args:
        settings: limits for DuckDB.
        table: takes the rows.
        contract: of both.
        replayed: the shadow; it keeps its files.
        properties: provenance for the snapshot, with `wattlake.run`.
        landed: the offset of each stream that these rows reach.

    Returns:
        The snapshot's id.

    Raises:
        LostRace: another writer committed meanwhile.
    """
    folder = settings.temporary("replace", f"{properties['wattlake.run']}-{uuid.uuid4().hex[:6]}")
    connection = connect(folder / "replace.duckdb", settings=settings)
    try:
        connection.execute(f"CREATE TABLE winners AS {pin_of(replayed).select(contract)} ORDER BY {order_of(contract)}")
        connection.execute(f"CREATE VIEW gone AS {pin_of(table).select(contract)}")
        touched = touched_by(connection, contract)
        added = write_files(connection, table, month_of(contract), "winners", [c.name for c in contract.columns])
        removed = [task.file.file_path for task in table.scan().plan_files()]
        stated = {**properties, TOUCHED: pack_touched(touched), OFFSETS: json.dumps(landed)}
        try:
            return commit(table, added, removed, stated)
        except LostRace:
            discard(table, added)
            raise
    finally:
        connection.close()
        shutil.rmtree(folder)
