"""The door for downloaded documents, each with its origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.errors import printable
from lakehouse.landing.kernel import Progress, check_options, land
from lakehouse.landing.outcome import LandReport
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry


@dataclass(frozen=True)
class LocalDocument:
    """A document that was downloaded.

    Args:
        path: where its bytes lie; its name is the document's.
        origin: where they came from, see `lakehouse.archive.Receipt`.
    """

    path: Path
    origin: Mapping[str, object] = field(default_factory=dict)


def land_documents(
    settings: Settings,
    registry: Registry,
    source_name: str,
    documents: Sequence[LocalDocument],
    options: LandOptions,
    progress: Progress = lambda done, total, name: None,
) -> LandReport:
    """Land documents of one source, in the order given, as one commit a table.

    Args:
        settings: of the home.
        registry: every source.
        source_name: name of the source.
        documents: each with a path of its own; one whose bytes are gone or unreadable is refused and the others land.
        options: land options for all of them.
        progress: called for each document.

    Returns:
        Outcomes under the resolved paths.

    Raises:
        WrongUsage: there is no such source, or it does not take an option.
        TerminalError: the home holds the other kind (real, simulated) of assets.
        ContractViolation: only a stream lands into a table of the source.
    """
    source = registry.named(source_name)
    check_options(source, options)
    inputs = {document.path.resolve(): document.origin for document in documents}
    asked = {"documents": [printable(path) for path in inputs]}
    return land(settings, registry, source, inputs, options, asked, progress)
