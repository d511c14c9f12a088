"""A diff as data files: stored files with a row that goes are rewritten, together with the new rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lakehouse.engine import quote
from lakehouse.writing import append_only
from lakehouse.writing.data_files import month_of, order_of, write_files
from lakehouse.writing.diff import Diff
from lakehouse.writing.staging import ORDINAL, SEQUENCE

#: Values that are sorted in memory at once: a month of a market's prices, or a day of a disclosure.
SORTED_VALUES = 20_000_000


def files_to_rewrite(diff: Diff) -> list[str]:
    """Stored data files that hold a row which goes."""
    if not diff.scalar("SELECT count(*) FROM gone"):
        return []
    paths = [task.file.file_path for task in diff.table.scan().plan_files()]
    if not paths:
        return []
    rows = diff.db.execute(
        f"""
        SELECT DISTINCT filename FROM read_parquet([{_listed(paths)}], filename=true, union_by_name=true)
        SEMI JOIN gone USING ({", ".join(diff.key)})
        """
    ).fetchall()
    return sorted(name for (name,) in rows)


def write(diff: Diff, doomed: Sequence[str]) -> list[str]:
    """Write the winners as data files, with the rows of `doomed` files that stay.

    Args:
        diff: whose winners they are.
        doomed: what `files_to_rewrite` gave.

    Returns:
        The files, in no snapshot yet.
    """
    if runs := _runs_in_order(diff):
        return [path for run in runs for path in append_only.write_in_order(diff.table, diff.contract, run)]
    source = "winners"
    if doomed:
        source = "rewritten"
        diff.db.execute(f"CREATE TABLE {source} AS {_with_survivors(diff, doomed)} ORDER BY {order_of(diff.contract)}")
    elif diff.only_added:
        source = "sorted"
        diff.db.execute(f"CREATE TABLE {source} AS SELECT * FROM winners ORDER BY {order_of(diff.contract)}")
    return write_files(diff.db, diff.table, month_of(diff.contract), source, diff.names)


def _with_survivors(diff: Diff, doomed: Sequence[str]) -> str:
    """SQL of the winners and of the rows of doomed files that stay; a column that a file lacks is null in its rows."""
    read = f"read_parquet([{_listed(doomed)}], union_by_name=true)"
    available = {name for name, *_ in diff.db.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()}
    kept = ", ".join(
        column if name in available else f"NULL AS {column}"
        for name, column in zip(diff.names, diff.columns, strict=True)
    )
    return f"""
        SELECT * FROM (
            SELECT {", ".join(diff.columns)} FROM winners
            UNION ALL BY NAME
            SELECT {kept} FROM {read} ANTI JOIN gone USING ({", ".join(diff.key)})
        )
    """


def _runs_in_order(diff: Diff) -> list[list[Path]]:
    """Staged files whose rows lie in the table's order as they arrived: all of them, else each, else none.

    To sort wide rows costs more than to write them, and gathers them in memory; so where there are many, each
    arrival becomes a data file.
    """
    files = diff.arrived_in_place
    if not files:
        return []
    if not _goes_back(diff, ""):
        return [files]
    many = diff.scalar("SELECT count(*) FROM winners") * len(diff.columns) > SORTED_VALUES
    if not many or _goes_back(diff, f"PARTITION BY {SEQUENCE}"):
        return []
    runs: dict[int, list[Path]] = {}
    for path in files:
        sequence = diff.scalar(f"SELECT {SEQUENCE} FROM read_parquet({quote(str(path))}) LIMIT 1")
        runs.setdefault(sequence, []).append(path)
    return list(runs.values())


def _goes_back(diff: Diff, partition: str) -> bool:
    """Whether a row lies before the one that arrived before it, in the table's order."""
    row = f"row({order_of(diff.contract)})"
    before = f"lag({row}) OVER ({partition} ORDER BY {SEQUENCE}, {ORDINAL})"
    return diff.scalar(f"SELECT count(*) FROM (SELECT {row} < {before} AS back FROM winners) WHERE back") > 0


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(quote(path) for path in paths)
