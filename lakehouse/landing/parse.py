"""One file becomes staged rows: parsed piece by piece, checked against the contracts, and written for a commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from lakehouse.archive import Receipt
from lakehouse.contract import ASSETS, QUARANTINE, SIGNALS, Contract, Slice
from lakehouse.errors import ContractViolation, UnreadableFile, WattlakeError
from lakehouse.landing.buffer import Buffer
from lakehouse.landing.dedupe import PUBLISHED
from lakehouse.landing.outcome import FileOutcome
from lakehouse.landing.tally import Tally
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Parsed, RawFile, Source
from lakehouse.writing.contradictions import contradicted
from lakehouse.writing.staging import Staged, Staging


@dataclass(frozen=True)
class FileFacts:
    """What a file states besides its observations.

    Args:
        declared: rows of raw.assets and raw.signals, by table.
        stated: slices that it states whole, by table.
    """

    declared: dict[str, pa.Table] = field(default_factory=dict)
    stated: Mapping[str, Sequence[Slice]] = field(default_factory=dict)


class Parser:
    """Parses files of a source; safe to use from several threads.

    Args:
        settings: of the home.
        source: of the files.
        staging: takes their rows.
    """

    def __init__(self, settings: Settings, source: Source, staging: Staging) -> None:
        self._settings, self._source, self._staging = settings, source, staging

    def stage(
        self, sequence: int, file: RawFile, options: LandOptions, outcome: FileOutcome, staged: list[Staged]
    ) -> FileFacts:
        """Parse a file piece by piece, check its rows against their contracts, and write them to staging.

        Args:
            sequence: order of the file in the run.
            file: its bytes.
            options: land options.
            outcome: takes the counts.
            staged: takes the written rows, also where the file is refused later.

        Returns:
            The file's rows of raw.assets and raw.signals, and the slices that it states.

        Raises:
            UnreadableFile: the file cannot be used.
            ContractViolation: rows of a table of slices come without a slice, or a slice belongs to another table.
        """
        stated: dict[str, list[Slice]] = {}
        tally, buffer = Tally(self._source, outcome), Buffer()

        def write(contract: Contract, rows: pa.Table) -> None:
            staged.append(self._staging.write(contract, sequence, tally.ordinal(contract, rows.num_rows), rows))

        for parsed in self._parsed(file, options):
            if parsed.restarts:
                self._staging.drop(staged)
                staged.clear()
                stated.clear()
                tally, buffer = Tally(self._source, outcome), Buffer()
            for name, slices in parsed.stated.items():
                known = stated.setdefault(name, [])
                known += [part for part in slices if part not in known]
            for contract, rows in tally.add(parsed):
                for part in buffer.add(contract, rows):
                    write(contract, part)
        for contract, rows in buffer.rest():
            write(contract, rows)
        self._refuse_unstated(staged, stated)
        for contract in self._source.contracts:
            if contract.touches != "asset_days":
                continue
            if (lost := contradicted(self._settings, contract, staged)).num_rows:
                write(QUARANTINE, tally.quarantine(lost.to_pylist()))
        declared = tally.finish()
        for contract in (ASSETS, SIGNALS):
            if contract.name in declared and declared[contract.name].num_rows:
                staged.append(self._staging.write(contract, sequence, 0, declared[contract.name]))
        return FileFacts(declared, stated)

    def _refuse_unstated(self, staged: Sequence[Staged], stated: Mapping[str, object]) -> None:
        """Refuse rows of a table of slices without a slice, and slices of other tables."""
        replaced = {contract.name for contract in self._source.contracts if contract.mode == "replace"}
        rows = {part.contract.name for part in staged} & replaced
        if wrong := sorted((rows - set(stated)) | (set(stated) - replaced)):
            raise ContractViolation(
                f"source {self._source.name} gives rows of {', '.join(wrong)} without the slice that they replace, or "
                "a slice of a table in another mode",
                "this is a fault of the source: `Parsed.stated` names the slices of tables in the mode replace",
            )

    def _parsed(self, file: RawFile, options: LandOptions) -> Iterator[Parsed]:
        """The pieces of a file; a file that breaks the parser is refused, and the others land.

        Raises:
            UnreadableFile: the file cannot be used.
        """
        try:
            yield from self._source.parse(file, options, self._settings.layout_dirs)
        except (WattlakeError, OSError, MemoryError):
            raise
        except Exception as error:
            raise UnreadableFile(
                f"reading it failed: {type(error).__name__}: {error}",
                "this is a fault of Wattlake, or of a layout of yours: please report it; the bytes are in the archive",
            ) from error


def raw_file(receipt: Receipt, path: Path, blocks: Callable[[], Iterator[bytes]], dated_by: Receipt) -> RawFile:
    """The file that a source parses, from its receipt: the same in a landing, its recovery after a kill, and a replay.

    Args:
        receipt: of the bytes.
        path: where they came from.
        blocks: opens them.
        dated_by: the receipt that says when they were published or received.
    """
    stated = {
        name: datetime.fromisoformat(str(dated_by.origin[name])) for name in PUBLISHED if dated_by.origin.get(name)
    }
    return RawFile(
        receipt.sha256, path, receipt.bytes, blocks, received_at=datetime.fromisoformat(dated_by.received_at), **stated,
    )  # fmt: skip
