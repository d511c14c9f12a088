"""Writes what the feeds' declarations say into prefect.yaml and the docs: `python -m flows.feed_files`.

Each part lies between two marks in a file that people write.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.feed import Deployment, Feed, Provider
from ingest.registry import declarations
from ingest.registry import providers as given_by
from lakehouse.errors import TerminalError

ROOT = Path(__file__).resolve().parents[1]
WRITE = "python -m flows.feed_files"
WIDTH = 120


def deployments() -> str:
    """A deployment `realtime/<name>` for each that feeds name, as prefect.yaml has it."""
    lines: list[str] = []
    for provider, deployment, feeds in _deployed():
        lines += [
            f"  - name: {deployment.name}",
            "    entrypoint: flows.deployed.markets.realtime",
            "    description: |",
            *textwrap.wrap(deployment.description, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6),
            f"    tags: [download, {provider.name}]",
            "    parameters:",
            "      sources:",
            *(f"        - {feed.name}" for feed in feeds),
            "    concurrency_limit: *one_or_none",
            "    schedules:",
            f"      - slug: {deployment.every}",
            f'        cron: "{deployment.cron}"',
            f"        timezone: {provider.zone}",
            "        active: false",
            "    work_pool: *pool",
            "",
        ]
    return "\n".join(lines)


def providers() -> str:
    """A table of what each provider needs, in Markdown."""
    rows = ["| operator | account | limit that is kept | where it ends |", "|---|---|---|---|"]
    rows += [f"| {one.title} | {one.account} | {one.limit} | {one.reach} |" for one in given_by()]
    return "\n".join(rows) + "\n"


def schedules() -> str:
    """A table of deployments and what each downloads, in Markdown."""
    rows = ["| deployment | by its clock | feeds |", "|---|---|---|"]
    for provider, deployment, feeds in _deployed():
        listed = ", ".join(f"`{feed.name}`" for feed in feeds)
        rows.append(f"| `realtime/{deployment.name}` | `{deployment.cron}`, {provider.zone} | {listed} |")
    return "\n".join(rows) + "\n"


def _deployed() -> Iterator[tuple[Provider, Deployment, list[Feed]]]:
    """Every deployment with its feeds, in the order of their declarations."""
    for declared in declarations():
        together: dict[Deployment, list[Feed]] = {}
        for feed in declared.feeds:
            if feed.deployment:
                together.setdefault(feed.deployment, []).append(feed)
        for deployment, feeds in together.items():
            assert declared.provider, f"{deployment.name}: feeds that are downloaded have a provider"
            yield declared.provider, deployment, feeds


#: File, the part's name in its marks, how a mark is written there → what writes the part.
PARTS: dict[tuple[Path, str, str], Callable[[], str]] = {
    (ROOT / "prefect.yaml", "deployments of feeds", "  # {}"): deployments,
    (ROOT / "docs" / "markets.md", "providers", "<!-- {} -->"): providers,
    (ROOT / "docs" / "markets.md", "schedules", "<!-- {} -->"): schedules,
}


def current() -> dict[Path, str]:
    """Every file with its parts as the declarations say.

    Raises:
        TerminalError: a file lacks the marks of a part.
    """
    texts: dict[Path, str] = {}
    for (path, part, mark), write in PARTS.items():
        text = texts.get(path) or path.read_text(encoding="utf-8")
        begin = mark.format(f"begin of {part}: made by `{WRITE}`; change ingest/*/*/feeds.py instead") + "\n"
        end = mark.format(f"end of {part}") + "\n"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise TerminalError(f"{path} lacks the marks of {part}", f"put {begin.strip()} and {end.strip()} into it")
        texts[path] = f"{before}{begin}{write()}{end}{after}"
    return texts


def main() -> None:
    """Write the files."""
    for path, text in current().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
