"""A batch of a stream: how it is archived, and how its rows and its offset become one commit.

The archive keeps the rows as they were handed in, as an Arrow stream; the receipt names the stream, the table and the
offset. Rows and offset commit first, together: a batch whose offset is in the table has landed, and the rest of its
work (refused rows, records) can be repeated from the archive.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa

from lakehouse import ops as ops_tables
from lakehouse.archive import Archive, Receipt
from lakehouse.catalog import RAW
from lakehouse.contract import QUARANTINE, Contract
from lakehouse.errors import ContractViolation, TerminalError
from lakehouse.ops import Ops, Run, canonical
from lakehouse.settings import Settings
from lakehouse.writing.staging import Staging
from lakehouse.writing.validate import check
from lakehouse.writing.writer import Landed, append, landed_offsets, merge

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

#: Columns that the kernel fills in where a contract has them: the batch's hash, and the row's number in it, from 1.
FILLED = ("source_object", "line")


@dataclass(frozen=True)
class Batch:
    """A batch, as its receipt describes it.

    Args:
        stream: name of the stream.
        table: name of the contract.
        offset: position of the stream after the batch.
        receipt: of the batch's bytes.
    """

    stream: str
    table: str
    offset: tuple[int, ...]
    receipt: Receipt


def batch_of(receipt: Receipt) -> Batch | None:
    """The batch of a receipt; None if the receipt is of a file or a document."""
    asked = receipt.request
    if "stream" not in asked:
        return None
    offset = asked["offset"]
    if not isinstance(offset, list):
        raise TerminalError(f"the receipt {receipt.id} of stream {asked['stream']} has no offset")
    return Batch(str(asked["stream"]), str(asked["table"]), tuple(map(int, offset)), receipt)


@dataclass
class StagedBatches:
    """Batches of one stream, staged together.

    Args:
        good: rows to append, by sequence.
        refused: rows for raw.quarantine, by sequence.
    """

    staging: Staging
    batches: list[Batch] = field(default_factory=list)
    good: dict[int, int] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)


def conform(contract: Contract, rows: pa.Table) -> pa.Table:
    """Rows of a batch in the contract's types, without the columns that the kernel fills in.

    Raises:
        ContractViolation: a column is unknown, a required one is missing, or a value does not fit its type.
    """
    wanted = [column for column in contract.columns if column.name not in FILLED]
    names = {column.name for column in wanted}
    unknown = sorted(set(rows.column_names) - names)
    missing = sorted(c.name for c in wanted if c.name not in rows.column_names and not c.nullable)
    step = f"a batch of raw.{contract.name} has the columns {', '.join(c.name for c in wanted)}"
    if unknown or missing:
        wrong = [f"{', '.join(unknown)} unknown" if unknown else "", f"{', '.join(missing)} missing" if missing else ""]
        raise ContractViolation(f"a batch for raw.{contract.name} has {'; '.join(filter(None, wrong))}", step)
    schema = contract.arrow_schema
    columns = {}
    for column in wanted:
        kind = schema.field(column.name).type
        try:
            columns[column.name] = (
                rows.column(column.name).cast(kind)
                if column.name in rows.column_names
                else pa.nulls(rows.num_rows, kind)
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ContractViolation(
                f"{column.name} of a batch for raw.{contract.name} is not of the type {column.type}: {error}", step
            ) from error
    return pa.table(columns)


def pack(rows: pa.Table) -> bytes:
    """A batch as the archive keeps it: an Arrow IPC stream."""
    sink = BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    return sink.getvalue()


def unpack(content: bytes) -> pa.Table:
    """The reverse of `pack`."""
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def stage(contract: Contract, batches: StagedBatches, sequence: int, batch: Batch, rows: pa.Table) -> None:
    """Check the rows of a batch against the contract and stage them.

    Args:
        contract: of the table.
        batches: takes the staged rows.
        sequence: place among the batches that are staged together.
        batch: whose rows they are.
        rows: as `conform` returns them.
    """
    count, sha256 = rows.num_rows, batch.receipt.sha256
    schema = contract.arrow_schema
    lines = pa.array(range(1, count + 1), pa.int64())
    filled = {"source_object": pa.array([sha256] * count, pa.string()), "line": lines}
    whole = pa.table({name: rows.column(name) if name not in FILLED else filled[name] for name in schema.names})
    good, refusals = check(contract, whole)
    batches.batches.append(batch)
    batches.good[sequence], batches.refused[sequence] = good.num_rows, len(refusals)
    batches.staging.add(contract, sequence, good)
    if refusals:
        refused = [
            {
                "source": batch.stream, "source_object": sha256, "file": batch.receipt.path,
                "line": lines[refusal.row].as_py(), "field": refusal.field, "reason": refusal.reason,
                "raw_text": refusal.raw_text,
            }
            for refusal in refusals
        ]  # fmt: skip
        batches.staging.add(QUARANTINE, sequence, pa.Table.from_pylist(refused, schema=QUARANTINE.arrow_schema))


def commit(
    settings: Settings, catalog: Catalog, contract: Contract, batches: StagedBatches, run_id: str, namespace: str = RAW
) -> Landed:
    """Append batches of one stream with the offset of the last one, then keep the refused rows; safe to repeat.

    Raises:
        LostRace: other writers won the race too often.
        TransientError: the catalog or the store did not answer.
    """
    last = batches.batches[-1]
    hashes = dict.fromkeys(batch.receipt.sha256 for batch in batches.batches)
    properties = {
        "wattlake.run": run_id,
        "wattlake.source": last.stream,
        "wattlake.objects": ",".join(hashes),
        "wattlake.code": version("wattlake"),
    }
    if has_landed(catalog, contract, last, namespace):
        landed = Landed(contract.name, None)
    else:
        landed = append(
            settings, catalog, contract, batches.staging, last.stream, last.offset,
            properties=properties, namespace=namespace,
        )  # fmt: skip
    merge(settings, catalog, QUARANTINE, batches.staging, properties=properties, namespace=namespace)
    return landed


def has_landed(catalog: Catalog, contract: Contract, batch: Batch, namespace: str = RAW) -> bool:
    """Whether a batch is in its table: its offset is the landed one, because no other batch came after a killed one."""
    return landed_offsets(catalog, contract, namespace).get(batch.stream) == list(batch.offset)


def slices(batches: StagedBatches, snapshot_id: int | None) -> list[dict[str, object]]:
    """Rows of ops.slices: one a batch."""
    return [
        {
            "run_id": batch.receipt.run_id, "source": batch.stream, "table_name": batch.table, "status": "landed",
            "sha256": batch.receipt.sha256, "file": batch.receipt.path, "request": canonical(batch.receipt.request),
            "sequence": batch.receipt.sequence, "assets": canonical([]), "layout": None, "dialect": None,
            "rows_read": batches.good[sequence] + batches.refused[sequence], "rows_empty": 0,
            "rows_quarantined": batches.refused[sequence], "rows_new": batches.good[sequence], "rows_replaced": 0,
            "rows_equal": 0, "rows_superseded": 0, "conflicts": 0, "snapshot_id": snapshot_id,
        }
        for sequence, batch in enumerate(batches.batches)
    ]  # fmt: skip


def fetch(batch: Batch, status: str, error: str | None = None) -> dict[str, object]:
    """A row of ops.fetches."""
    receipt = batch.receipt
    return {
        "run_id": receipt.run_id, "source": batch.stream, "path": receipt.path, "sha256": receipt.sha256,
        "bytes": receipt.bytes, "status": status, "error": error, "attempt": 1, "layout": None,
    }  # fmt: skip


def land(
    settings: Settings,
    catalog: Catalog,
    ops: Ops,
    archive: Archive,
    contract: Contract,
    batch: Batch,
    rows: pa.Table,
    run: Run,
) -> StagedBatches:
    """Land an archived batch, or the part of it that a killed landing left undone, and record it.

    Args:
        settings: of the home.
        catalog: of the raw tables.
        ops: the records.
        archive: holds the batch.
        contract: of the table.
        batch: the batch.
        rows: as `conform` returns them.
        run: that lands it.
    """
    folder = settings.temporary("land", f"{run.id}-{uuid.uuid4().hex[:6]}")
    try:
        staged = StagedBatches(Staging(folder))
        stage(contract, staged, 0, batch, rows)
        run.on_error = "interrupted"  # whoever holds the table next sees from the offset whether it has landed
        landed = commit(settings, catalog, contract, staged, run.id)
        ops.insert({
            ops_tables.SLICES: slices(staged, landed.snapshot_id),
            ops_tables.FETCHES: [fetch(batch, "landed")],
        })  # fmt: skip
        archive.close(batch.receipt, "landed")
        run.rows = staged.good[0]
        return staged
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def position(offset: Sequence[int]) -> tuple[int, ...]:
    """An offset in the form that is compared: number by number.

    Raises:
        ContractViolation: the offset is empty, or a number is negative.
    """
    numbers = tuple(int(number) for number in offset)
    if not numbers or any(number < 0 for number in numbers):
        raise ContractViolation(f"an offset is one or several numbers of at least 0, not {list(offset)}")
    return numbers
