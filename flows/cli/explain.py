"""`wattlake explain`: one number of a mart with its evidence, on the terminal or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from flows.cli.arguments import Name
from lakehouse.errors import WrongUsage

if TYPE_CHECKING:
    from flows.explain.chain import Explanation, Step

#: Columns of evidence that are left out first on a narrow terminal.
DROPPED = ("member", "published_basis", "published_at", "interval_end", "text", "location_type", "coverage")


class MartName(Name):
    """A mart."""

    name = "mart"

    def known(self) -> list[str]:
        """Every mart, without the schema."""
        from flows.names import marts

        return [name.removeprefix("marts.") for name in marts()]

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name without its schema.

        Raises:
            WrongUsage: there is no such mart.
        """
        from flows.names import did_you_mean

        name = value.removeprefix("marts.")
        if name in self.known():
            return name
        latest = name.removesuffix("_as_of")
        if name != latest and f"{latest}_superseded" in self.known():
            raise WrongUsage(
                f"{name}(instant) is a function over {latest} and {latest}_superseded",
                f"explain the row of {latest}, or that of {latest}_superseded where it is an earlier statement",
            )
        raise WrongUsage(
            f"there is no mart {value!r}", did_you_mean(name, self.known(), "`wattlake catalog` lists them")
        )


@click.command(
    epilog="\b\nExample:\n  wattlake explain energy_1d asset_id=m1 signal=pos_ae local_date=2024-06-01",
)
@click.argument("mart", type=MartName())
@click.argument("values", nargs=-1, metavar="COLUMN=VALUE...")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def explain(mart: str, values: tuple[str, ...], style: str) -> None:
    """Explain one number: row, rule, model, raw rows, and the lines of the files that they came from.

    COLUMN=VALUE pairs identify the row: those of its key, or any others that only one row has. Numbers are recomputed
    from the shown and counted rows, and shown beside the published ones; exit code 1 if they differ.
    """
    from flows.cli.base import house
    from flows.explain.chain import explain as explained

    found = explained(house(), mart, values)
    if style == "json":
        click.echo(json.dumps(as_json(found), indent=1, default=str, ensure_ascii=False))
    else:
        show(found)
    if not all(step.agrees for step in found.steps):
        raise click.exceptions.Exit(1)


def as_json(found: Explanation) -> dict[str, Any]:
    """Everything as plain values: exact numbers and instants as text."""
    from flows.explain.chain import shown

    def plain(row: dict[str, Any], columns: Any = None) -> dict[str, Any]:
        return {name: None if row[name] is None else _plain(row[name]) for name in columns or row if name in row}

    def _plain(value: object) -> object:
        return value if isinstance(value, bool | int | float | str | list) else shown(value)

    return {
        "mart": found.mart, "key": plain(found.key), "row": plain(found.row), "what": found.what,
        "rules": found.rules, "model": found.model, "depends_on": list(found.depends_on),
        "numbers": [
            {"column": step.column, "formula": step.formula, "recomputed": _plain(step.recomputed),
             "published": _plain(step.published), "agree": step.agrees}
            for step in found.steps
        ],
        "rows": [
            {"table": part.table, "what": part.what, "count": part.count,
             "shown": [plain(row, [*part.columns, "source_object"]) for row in part.some]}
            for part in found.evidence
        ],
        "lines": [vars(line) for line in found.lines],
        "next": found.next_command,
    }  # fmt: skip


def show(found: Explanation) -> None:
    """Print it for a person."""
    from flows.explain.chain import shown
    from flows.report.tables import plain, table

    click.echo(plain(f"{found.mart}  " + " ".join(f"{name}={shown(value)}" for name, value in found.key.items())))
    click.echo(plain(f"\n{found.what}"))
    for rule in found.rules:
        click.echo(plain(f"  - {rule}"))
    click.echo(f"model: {found.model}, which depends on {', '.join(found.depends_on) or 'no raw table'}\n")
    for step in found.steps:
        click.echo(plain(_verdict(step)))
    for part in found.evidence:
        some = part.some
        rest = f", {len(some)} of {part.count} shown" if part.count > len(some) else f", {part.count}"
        click.echo("")
        columns = [name for name in part.columns if any(row.get(name) is not None for row in some)]
        table(
            columns, [[shown(row[name]) if row[name] is not None else None for name in columns] for row in some],
            f"{part.table}: {part.what}{rest}", drop=[name for name in DROPPED if name in columns],
            more="--format json has all",
        )  # fmt: skip
    if found.lines:
        click.echo("\nThe lines, as the archive keeps them:")
    of: tuple[object, ...] = ()
    for line in found.lines:
        if of != (line.source_object, line.member):
            of = (line.source_object, line.member)
            inside = f", in it {line.member}" if line.member else ""
            click.echo(plain(f"  {line.file or 'a file'}{inside}  (sha256 {line.source_object})"))
        click.echo(plain(f"    {line.line:>7}: {line.text if line.text is not None else f'({line.note})'}"))
    if found.next_command:
        click.echo(plain(f"\nnext: {found.next_command}"))


def _verdict(step: Step) -> str:
    from flows.explain.chain import shown

    verdict = "agree" if step.agrees else "DIFFER"
    published = shown(step.published) if step.published is not None else "unknown"
    recomputed = shown(step.recomputed) if step.recomputed is not None else "unknown"
    return f"{step.column}: recomputed {recomputed}, published {published}: {verdict}\n    = {step.formula}"
