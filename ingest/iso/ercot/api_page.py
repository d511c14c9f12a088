"""Pages of ERCOT's Public API: names of fields, and rows as arrays."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from ingest.iso.ercot.rows import Layout, Rows, UnusableMember, typed

#: A page has at most a million rows of some fifty bytes.
PAGE_BYTES = 256 * 2**20


def is_page(first: bytes) -> bool:
    """Whether a document that begins like this is JSON."""
    return first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def read_page(content: bytes, layout_of: Callable[[list[str]], Layout]) -> Rows:
    """Rows of a page; their lines are their ordinals, from 1. Numbers keep their text.

    Raises:
        UnusableMember: it is not a page, or of no known layout.
    """
    if len(content) > PAGE_BYTES:
        raise UnusableMember(f"the page has more than {PAGE_BYTES >> 20} MiB", "ask for smaller pages")
    try:
        page = json.loads(content, parse_float=str, parse_int=str, parse_constant=str)
        header = [str(field["name"]) for field in page["fields"]]
        data = [row for row in page["data"] if isinstance(row, list)]
        if len(data) != len(page["data"]):
            raise TypeError("a row is no array")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnusableMember(
            f"it is no page of ERCOT's Public API ({type(error).__name__}: {error})",
            "ask for the page again; an answer that says why there are no data is none",
        ) from error
    layout = layout_of(header)
    bound = layout.bind(header)
    fit = np.array([len(row) == len(header) for row in data], np.bool_)
    whole = [row for row in data if len(row) == len(header)]
    cells = {field.column: pa.array([_text(row[at]) for row in whole], pa.string()) for at, field in enumerate(bound)}

    def shown(number: int) -> str:
        return json.dumps(data[number - 1])

    lines = np.arange(1, len(data) + 1)
    rows = typed(cells, bound, lines[fit], shown).filled(layout)
    ragged = [(int(n), "", f"the row has {len(data[n - 1])} cells, not {len(header)}") for n in lines[~fit]]
    rows.refused, rows.read = sorted([*rows.refused, *ragged]), len(data)
    return rows


def _text(cell: object) -> str | None:
    if isinstance(cell, bool):
        return "Y" if cell else "N"
    return None if cell is None else str(cell)
