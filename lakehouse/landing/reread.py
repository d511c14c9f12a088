"""Files that are read again beside a landing, so that a table never holds two readings of the same bytes.

Bytes that land again in another way (another layout, zone or asset) make the rows of their earlier reading void. Every
other file of the assets of these rows is read again from the archive, with today's layouts, in the order in which the
files landed. This is needed because a row that two files state is stored once, with the first file's bytes, and a row
that was overruled must come back when the row that overruled it is removed. So the rows of an asset come from one
reading of each of its files, the same as after a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from lakehouse.contract import ASSETS, QUARANTINE, SIGNALS, Contract
from lakehouse.errors import ContractViolation, TerminalError
from lakehouse.landing.history import File, Landing
from lakehouse.source import LandOptions, Source
from lakehouse.writing.staging import Staged


@dataclass
class RereadFile:
    """A file that landed before and is read again.

    Args:
        landing: its latest landing.
        staged: its rows.
        declared: its rows of raw.assets and raw.signals, by table.
    """

    landing: Landing
    staged: list[Staged] = field(default_factory=list)
    declared: dict[str, pa.Table] = field(default_factory=dict)

    @property
    def assets(self) -> set[str]:
        """The assets that it has rows of."""
        return assets_of(self.declared)

    @property
    def series(self) -> set[tuple[str, str]]:
        """The signals that it has rows of."""
        return series_of(self.declared)


@dataclass
class Reread:
    """The outcome of `reread`.

    Args:
        readings: files read again, in the order of their landings.
        objects: bytes whose stored rows are void; the rows of these readings and of the run's files replace them.
        assets: the assets of the void rows.
        declared_anew: those assets of which every file is read again, so that their earlier declarations are void too.
        kept: files that cannot be read again → the reason; their earlier rows stay as they are.
    """

    readings: list[RereadFile] = field(default_factory=list)
    objects: set[str] = field(default_factory=set)
    assets: set[str] = field(default_factory=set)
    declared_anew: set[str] = field(default_factory=set)
    kept: dict[File, str] = field(default_factory=dict)

    def void(self, contract: Contract, source: Source) -> dict[str, set[str]]:
        """Columns and values that select the void rows of a table; empty where none is void."""
        if not self.objects:
            return {}
        if contract in (ASSETS, SIGNALS):
            return {"asset_id": self.declared_anew}
        if contract is QUARANTINE:
            return {"source": {source.name}, "source_object": self.objects}
        return {"source_object": self.objects, "asset_id": self.assets}


def assets_of(declared: Mapping[str, pa.Table]) -> set[str]:
    """The assets that a file declares."""
    return set(declared[ASSETS.name].column("asset_id").to_pylist()) if ASSETS.name in declared else set()


def series_of(declared: Mapping[str, pa.Table]) -> set[tuple[str, str]]:
    """The signals that a file declares, with their assets."""
    if SIGNALS.name not in declared:
        return set()
    rows = declared[SIGNALS.name]
    return set(zip(rows.column("asset_id").to_pylist(), rows.column("signal").to_pylist(), strict=True))


def lasting(options: LandOptions, before: Sequence[Landing]) -> LandOptions:
    """Options completed by the limits of the asset that earlier landings of the same file were given."""
    for name in ("max_power_kw", "capacity_kwh"):
        if getattr(options, name) is None:
            given = [value for landing in before if (value := landing.asked.get(name)) is not None]
            options = replace(options, **{name: given[-1]}) if given else options
    return options


def reread(
    landed: Iterable[Landing],
    again: Mapping[File, Mapping[str, pa.Table]],
    kept: Mapping[File, str],
    read: Callable[[Sequence[Landing], int], RereadFile],
) -> Reread:
    """Read every file again that shares an asset with one that lands again in another way.

    Args:
        landed: all landings of the source before this run, in order.
        again: the files of this run whose earlier reading is void, with what they declare now.
        kept: files that are known to be unreadable → the reason.
        read: reads a file with today's layouts, given all its landings and its place in the run, below 0.
    """
    files: dict[File, list[Landing]] = {}
    for landing in landed:
        key = landing.file
        files[key] = [*files.pop(key, []), landing]  # in the order of the latest landings
    assets_before = {key: {asset for one in landings for asset in one.assets} for key, landings in files.items()}
    places = {key: number - len(files) for number, key in enumerate(files)}
    anew = Reread(kept=dict(kept))
    objects = {key.sha256 for key in again}
    assets: set[str] = set()
    readings: dict[File, RereadFile] = {}
    members: set[File] = set()
    while found := [
        key
        for key in files
        if key not in members and (key.sha256 in objects or not assets.isdisjoint(assets_before[key]))
    ]:
        for key in found:
            members.add(key)
            if key in anew.kept:
                continue
            if key not in again:
                try:
                    readings[key] = read(files[key], places[key])
                except ContractViolation:
                    raise
                except TerminalError as error:
                    anew.kept[key] = str(error)
                    continue
                assets |= readings[key].assets
            objects.add(key.sha256)
            assets |= assets_before[key]
    later: dict[str, list[set[tuple[str, str]]]] = {}
    for key, declared in again.items():
        later.setdefault(key.sha256, []).append(series_of(declared))
    for key in reversed(files):
        if reading := readings.get(key):
            # Of two readings of the same bytes for one signal the later one holds.
            if all(reading.series.isdisjoint(series) for series in later.get(key.sha256, [])):
                anew.readings.insert(0, reading)
            later.setdefault(key.sha256, []).append(reading.series)
    anew.objects = objects - {key.sha256 for key in anew.kept}
    anew.assets = assets
    anew.declared_anew = assets.difference(*(assets_before.get(key, ()) for key in anew.kept))
    return anew
