"""Lines of one file that contradict each other about one instant: the last one holds, the others go to quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa

from lakehouse.contract import Contract
from lakehouse.engine import identifier, quote, reading
from lakehouse.settings import Settings
from lakehouse.writing.staging import ORDINAL, Staged

#: Reason in raw.quarantine; `int_findings_contradictions` makes findings of it.
CONTRADICTED = "a later line of the file says otherwise of this instant, and holds"
#: The value of a row as text: the exact value where there is one, then the row's text.
_AS_TEXT = """concat_ws(' ', coalesce(regexp_replace(value_exact::VARCHAR, '\\.?0+$', ''), value::VARCHAR), text)"""


def contradicted(settings: Settings, contract: Contract, staged: Sequence[Staged]) -> pa.Table:
    """The rows of one file that a later line of it contradicts; an equal repetition contradicts nothing.

    Args:
        settings: limits for DuckDB.
        contract: of observations: keyed by series and instant.
        staged: the rows of the file, in its order.

    Returns:
        In order of line: line, field (the signal, with the instant where a line has several), reason, and raw_text,
        which is JSON: asset_id, signal, ts, says (the value of this line as text), value (the same as a number), holds
        (the value of the later line), holds_line.
    """
    mine = [part for part in staged if part.contract is contract]
    if not _may_repeat(mine):
        return _EMPTY
    listed = ", ".join(quote(str(part.path)) for part in mine)
    key = ", ".join(identifier(name) for name in contract.key)
    compared = ", ".join(f"{identifier(name)} := {identifier(name)}" for name in contract.compared)
    with reading(settings) as session:
        return session.execute(
            f"""
            WITH contradicted AS (
                SELECT {key}, line, value, says, {ORDINAL} AS ordinal, whole,
                    count(*) OVER same AS times, last_value(whole) OVER same AS held,
                    last_value(says) OVER same AS holds, last_value(line) OVER same AS holds_line
                FROM (SELECT *, {_AS_TEXT} AS says, struct_pack({compared}) AS whole FROM read_parquet([{listed}]))
                WINDOW same AS (
                    PARTITION BY {key} ORDER BY {ORDINAL} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
                QUALIFY times > 1 AND whole IS DISTINCT FROM held
            ),
            stamped AS (
                SELECT *, strftime(make_timestamp(epoch_us(ts)), '%Y-%m-%dT%H:%M:%S.%fZ') AS instant,
                    count(*) OVER (PARTITION BY line, signal) AS on_line
                FROM contradicted
            )
            SELECT line, CASE WHEN on_line = 1 THEN signal ELSE signal || ' ' || instant END AS field,
                {quote(CONTRADICTED)} AS reason,
                json_object('asset_id', asset_id, 'signal', signal, 'ts', instant, 'says', says, 'value', value,
                    'holds', holds, 'holds_line', holds_line)::VARCHAR AS raw_text
            FROM stamped ORDER BY ordinal
            """
        ).to_arrow_table()


_EMPTY = pa.table(
    {"line": pa.array([], pa.int64()), **{name: pa.array([], pa.string()) for name in ("field", "reason", "raw_text")}}
)


def _may_repeat(staged: Sequence[Staged]) -> bool:
    """Whether, by its bounds, the file may have an instant of a series twice."""
    if any(part.pieces is None for part in staged):
        return True
    pieces = sorted((p for part in staged for p in part.pieces or ()), key=lambda p: (p.series, p.first_us))
    return any(a.series == b.series and a.last_us >= b.first_us for a, b in pairwise(pieces))
