"""The history of landings: which bytes, read how, into which assets. From ops, or from memory during a replay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

from lakehouse.ops import SLICES, Ops, canonical

#: Key in a request: the time of publication that a listing or header gives.
STATED = "stated"


@dataclass(frozen=True)
class Landing:
    """One file that landed.

    Args:
        sha256: of its bytes.
        path: where the file came from; a source may take names from the path's last two parts.
        request: land options, and under `STATED` the operator's time of publication; canonical JSON.
        assets: asset_ids of its rows.
        run_id, sequence: of its receipt.
    """

    sha256: str
    path: str
    request: str
    assets: tuple[str, ...]
    run_id: str
    sequence: int

    @property
    def file(self) -> File:
        """The file that landed."""
        return file_of(self.sha256, self.path, self.asked)

    @property
    def asked(self) -> dict[str, Any]:
        """The land options."""
        found: dict[str, Any] = json.loads(self.request)
        return {name: value for name, value in found.items() if name != STATED}


class File(NamedTuple):
    """The identity of a landed file.

    Args:
        sha256: of its bytes.
        tail: the part of its path that a source may read names from.
        asset, site: names that the user gave: two meters may have the same bytes.
    """

    sha256: str
    tail: str
    asset: str | None
    site: str | None


def file_of(sha256: str, path: str, asked: Mapping[str, Any]) -> File:
    """The identity of a file, from its bytes, its path and its land options."""
    return File(sha256, tail(path), asked.get("asset"), asked.get("site"))


def tail(path: str) -> str:
    """The part of a path that a source may read names from."""
    return f"{Path(path).parent.name}/{Path(path).name}"


class History(Protocol):
    """The landings of one source in order of arrival."""

    def of_bytes(self, sha256: str) -> list[Landing]:
        """Those of some bytes."""
        ...

    def all(self) -> list[Landing]:
        """All of them."""
        ...

    def add_assets(self, landing: Landing, assets: Iterable[str]) -> None:
        """Record that the file, read again, has rows of these assets too."""
        ...

    def last_of_path(self, path: str) -> Landing | None:
        """The last one of a whole path."""
        ...


class RecordedHistory:
    """The history in ops.slices."""

    def __init__(self, ops: Ops, source: str) -> None:
        self._ops = ops
        self._source = source

    def of_bytes(self, sha256: str) -> list[Landing]:
        """Those of some bytes."""
        return self._select(SLICES.c.sha256 == sha256)

    def all(self) -> list[Landing]:
        """All of them."""
        return self._select(sa.true())

    def add_assets(self, landing: Landing, assets: Iterable[str]) -> None:
        """Record that the file, read again, has rows of these assets too."""
        united = _with_assets(landing, assets)
        if united == landing:
            return
        table = SLICES.c
        with self._ops.engine.begin() as connection:
            connection.execute(
                SLICES.update()
                .where(table.run_id == landing.run_id, table.sequence == landing.sequence)
                .values(assets=canonical(united.assets))
            )

    def last_of_path(self, path: str) -> Landing | None:
        """The last one of a whole path."""
        return next(reversed(self._select(SLICES.c.file == path)), None)

    def _select(self, condition: Any) -> list[Landing]:
        table = SLICES.c
        statement = (
            sa.select(table.sha256, table.file, table.request, table.assets, table.run_id, table.sequence)
            .where(condition, table.source == self._source, table.status == "landed")
            .order_by(table.finished_at, table.sequence)
        )
        return [
            Landing(sha256, file, request, tuple(json.loads(assets)), run_id, sequence)
            for sha256, file, request, assets, run_id, sequence in self._ops.query(statement)
        ]


@dataclass
class ReplayedHistory:
    """The landings that a replay has repeated so far."""

    landings: list[Landing] = field(default_factory=list)

    def of_bytes(self, sha256: str) -> list[Landing]:
        """Those of some bytes."""
        return [landing for landing in self.landings if landing.sha256 == sha256]

    def all(self) -> list[Landing]:
        """All of them."""
        return list(self.landings)

    def add_assets(self, landing: Landing, assets: Iterable[str]) -> None:
        """Record that the file, read again, has rows of these assets too."""
        self.landings[self.landings.index(landing)] = _with_assets(landing, assets)

    def last_of_path(self, path: str) -> Landing | None:
        """The last one of a whole path."""
        return next((landing for landing in reversed(self.landings) if landing.path == path), None)


def _with_assets(landing: Landing, assets: Iterable[str]) -> Landing:
    return replace(landing, assets=tuple(dict.fromkeys((*landing.assets, *sorted(assets)))))
