"""Guards what has been declared of assets and signals: it must not change under rows that have landed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa

from lakehouse.catalog import open_catalog
from lakehouse.contract import ASSETS, SIGNALS
from lakehouse.engine import quote
from lakehouse.errors import UnreadableFile
from lakehouse.pins import pin
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
from lakehouse.source import Source

Signal = tuple[str, str]


class Declared:
    """Domains of assets, and kinds and units of signals: those that have landed, and those that this run adds.

    Args:
        settings: of the home.
        source: of the run.
        namespace: of its tables.
        void_assets: assets of which this run reads every file again: their earlier declarations are void.
        void_objects: bytes whose stored rows are removed.
    """

    def __init__(
        self,
        settings: Settings,
        source: Source,
        namespace: str,
        void_assets: Collection[str] = (),
        void_objects: Collection[str] = (),
    ) -> None:
        self._settings = settings
        self._source = source
        self._namespace = namespace
        self._void_assets, self._void_objects = frozenset(void_assets), frozenset(void_objects)
        self._read = False
        self._domains: dict[str, str] = {}
        self._meanings: dict[Signal, tuple[str, str | None]] = {}
        #: Objects of this run by signal.
        self._objects: dict[Signal, set[str]] = {}

    def accept(self, declared: Mapping[str, pa.Table], sha256: str) -> None:
        """Take the declarations of a file.

        Raises:
            UnreadableFile: an asset belongs to another domain, or a signal has another kind or unit in rows of other
                bytes: the two together would give wrong numbers.
        """
        if not declared:
            return
        self._load()
        assets = declared[ASSETS.name].to_pylist() if ASSETS.name in declared else []
        signals = declared[SIGNALS.name].to_pylist() if SIGNALS.name in declared else []
        for row in assets:
            domain = self._domains.get(row["asset_id"], row["domain"])
            if domain != row["domain"]:
                raise UnreadableFile(
                    f"asset {row['asset_id']} belongs to the domain {domain} and cannot take {row['domain']} rows",
                    "give this asset another name with --asset, or a site with --site",
                )
        for row in signals:
            signal, meaning = (row["asset_id"], row["signal"]), (row["kind"], row["unit"])
            before = self._meanings.get(signal, meaning)
            if before != meaning and self._others(signal, sha256):
                now = f"{_words(before)} in what has landed, and {_words(meaning)} here"
                raise UnreadableFile(
                    f"signal {signal[1]} of {signal[0]} is {now}",
                    "give this asset another name with --asset; after a layout was mended, run `wattlake replay`",
                )
        self._domains.update({row["asset_id"]: row["domain"] for row in assets})
        for row in signals:
            signal = (row["asset_id"], row["signal"])
            self._meanings[signal] = (row["kind"], row["unit"])
            self._objects.setdefault(signal, set()).add(sha256)

    def _load(self) -> None:
        if self._read:
            return
        self._read = True
        catalog = open_catalog(self._settings)
        if pinned := pin(catalog, ASSETS, self._namespace):
            domains = rows_of(self._settings, f"SELECT asset_id, domain FROM ({pinned.select(ASSETS)})")
            self._domains = {asset: domain for asset, domain in domains if asset not in self._void_assets}
        if pinned := pin(catalog, SIGNALS, self._namespace):
            found = rows_of(self._settings, f"SELECT asset_id, signal, kind, unit FROM ({pinned.select(SIGNALS)})")
            self._meanings = {
                (asset, signal): (kind, unit) for asset, signal, kind, unit in found if asset not in self._void_assets
            }

    def _others(self, signal: Signal, sha256: str) -> bool:
        """Whether other bytes hold rows of the signal."""
        if self._objects.get(signal, set()) - {sha256}:
            return True
        catalog = open_catalog(self._settings)
        for contract in self._source.contracts:
            if pinned := pin(catalog, contract, self._namespace):
                condition = f"asset_id = {quote(signal[0])} AND signal = {quote(signal[1])}"
                left_out = ", ".join(quote(value) for value in sorted({sha256, *self._void_objects}))
                other = f"source_object NOT IN ({left_out})"
                if rows_of(
                    self._settings, f"SELECT 1 FROM ({pinned.select(contract)}) WHERE {condition} AND {other} LIMIT 1"
                ):
                    return True
        return False


def _words(meaning: tuple[str, str | None]) -> str:
    kind, unit = meaning
    return f"{kind.replace('_', ' ')} in {unit}" if unit else kind.replace("_", " ")
