"""Small hand-written files through a source."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from ingest.registry import registry
from lakehouse.contract import ASSETS, SIGNALS
from lakehouse.source import LandOptions, Parsed, standing
from tests.support import given
from tests.support.given import raw_file


def parse(
    text: str | bytes, name: str = "box/file.csv", domain: str = "meter", dirs: Sequence[Path] = (), **options: object
) -> Parsed:
    """Parse text (or bytes) as a file of that folder and name."""
    return joined(registry().sources[domain].parse(raw_file(text, name), LandOptions(**options), dirs))


def joined(pieces: Iterable[Parsed]) -> Parsed:
    """The pieces of a file as one."""
    parts = standing(pieces)
    tables = {name: pa.concat_tables([part.tables[name] for part in parts]) for name in parts[0].tables}
    for shared in (ASSETS, SIGNALS):
        if shared.name in tables:
            said = tables[shared.name].to_pylist()
            once = [row for number, row in enumerate(said) if row not in said[:number]]
            tables[shared.name] = pa.Table.from_pylist(once, schema=tables[shared.name].schema)
    return dataclasses.replace(
        parts[-1],
        tables=tables,
        rejects=pa.concat_tables([part.rejects for part in parts]),
        rows_read=sum(part.rows_read for part in parts),
        rows_empty=sum(part.rows_empty for part in parts),
    )


def rows(parsed: Parsed) -> list[dict[str, object]]:
    """All observations, in file order."""
    return next(t for name, t in parsed.tables.items() if name.endswith("_observations")).to_pylist()


def values(parsed: Parsed) -> list[object]:
    return [row["value"] for row in rows(parsed)]


def stamps(parsed: Parsed) -> list[str]:
    return [row["ts"].strftime("%Y-%m-%d %H:%M:%S") for row in rows(parsed)]


def refused(parsed: Parsed) -> list[tuple[int, str, str]]:
    """Line, field and reason of everything refused."""
    return given.refused([parsed])


LAYOUT = """
name = "{name}"
domain = "{domain}"
description = "A layout of a test"

[recognise]
header = ["when", "power"]

[stamps]
columns = ["when"]
{stamps}

[[signal]]
name = "power"
kind = "{kind}"
unit = "kW"
"""


def write_layout(
    folder: Path, name: str = "own", domain: str = "meter", stamps: str = "", kind: str = "instant"
) -> Path:
    """Write a user's layout file for `when;power` and return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(LAYOUT.format(name=name, domain=domain, stamps=stamps, kind=kind))
    return folder
