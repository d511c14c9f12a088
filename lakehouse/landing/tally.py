"""The parts of a file, checked against their contracts and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from lakehouse.contract import ASSETS, QUARANTINE, SHARED, SIGNALS, Contract
from lakehouse.landing.outcome import FileOutcome
from lakehouse.source import Parsed, Source
from lakehouse.writing.validate import check


class Tally:
    """Checks the pieces of one file in order and adds up their counts and declarations.

    Args:
        source: of the file.
        outcome: takes the sums; reset here.
    """

    def __init__(self, source: Source, outcome: FileOutcome) -> None:
        self._source, self._outcome = source, outcome
        self._contracts = {contract.name: contract for contract in (*SHARED, *source.contracts)}
        self._ordinals: dict[str, int] = {}
        self._declared: dict[str, dict[tuple[object, ...], pa.Table]] = {}
        outcome.rows_read = outcome.rows_empty = outcome.rows_quarantined = 0
        outcome.quarantine_reasons = {}

    def ordinal(self, contract: Contract, rows: int) -> int:
        """Rows of the file before these, in one table."""
        before = self._ordinals.get(contract.name, 0)
        self._ordinals[contract.name] = before + rows
        return before

    def add(self, parsed: Parsed) -> Iterator[tuple[Contract, pa.Table]]:
        """The rows of a piece to stage; rows that break a contract are staged for raw.quarantine."""
        rejects = parsed.rejects.to_pylist()
        for name, rows in parsed.tables.items():
            contract = self._contracts[name]
            good, refusals = check(contract, rows)
            lines = rows.column("line") if "line" in rows.column_names else None
            rejects += [
                {
                    "line": lines[refusal.row].as_py() if lines is not None else 0,
                    "field": refusal.field,
                    "reason": refusal.reason,
                    "raw_text": refusal.raw_text,
                }
                for refusal in refusals
            ]
            if contract in (ASSETS, SIGNALS):
                self._declare(contract, good)
            else:
                yield contract, good
        outcome = self._outcome
        if rejects:
            yield QUARANTINE, self.quarantine(rejects)
        outcome.layout, outcome.dialect = parsed.layout, parsed.dialect
        outcome.rows_read += parsed.rows_read
        outcome.rows_empty += parsed.rows_empty

    def quarantine(self, rejects: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Rows of raw.quarantine, counted.

        Args:
            rejects: line, field, reason and raw_text of each.
        """
        outcome = self._outcome
        outcome.rows_quarantined += len(rejects)
        for reject in rejects:
            outcome.quarantine_reasons[reject["reason"]] = outcome.quarantine_reasons.get(reject["reason"], 0) + 1
        where = {"source": self._source.name, "source_object": outcome.sha256, "file": outcome.path}
        return pa.Table.from_pylist([{**where, **reject} for reject in rejects], schema=QUARANTINE.arrow_schema)

    def _declare(self, contract: Contract, rows: pa.Table) -> None:
        """Take a piece's rows of raw.assets or raw.signals; every piece declares those of its own rows."""
        declared = self._declared.setdefault(contract.name, {})
        for number, row in enumerate(rows.to_pylist()):
            declared.setdefault(tuple(row[name] for name in contract.key), rows.slice(number, 1))

    def finish(self) -> dict[str, pa.Table]:
        """The file's rows of raw.assets and raw.signals, each once."""
        return {name: pa.concat_tables(rows.values()) for name, rows in self._declared.items() if rows}
