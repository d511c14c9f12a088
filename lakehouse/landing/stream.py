"""The door for streams and polls: a batch of rows lands once, with its offset, while anything else may land too.

The feeder of a stream goes on after `landed_offset`, and after nothing else: that offset is in the same commit as the
rows. A batch whose offset has not landed is offered again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from io import BytesIO

import pyarrow as pa

from lakehouse import ops as ops_tables
from lakehouse.archive import open_archive
from lakehouse.catalog import open_catalog
from lakehouse.contract import Contract
from lakehouse.errors import ContractViolation, WrongUsage, is_name
from lakehouse.landing.batch import Batch, conform, fetch, land, pack, position
from lakehouse.landing.holding import holding
from lakehouse.presence import claim_home
from lakehouse.settings import Settings
from lakehouse.source import Registry
from lakehouse.writing.writer import landed_offsets, refuse_not_ahead


@dataclass(frozen=True)
class BatchReport:
    """The outcome of a batch.

    Args:
        run_id: of its run.
        rows: number of rows that landed.
        quarantined: number of rows in raw.quarantine, because they break the contract; `line` counts the batch's rows
            from 1.
        offset: up to which the stream has landed.
    """

    run_id: str
    rows: int
    quarantined: int
    offset: tuple[int, ...]


def land_batch(
    settings: Settings,
    registry: Registry,
    contract: Contract,
    rows: pa.Table,
    stream: str,
    offset: Sequence[int],
    *,
    simulated: bool = False,
) -> BatchReport:
    """Land a batch of a stream: archived, checked, and appended with its offset in the same commit.

    It waits only for another batch into the same table, or for a replay of it.

    Args:
        settings: of the home.
        registry: every source; `streamed` names the contract.
        contract: of the table; its mode is 'append'.
        rows: in the contract's columns without `source_object` and `line`, which are filled in: the archived batch, and
            the row in it from 1. A batch without rows moves the offset.
        stream: name of the stream; several may share a table.
        offset: position after the batch (a Redis id as its two numbers); compared number by number.
        simulated: the rows come from a simulator.

    Raises:
        ContractViolation: the offset is not ahead of the one that has landed, the table takes no batches, or the rows
            do not have its columns and types.
        WrongUsage: the stream's name is not a name, or is that of a source.
        TerminalError: the home holds the other kind (real, simulated) of assets.
        TransientError: the catalog or the store did not answer; offer the batch again.
    """
    _require(registry, contract, stream)
    rows, after = conform(contract, rows), position(offset)
    claim_home(settings, simulated)
    archive = open_archive(settings)
    asked = {"stream": stream, "table": contract.name, "offset": list(after)}
    with (
        holding(settings, registry, [contract.name], f"stream {stream}") as held,
        held.ops.run("land", held.run_id, **asked, tables=held.tables) as run,
    ):
        catalog = open_catalog(settings)
        refuse_not_ahead(stream, after, landed_offsets(catalog, contract).get(stream))
        received = archive.receive(
            BytesIO(pack(rows)), run_id=run.id, sequence=0, source=stream,
            path=f"{stream}/{'-'.join(map(str, after))}.arrows", request={**asked, "simulated": simulated},
            received_at=held.ops.instant().replace(tzinfo=UTC),
        )  # fmt: skip
        batch = Batch(stream, contract.name, after, received.receipt)
        try:
            staged = land(settings, catalog, held.ops, archive, contract, batch, rows, run)
        except BaseException as error:
            if run.on_error != "interrupted":
                reason = f"{type(error).__name__}: {error}"
                held.ops.insert({ops_tables.FETCHES: [fetch(batch, "failed", reason)]})
                archive.close(batch.receipt, "failed", reason)
            raise
    return BatchReport(run.id, staged.good[0], staged.refused[0], after)


def landed_offset(settings: Settings, contract: Contract, stream: str) -> tuple[int, ...] | None:
    """The offset up to which a stream has landed in a table; None before its first batch."""
    found = landed_offsets(open_catalog(settings), contract).get(stream)
    return None if found is None else tuple(found)


def _require(registry: Registry, contract: Contract, stream: str) -> None:
    if contract not in registry.streamed or contract.mode != "append":
        raise ContractViolation(
            f"raw.{contract.name} takes no batches of a stream",
            "give its contract the mode append, and name it among the streamed tables of the registry",
        )
    if not is_name(stream):
        raise WrongUsage(f"{stream!r} is not a name for a stream", "give the stream a name")
    if stream in registry.sources:
        raise WrongUsage(f"{stream} is the name of a source", "give the stream another name")
