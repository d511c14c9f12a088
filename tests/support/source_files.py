"""Files for every registered source: one of each form that a market has, one at least of each shipped layout.

Those of a source that is neither lie in `tests/fixtures/<source>/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from ingest.registry import feeds, registry
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile, standing
from tests.support.given import raw_file
from tests.support.layout_samples import SAMPLES, SIBLINGS
from tests.support.market_documents import AUTUMN, PLAIN, RECEIVED, SIMULATED, few, of_day


@dataclass(frozen=True)
class SourceFile:
    """A file that its source reads.

    Args:
        source: its name.
        name: the file's folder and name.
        content: its bytes.
        options: that a user gives with it.
        published_at: when its operator says that it published it.
        layout: that reads it; '' where nobody asks.
    """

    source: str
    name: str
    content: bytes
    options: LandOptions = field(default_factory=LandOptions)
    published_at: datetime | None = None
    layout: str = ""

    def with_content(self, content: bytes) -> SourceFile:
        """Other bytes under the same name."""
        return replace(self, content=content)

    def raw(self, block: int | None = None) -> RawFile:
        """As a source is given it, in blocks of so many bytes."""
        return raw_file(self.content, self.name, block=block, published_at=self.published_at, received_at=RECEIVED)

    def parse(self, block: int | None = None) -> list[Parsed]:
        """All pieces.

        Raises:
            UnreadableFile: it is none that its source reads.
        """
        return standing(registry().named(self.source).parse(self.raw(block), self.options))

    def parse_or_nothing(self) -> list[Parsed]:
        """All pieces; none where the file is refused, which leaves nothing of pieces before either."""
        try:
            return self.parse()
        except UnreadableFile as error:
            assert error.next_step
            return []

    def written(self, folder: Path) -> Path:
        """The file below a folder."""
        path = folder / self.source / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content)
        return path


#: Folders with a folder of files a source.
FIXTURES = [Path(__file__).resolve().parents[1] / "fixtures"]
#: Sources whose files are read by layouts.
DOMAINS = tuple(name for name, feed in feeds().items() if feed.read is None)


@lru_cache(maxsize=64)
def files_of(name: str) -> list[SourceFile]:
    """The files of a source; none if nobody has made any. Those of markets are of a day on which clocks go back."""
    if name in DOMAINS:
        samples = [sample for sample in (*SAMPLES, *SIBLINGS) if sample.domain == name]
        return [SourceFile(name, s.path, s.text.encode(), SIMULATED, layout=s.layout) for s in samples]
    if given := [path for folder in FIXTURES for path in sorted((folder / name).rglob("*")) if path.is_file()]:
        return [SourceFile(name, path.name, path.read_bytes(), SIMULATED) for path in given]
    # Batteries are resources of their own in disclosures of December 2025 and later.
    days = (AUTUMN, PLAIN) if name == "ercot-60d" else (AUTUMN,)
    documents = [(day, document) for day in days if name in of_day(day) for document in few(name, day)]
    return [SourceFile(name, f"{day}/{d.name}", d.content, SIMULATED, d.published_at) for day, d in documents]
