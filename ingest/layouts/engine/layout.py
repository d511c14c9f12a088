"""Layout files: the whole of one, and the folders that hold them.

A layout is TOML under `ingest/layouts/shipped/<domain>/`, or in a folder of the user's. Every key is checked; an
unknown one is an error, so that a typo never changes how numbers are read. docs/layouts.md describes every key.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, model_validator

from ingest.layouts.engine.layout_checks import idle_keys
from ingest.layouts.engine.layout_tables import (
    TABLES,
    AssetRule,
    Dialect,
    Recognise,
    Shape,
    SheetRule,
    StampRule,
    Strict,
    compiles,
)
from ingest.layouts.engine.signal_rule import SignalRule
from lakehouse.errors import TerminalError

SHIPPED = Path(__file__).parents[1] / "shipped"

Part = TypeVar("Part", Dialect, Shape)


class Layout(Strict):
    """One layout file.

    Args:
        name: as in `--layout` and in raw.signals.layout.
        domain: `meter`, `bess`, ...
        description: one line.
        ignore: patterns of columns, registers or paths that are not signals.
        signal: rules, in order.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    domain: str
    description: str
    recognise: Recognise
    sheet: SheetRule | None = None
    dialect: Dialect = Dialect()
    stamps: StampRule = StampRule()
    shape: Shape = Shape()
    asset: AssetRule = AssetRule()
    ignore: tuple[str, ...] = ()
    signal: tuple[SignalRule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Layout:
        compiles(self.ignore)
        wrong = list(idle_keys(self))
        if wrong:
            raise ValueError("; ".join(wrong[:3]) + (f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""))
        return self

    @model_validator(mode="after")
    def _sheet_has_a_table(self) -> Layout:
        if self.sheet is not None and self.shape.kind not in TABLES:
            raise ValueError(f"a {self.shape.kind} layout reads no sheets")
        if self.sheet is not None and self.sheet.header_row is not None and not self.dialect.header:
            raise ValueError("sheet.header_row goes with a header")
        return self

    @model_validator(mode="after")
    def _shape_fits(self) -> Layout:
        if self.shape.kind == "signal_rows":
            compiles(self.stamps.columns)
            if len(self.stamps.columns) != 1 or not self.dialect.header:
                raise ValueError("signal_rows: stamps.columns is one pattern of the header's cells that are stamps")
        if (self.shape.kind == "espi") != (self.recognise.namespace is not None):
            raise ValueError("shape.kind = 'espi' goes with recognise.namespace")
        return self

    def rule(self, signal: str, asset: str | None = None) -> SignalRule | None:
        """The first rule that fits, or None for an undeclared signal."""
        return next((rule for rule in self.signal if rule.fits(signal, asset)), None)

    def ignores(self, column: str) -> bool:
        """Whether a column is declared not to be a signal."""
        return any(re.fullmatch(pattern, column) for pattern in self.ignore)


@dataclass(frozen=True)
class BrokenLayout:
    """A wrong layout file.

    Args:
        name: from the file's text, or else its file name.
        domain: from the file's text; None if it has none.
        error: in the layout.
        reads: the layout's rules for recognising files, if these are right, so that no other layout reads its files.
    """

    name: str
    domain: str | None
    error: TerminalError
    reads: Layout | None


def load_layout(path: Path) -> Layout:
    """Read and check one layout file.

    Raises:
        TerminalError: it is not TOML, or a key is wrong; the error names the file and the key.
    """
    try:
        return Layout.model_validate(_toml(path))
    except (ValueError, RecursionError, OSError) as error:
        raise _wrong(path, error) from error


def _toml(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():  # reading a pipe would block
        raise OSError("it is not a file")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _wrong(path: Path, error: Exception) -> TerminalError:
    if not isinstance(error, ValidationError):
        return TerminalError(f"layout {path}: {error}", "mend the layout file")
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "layout"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return TerminalError(
        f"layout {path}: {where}: {first['msg'].removeprefix('Value error, ')}{more}",
        "mend it; docs/layouts.md has every key",
    )


@lru_cache(maxsize=512)
def _loaded(path: Path, _changed_ns: int) -> Layout | BrokenLayout:
    toml: dict[str, Any] = {}
    try:
        toml = _toml(path)
        return Layout.model_validate(toml)
    except (ValueError, RecursionError, OSError) as error:
        name, domain = str(toml.get("name", path.stem)), toml.get("domain")
        return BrokenLayout(name, str(domain) if domain else None, _wrong(path, error), _recogniser(name, toml))


def _recogniser(name: str, toml: dict[str, Any]) -> Layout | None:
    """The rules of a broken layout for recognising files; None if these are wrong too."""

    def part(table: type[Part], key: str) -> Part:
        try:
            return table.model_validate(toml.get(key, {}))
        except ValidationError:
            return table()

    try:
        recognise = Recognise.model_validate(toml.get("recognise"))
    except ValidationError:
        return None
    stamps = StampRule(columns=("",))
    return Layout.model_construct(
        name=name, domain=str(toml.get("domain")), description="", recognise=recognise, stamps=stamps,
        dialect=part(Dialect, "dialect"), shape=part(Shape, "shape"), asset=AssetRule(), ignore=(), signal=(),
    )  # fmt: skip


def _files(folder: Path) -> list[tuple[Path, int]]:
    """Layout files of a user's folder with the time of their last change, which is -1 if unknown."""
    found = []
    for path in [folder] if folder.is_file() else sorted(folder.rglob("*.toml")):
        try:
            found.append((path, path.stat().st_mtime_ns))
        except OSError:
            found.append((path, -1))
    return found


def _all(folder: Path) -> list[Layout | BrokenLayout]:
    return [_loaded(path, changed_ns) for path, changed_ns in _files(folder)]


def layouts(domain: str, folder: Path | None = None) -> tuple[Layout, ...]:
    """Layouts of a domain: the valid ones of a user's folder (or one file of the user's), or the shipped ones."""
    found = _all(SHIPPED / domain if folder is None else folder)
    return tuple(layout for layout in found if isinstance(layout, Layout) and layout.domain == domain)


def broken_layouts(domain: str, folder: Path) -> tuple[BrokenLayout, ...]:
    """Wrong layout files of a user's folder that may be of a domain."""
    found = _all(folder)
    return tuple(one for one in found if isinstance(one, BrokenLayout) and one.domain in (domain, None))


def digest(folders: Iterable[Path]) -> str | None:
    """Digest of the user's own layout files, None if there are none: after a change the same bytes are read again."""
    hashed, some = hashlib.sha256(), False
    for path, _ in (found for folder in folders for found in _files(folder)):
        some = True
        try:
            hashed.update(path.read_bytes() if path.is_file() else b"")
        except OSError:
            hashed.update(b"cannot be read")
    return hashed.hexdigest()[:16] if some else None
