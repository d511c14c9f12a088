"""The Source protocol: bytes in, Arrow tables and refused rows out. A source knows formats and no storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from lakehouse.contract import Contract

#: Arrow schema of `Parsed.rejects`: line (from 1; 0 = the whole file), field ('' = the whole row), reason, raw_text.
REJECTS_SCHEMA = pa.schema(
    [
        pa.field("line", pa.int64(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw_text", pa.string()),
    ]
)


@dataclass(frozen=True)
class RawFile:
    """Bytes as they were received.

    Args:
        content: the whole file.
        sha256: hex digest of `content`.
        path: the path it was found at, absolute (`<asset>/<signal>.csv` layouts read names from its last parts).
            Only its name and its parent's name carry meaning.
    """

    content: bytes
    sha256: str
    path: Path


@dataclass(frozen=True)
class LandOptions:
    """What the user says about the files; None means the layout decides.

    Args:
        asset: asset_id for everything in the files.
        site: site id; prefixes every asset_id as `site/`.
        timezone: IANA zone of naive stamps; overrides the layout's.
        site_timezone: IANA zone of the asset's calendar where it differs from that of the stamps.
        simulated: the files come from a simulator.
        max_power_kw: connection limit of the site in kW.
        capacity_kwh: usable energy of the battery in kWh.
        layout: use this layout and do not recognise by content.
    """

    asset: str | None = None
    site: str | None = None
    timezone: str | None = None
    site_timezone: str | None = None
    simulated: bool = False
    max_power_kw: float | None = None
    capacity_kwh: float | None = None
    layout: str | None = None


@dataclass
class Parsed:
    """What one file said.

    Args:
        tables: contract name → Arrow table in that contract's column order and types. Rows stand in file order.
        rejects: rows that could not be used (`REJECTS_SCHEMA`).
        layout: name of the layout that was recognised or asked for.
        dialect: how the file was read, as JSON-able values; recorded in ops.slices.
        rows_read: data rows (or cells of a wide layout) in the file; rows landed + refused + empty explain them all.
        rows_empty: cells that the file leaves empty by its own convention (no value, no meaning, not an error).
    """

    tables: dict[str, pa.Table]
    rejects: pa.Table
    layout: str
    dialect: dict[str, object] = field(default_factory=dict)
    rows_read: int = 0
    rows_empty: int = 0


class Source(Protocol):
    """A kind of input that `wattlake land NAME PATH...` takes.

    Attributes:
        name: as the user types it.
        summary: one line for `wattlake sources`.
        needs: what it needs from the user (credentials, options), one line.
        contracts: the tables it lands, shared tables left out.
    """

    name: str
    summary: str
    needs: str
    contracts: tuple[Contract, ...]

    def recognises(self, path: Path) -> bool:
        """Whether a file found in a folder is worth reading (by suffix; content decides the rest)."""
        ...

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Parsed:
        """Turn bytes into rows. Deterministic: equal bytes, path tail and options give equal output.

        Args:
            file: bytes, hash and path.
            options: what the user said.
            layout_dirs: folders with the user's own layout files, searched before the shipped ones.

        Raises:
            UnreadableFile: nothing in the file can be used; says why and what to do.
        """
        ...
