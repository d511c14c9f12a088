"""How rows of markets are explained: every statement of one price or load, and the one that the row is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from flows.explain.chain import Explanation, House, Row, Step

#: What a mart of earlier statements is called: as the one of the latest, with this.
SUPERSEDED = "_superseded"
#: Columns that tell one load.
LOAD = ("iso", "report", "kind", "area", "area_type", "model", "interval_start")


def price(house: House, found: Explanation) -> None:
    """A price: every statement of it, and the one that counts, or that did until it was superseded."""
    row, table = found.row, f"raw.{found.mart.removesuffix(SUPERSEDED)}"
    column = "lmp_usd_mwh" if table == "raw.iso_prices" else "mcpc_usd_mw"
    where, values = "iso = ? AND market = ? AND interval_start = ? AND vintage <> 'advisory'", [
        row["iso"], row["market"], row["interval_start"],
    ]  # fmt: skip
    if table == "raw.as_prices":
        where, values = f"{where} AND location = ? AND product = ?", [*values, row["location"], row["product"]]
    elif row["iso"] == "ISONE" and row["market"] == "RT5" and row["location_id"]:
        # A node goes by its number in some reports and by its name in others.
        where, values = f"{where} AND price_type = ? AND location_id = ?", [
            *values, row["price_type"], row["location_id"],
        ]  # fmt: skip
    else:
        where, values = f"{where} AND price_type = ? AND location = ? AND location_type = ?", [
            *values, row["price_type"], row["location"], row["location_type"],
        ]  # fmt: skip
    found.rules += [
        "Of all statements of one price, a preliminary one gives way to any other; of the rest the one that was "
        "published last counts.",
        "Forecasts (vintage advisory) are in a mart of their own.",
    ]
    statements = house.evidence(
        table, "statements, the one that counts first",
        (column, "vintage", "published_at", "published_basis", "interval_end", "member", "line"), where, values,
        "vintage <> 'prelim' DESC, published_at DESC, source_object DESC, line DESC", limit=None,
    )  # fmt: skip
    found.evidence.append(statements)
    _steps(found, statements.rows, "price", (column,))


def load(house: House, found: Explanation) -> None:
    """A load: every statement of it by its report and model, and the one that counts, or that did."""
    found.rules += [
        "Each report and model states a load of its own. Of all statements of one, that which was published last "
        "counts; of several published at once, that which was received last.",
        "A forecast that does not say when it was published has that by the operator's schedule. A later one that "
        "differs from it and has the same time by the schedule counts from when it was received.",
    ]
    where = " AND ".join(f"{column} = ?" for column in LOAD)
    statements = house.evidence(
        "raw.system_load", "statements, the one that counts first",
        ("load_mw", "published_at", "published_basis", "received_at", "interval_end", "member", "line"),
        where, [found.row[column] for column in LOAD], "received_at, source_object", limit=None,
    )  # fmt: skip
    dated = sorted(
        ((one, _dated(one, statements.rows[:place])) for place, one in enumerate(statements.rows)),
        key=lambda pair: (pair[1]["published_at"], pair[1]["received_at"], pair[1]["source_object"]),
        reverse=True,
    )
    found.evidence.append(replace(statements, rows=[one for one, _ in dated]))
    _steps(found, [one for _, one in dated], "load", ("load_mw", "native_load_mw", "published_at", "published_basis"))
    if dated and "statements" in found.row:
        published, start = dated[0][1]["published_at"], found.row["interval_start"]
        formula = f"{published.isoformat()} < {start.isoformat()}"
        found.steps.append(Step("is_ahead", formula, published < start, found.row["is_ahead"]))


def _dated(statement: Row, earlier: Sequence[Row]) -> Row:
    """A statement of load with when it was published.

    Args:
        statement: as it landed.
        earlier: those of the same load that were received before it.
    """
    by_schedule = statement["published_basis"] == "schedule" and any(
        one["published_basis"] == "schedule" and one["published_at"] == statement["published_at"] for one in earlier
    )
    if not by_schedule:
        return statement
    published: datetime = max(statement["published_at"], statement["received_at"])
    return {**statement, "published_at": published, "published_basis": "received"}


def _steps(found: Explanation, statements: Sequence[Row], noun: str, columns: Sequence[str]) -> None:
    """The numbers of the row by its statement: the first of all, or the one that an earlier one was."""
    row = found.row
    if "statements" in row:
        place = 0 if statements else None
        found.steps.append(Step("statements", f"statements of this {noun}", len(statements), row["statements"]))
    else:
        keys = [name for name in ("source_object", "published_at", "vintage") if name in row]
        alike = [all(one[name] == row[name] for name in keys) for one in statements]
        place = alike.index(True) if True in alike else None
    if place is None:
        found.steps.append(Step("source_object", "no statement is this one", None, row["source_object"]))
        return
    chosen, above = statements[place], statements[:place]
    vintage = f"stated as {chosen['vintage']}, " if "vintage" in chosen else ""
    formula = f"{vintage}published {chosen['published_at'].isoformat()}"
    for column in columns:
        if row[column] is not None or chosen[column] is not None:
            found.steps.append(Step(column, formula, chosen[column], row[column]))
    if "superseded_at" in row:
        known = min((one["published_at"] for one in above), default=None)
        until = known and max(known, chosen["published_at"])
        formula = f"the first of {len(above)} statements that count before it was published then, or when it was itself"
        found.steps.append(Step("superseded_at", formula, until, row["superseded_at"]))
