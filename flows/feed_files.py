"""Writes the parts of prefect.yaml and the docs that are made from declarations of feeds: `python -m flows.feed_files`.

Each part is between two marks in a file that people write.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ingest.feed import Deployment, Feed, Provider
from ingest.registry import declarations, feeds, provided_feeds
from lakehouse.errors import TerminalError

ROOT = Path(__file__).resolve().parents[1]
WRITE = "python -m flows.feed_files"
WIDTH = 120


def file_deployments() -> str:
    """The deployments `land/<source>` and `inbox/<source>-inbox` of each source of files only, for prefect.yaml."""
    lines: list[str] = []
    given = provided_feeds()
    for source in (name for name in feeds() if name not in given):
        lines += [
            f"  - name: {source}",
            "    entrypoint: flows.deployed.files.land",
            "    description: |",
            f"      Land files of `{source}` that lie where the worker can read them.",
            "      Landing the same bytes again changes nothing.",
            f"      A second landing of `{source}` while one runs is cancelled: run it again afterwards.",
            f"    tags: [landing, {source}]",
            f"    parameters: {{source: {source}, paths: []}}",
            "    concurrency_limit: *one_or_none",
            "    work_pool: *pool",
            "",
            f"  - name: {source}-inbox",
            "    entrypoint: flows.deployed.files.inbox",
            "    description: |",
            f"      Land what lies in the inbox folder `{source}` and put it away:",
            "      into `done`, or into `refused` beside its reason.",
            "      The inbox is WATTLAKE_INBOX, by default `inbox` in the home.",
            f"    tags: [landing, inbox, {source}]",
            f"    parameters: {{source: {source}}}",
            "    concurrency_limit: *one_or_none",
            "    schedules:",
            "      - slug: every-5-minutes",
            "        interval: 300",
            "        active: true",
            "    work_pool: *pool",
            "",
        ]
    return "\n".join(lines)


def download_deployments() -> str:
    """The deployments `realtime/<name>` that feeds name, for prefect.yaml."""
    lines: list[str] = []
    for _, provider, deployment, downloaded in _deployed():
        lines += [
            f"  - name: {deployment.name}",
            "    entrypoint: flows.deployed.downloads.realtime",
            "    description: |",
            *textwrap.wrap(deployment.description, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6),
            f"    tags: [download, {provider.name}]",
            "    parameters:",
            "      sources:",
            *(f"        - {feed.name}" for feed in downloaded),
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


def providers(domain: str) -> str:
    """A table of the providers of a domain, with accounts and limits, in Markdown."""
    rows = ["| provider | account | rate limit | reach |", "|---|---|---|---|"]
    for declared in declarations():
        if declared.domain == domain and (one := declared.provider):
            rows.append(f"| {one.title} | {one.account} | {one.limit} | {one.reach} |")
    return "\n".join(rows) + "\n"


def schedules(domain: str) -> str:
    """A table of a domain's deployments and their feeds, in Markdown."""
    rows = ["| deployment | by its clock | feeds |", "|---|---|---|"]
    for of_domain, provider, deployment, downloaded in _deployed():
        if of_domain == domain:
            listed = ", ".join(f"`{feed.name}`" for feed in downloaded)
            rows.append(f"| `realtime/{deployment.name}` | `{deployment.cron}`, {provider.zone} | {listed} |")
    return "\n".join(rows) + "\n"


def _deployed() -> Iterator[tuple[str, Provider, Deployment, list[Feed]]]:
    """Every deployment of downloads with its domain, provider and feeds, in the order of their declarations."""
    for declared in declarations():
        together: dict[Deployment, list[Feed]] = {}
        for feed in declared.feeds:
            if feed.deployment:
                together.setdefault(feed.deployment, []).append(feed)
        for deployment, downloaded in together.items():
            assert declared.provider, f"{deployment.name}: feeds that are downloaded have a provider"
            yield declared.domain, declared.provider, deployment, downloaded


#: (file, name of the part, form of its marks) → function that writes the part.
PARTS: dict[tuple[Path, str, str], Callable[[], str]] = {
    (ROOT / "prefect.yaml", "deployments of files", "  # {}"): file_deployments,
    (ROOT / "prefect.yaml", "deployments of downloads", "  # {}"): download_deployments,
    (ROOT / "docs" / "markets.md", "providers", "<!-- {} -->"): partial(providers, "iso"),
    (ROOT / "docs" / "markets.md", "schedules", "<!-- {} -->"): partial(schedules, "iso"),
}


def current() -> dict[Path, str]:
    """Every file with its parts as the declarations say.

    Raises:
        TerminalError: a file lacks the marks of a part.
    """
    texts: dict[Path, str] = {}
    for (path, part, mark), write in PARTS.items():
        text = texts.get(path) or path.read_text(encoding="utf-8")
        begin = mark.format(f"begin of {part}: made by `{WRITE}`; change the feeds.py in ingest instead") + "\n"
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
