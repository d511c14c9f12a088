"""A layout file as a whole, and where layout files lie.

A layout is TOML under `ingest/layouts/<domain>/`, or in a folder of the user's. Every key is checked; an unknown one is
an error, so that a typo never changes how numbers are read. docs/layouts.md shows one from top to bottom.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from ingest.layout_checks import idle_keys
from ingest.layout_tables import (
    TABLES,
    AssetRule,
    Dialect,
    Recognise,
    Shape,
    SheetRule,
    SignalRule,
    StampRule,
    Strict,
    compiles,
)
from lakehouse.errors import TerminalError

SHIPPED = Path(__file__).parent / "layouts"


class Layout(Strict):
    """One layout file.

    Args:
        name: as in `--layout` and in raw.signals.layout.
        domain: `meter`, `bess`, ...
        description: one line.
        ignore: patterns of columns, registers or paths that are declared to be no signals.
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
        """Whether a column is declared to be no signal."""
        return any(re.fullmatch(pattern, column) for pattern in self.ignore)


def load_layout(path: Path) -> Layout:
    """Read and check one layout file.

    Raises:
        TerminalError: it is not TOML, or says something a layout cannot say; names the file and the key.
    """
    try:
        return Layout.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise TerminalError(f"layout {path}: {error}", "mend the layout file") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "layout"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise TerminalError(
            f"layout {path}: {where}: {first['msg']}{more}", "mend it; docs/layouts.md has every key"
        ) from error


@lru_cache(maxsize=512)
def _loaded(path: Path, changed_ns: int) -> Layout:
    return load_layout(path)


def layouts(domain: str, folder: Path | None = None) -> tuple[Layout, ...]:
    """Layouts of a domain: those of a user's folder (or one file of the user's), or the shipped ones."""
    if folder is not None and folder.is_file():
        paths = [folder]
    else:
        paths = sorted((SHIPPED / domain).glob("*.toml") if folder is None else folder.rglob("*.toml"))
    found = (_loaded(path, path.stat().st_mtime_ns) for path in paths)
    return tuple(layout for layout in found if layout.domain == domain)
