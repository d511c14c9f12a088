"""docs/layouts.md is the reference of layouts: it has every key, and every example in it is one that loads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ingest.layouts.engine.layout import Layout
from ingest.layouts.engine.layout_tables import AssetRule, Dialect, Recognise, Shape, SheetRule, StampRule, Strict
from ingest.layouts.engine.signal_rule import SignalRule

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "layouts.md").read_text()
#: Heading of a section → the model that it documents, and what a table of one key more needs to be one.
SECTIONS: dict[str, tuple[type[Strict], dict[str, Any]]] = {
    "The file itself": (Layout, {}),
    "`[recognise]`": (Recognise, {"header": ["a"]}),
    "`[sheet]`": (SheetRule, {}),
    "`[dialect]`": (Dialect, {}),
    "`[stamps]`": (StampRule, {"columns": ["a"]}),
    "`[shape]`": (Shape, {}),
    "`[asset]`": (AssetRule, {}),
    "`[[signal]]`": (SignalRule, {"kind": "counter"}),
}
#: Keys that only make sense beside others.
BESIDE: dict[str, dict[str, Any]] = {
    "unit_in_signal": {"kind": "long", "value_column": "v", "unit_column": "u"},
    "column": {"source": "column"},
}


def rows(heading: str) -> dict[str, str]:
    """Key → its example, from the table below a heading."""
    section = re.search(rf"^### {re.escape(heading)}.*?$(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, heading
    cells = [re.split(r"(?<!\\) *\| *", line.strip("| ")) for line in section[1].splitlines() if line.startswith("| `")]
    return {key.strip("`"): example.strip("`").replace("\\|", "|") for key, _, example in cells}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_a_layout_is_in_the_reference(heading: str) -> None:
    tables = {"recognise", "sheet", "dialect", "stamps", "shape", "asset", "signal"}
    model, _ = SECTIONS[heading]
    expected = set(model.model_fields) - (tables if model is Layout else set())
    assert set(rows(heading)) == expected


@pytest.mark.parametrize(("heading", "key"), [(heading, key) for heading in SECTIONS for key in rows(heading)])
def test_every_example_of_a_key_is_one_that_a_layout_may_say(heading: str, key: str) -> None:
    model, base = SECTIONS[heading]
    said = tomllib.loads(rows(heading)[key])
    assert set(said) == {key}
    if model is Layout:
        base = tomllib.loads(blocks()[0])
    if model is SignalRule and key not in ("name", "match"):
        base = {**base, "name": "a"}
    loaded = model.model_validate({**base, **BESIDE.get(key, {}), **said})
    assert getattr(loaded, key) not in (None, ())


def blocks() -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks(), ids=lambda text: text.split('"')[1])
def test_every_layout_of_the_page_loads(text: str) -> None:
    assert Layout.model_validate(tomllib.loads(text)).name.startswith("my_")


def test_the_page_has_a_layout_of_every_shape_that_users_write() -> None:
    shown = {Layout.model_validate(tomllib.loads(text)).shape.kind for text in blocks()}
    assert shown == {"wide", "long", "day_rows", "signal_rows", "json_records"}
