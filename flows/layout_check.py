"""Checks how a layout reads a file, before anything lands: no home is needed, and none is touched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.layouts.engine.layout import load_layout
from ingest.layouts.engine.opened import open_whole
from ingest.layouts.engine.recognise import Verdict, verdicts
from ingest.layouts.engine.source import LayoutSource
from ingest.registry import registry
from ingest.text.pieces import PIECE_BYTES
from lakehouse.contract import ASSETS, SIGNALS
from lakehouse.errors import TerminalError, UnreadableFile, WattlakeError
from lakehouse.source import WHOLE_FILE_BYTES, LandOptions, Parsed, RawFile
from lakehouse.writing.validate import check as check_rows

#: Number of nearest layouts that are shown for a file that none recognises.
NEAREST = 3
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Refused:
    """Refusals for one reason.

    Args:
        reason: of the refusals.
        count: number of rows or cells.
        line, field, raw_text: of the first one.
    """

    reason: str
    count: int
    line: int
    field: str
    raw_text: str | None


@dataclass
class LayoutCheck:
    """The result of a check.

    Args:
        path: of the file.
        size_bytes: size of the file.
        domain: of the layout that reads it; None if none does.
        layout: name of that layout.
        failure: reason why the file is refused.
        recognised: verdicts of the layouts that fit.
        nearest: verdicts of the nearest layouts, if none fits.
        dialect: how the file is read.
        first: the first observations, each with the declaration of its signal and the zone of its asset.
        refused: refusals by reason, the most frequent first.
        rows_read, rows_landed, rows_empty: counts over the whole file.
    """

    path: Path
    size_bytes: int
    domain: str | None = None
    layout: str | None = None
    failure: WattlakeError | None = None
    recognised: list[Verdict] = field(default_factory=list)
    nearest: list[Verdict] = field(default_factory=list)
    dialect: dict[str, object] = field(default_factory=dict)
    first: list[dict[str, Any]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    rows_read: int = 0
    rows_landed: int = 0
    rows_empty: int = 0


def check_layout(
    path: Path,
    folders: Sequence[Path],
    options: LandOptions,
    domain: str | None = None,
    count: int = 10,
) -> LayoutCheck:
    """Read a file as a landing would, and keep only the result.

    Args:
        path: of the file.
        folders: the user's folders with layouts.
        options: `layout` is the name of a layout, or the path of a layout file.
        domain: use only the layouts of this domain.
        count: number of observations to show.

    Raises:
        TerminalError: the file cannot be read, or a layout does not exist or is wrong.
    """
    file = _raw_file(path)
    own = Path(options.layout) if options.layout and options.layout.endswith(".toml") else None
    if own is not None:
        layout = load_layout(own)
        options = LandOptions(**{**vars(options), "layout": layout.name})
        folders, domain = (own, *folders), layout.domain
    known = {s.name: s for s in registry().sources.values() if isinstance(s, LayoutSource) and domain in (None, s.name)}
    if not known:
        raise TerminalError(f"there is no layout of the domain {domain!r}", "domains: meter, bess")
    report = LayoutCheck(path, file.size_bytes)
    try:
        opened = open_whole(_head(file))
        judged = [verdict for name in known for verdict in verdicts(file, opened, name, folders)]
        report.recognised = [one for one in judged if one.found]
        report.nearest = sorted((one for one in judged if 0 < one.share < 1), key=lambda one: -one.share)[:NEAREST]
        if not report.recognised and options.layout is None:
            raise UnreadableFile(
                f"no layout recognises it; it begins with {opened.beginning}",
                "write a layout file for it (docs/layouts.md) and give it with --layout",
            )
        named = [name for name in known if options.layout in _names(name, folders)] if options.layout else []
        # `land` knows the domain; here the first domain that can read the file decides.
        for name in dict.fromkeys(named or [verdict.layout.domain for verdict in report.recognised] or known):
            try:
                _read(report, known[name], file, options, folders, count)
                report.domain, report.failure = name, None
                break
            except UnreadableFile as error:
                report.failure = report.failure or error
    except UnreadableFile as error:
        report.failure = error
    return report


def _names(domain: str, folders: Sequence[Path]) -> set[str]:
    from ingest.layouts.engine.layout import layouts

    return {layout.name for folder in (*folders, None) for layout in layouts(domain, folder)}


def _raw_file(path: Path) -> RawFile:
    if not path.is_file():  # reading a pipe would block
        raise TerminalError(f"{path} is not a file", "give a file; `wattlake land` takes folders")
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        size = path.stat().st_size
    except OSError as error:
        raise TerminalError(f"{path} cannot be read: {error.strerror}", "give a file") from error

    def blocks() -> Iterator[bytes]:
        with path.open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                yield block

    return RawFile(digest, path.resolve(), size, blocks)


def _head(file: RawFile) -> bytes:
    """The bytes by which a file is recognised: all of it if it may be read whole, else its beginning."""
    head = b""
    for block in file.blocks():
        head += block
        if file.size_bytes > WHOLE_FILE_BYTES and len(head) > PIECE_BYTES:
            break
    return head


def _read(
    report: LayoutCheck, source: LayoutSource, file: RawFile, options: LandOptions, folders: Sequence[Path], count: int
) -> None:
    pieces: list[Parsed] = []
    rejects: list[dict[str, Any]] = []
    for parsed in source.parse(file, options, folders):
        if parsed.restarts:
            pieces, rejects = [], []
        pieces.append(parsed)
        rejects += [*parsed.rejects.to_pylist(), *_note(report, source, parsed, 0 if len(pieces) > 1 else count)]
        parsed.tables = {}  # frees them, because a file may be larger than memory
    report.layout, report.dialect = pieces[-1].layout, pieces[-1].dialect
    report.rows_read = sum(parsed.rows_read for parsed in pieces)
    report.rows_empty = sum(parsed.rows_empty for parsed in pieces)
    report.rows_landed = report.rows_read - report.rows_empty - len(rejects)
    by_reason: dict[str, list[dict[str, Any]]] = {}
    for row in rejects:
        by_reason.setdefault(row["reason"], []).append(row)
    report.refused = sorted(
        (Refused(reason, len(rows), rows[0]["line"], rows[0]["field"], rows[0]["raw_text"])
         for reason, rows in by_reason.items()),
        key=lambda one: -one.count,
    )  # fmt: skip


def _note(report: LayoutCheck, source: LayoutSource, parsed: Parsed, count: int) -> list[dict[str, Any]]:
    """Note the first observations of a piece; returns those that break the contract, as refusals."""
    table = parsed.tables[source.contracts[0].name]
    observed, broken = check_rows(source.contracts[0], table)
    if count:
        signals = {(row["asset_id"], row["signal"]): row for row in parsed.tables[SIGNALS.name].to_pylist()}
        zones = {row["asset_id"]: row["time_zone"] for row in parsed.tables[ASSETS.name].to_pylist()}
        report.first = [
            {**row, "zone": zones[row["asset_id"]], "means": signals[row["asset_id"], row["signal"]]}
            for row in observed.slice(0, count).to_pylist()
        ]
    return [
        {"line": table["line"][one.row].as_py(), "field": one.field, "reason": one.reason, "raw_text": one.raw_text}
        for one in broken
    ]
