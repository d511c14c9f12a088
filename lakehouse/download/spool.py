"""The spool: downloaded documents that have not landed yet, each with a record of its origin.

```
<home>/downloads/<source>/<days>/<name>           the received bytes; where names repeat, in a folder for each document
<home>/downloads/<source>/<days>/.<name>.json     written after them: a document without it is not complete
```
A document leaves the spool once it has landed and its outcome is recorded. After a kill in between, the next run lands
it again, which changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from lakehouse.download.fetcher import Answer
from lakehouse.download.plan import Document
from lakehouse.storage import take_place

#: Fields of an answer that are kept as the origin of a document.
_ORIGIN = (
    "url", "http_status", "etag", "last_modified", "doc_id", "fetched_at", "published_at", "attempts", "bytes", "lacks",
)  # fmt: skip
_DAYS, _INSTANTS = ("start", "end"), ("due_at", "published_at")


@dataclass(frozen=True)
class Spooled:
    """A complete document in the spool.

    Args:
        path: of its bytes.
        document: as planned.
        origin: where it came from, see `lakehouse.archive.Receipt`; also attempts, bytes, and the parts that it lacks.
    """

    path: Path
    document: Document
    origin: dict[str, Any]


class Spool:
    """Documents of one source between download and landing.

    Args:
        folder: of the source's documents.
        simulated: whether they come from a simulator; documents of the other kind are left alone.
    """

    def __init__(self, folder: Path, simulated: bool = False) -> None:
        self._folder, self._simulated = folder, simulated

    def put(self, document: Document, answer: Answer, part: Path, lacks: str | None = None) -> Spooled:
        """Take a downloaded document in, whole or not at all; `lacks` names the wanted parts that it leaves out."""
        name = (answer.file_name if document.takes_name else None) or document.name
        folder = document.slice
        if document.takes_name or document.doc_id:  # two documents may have the same name
            folder += f"_{hashlib.sha256(document.key.encode()).hexdigest()[:8]}"
        path = self._folder / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _sidecar(path).unlink(missing_ok=True)
        size = part.stat().st_size
        take_place(part, path)
        published = document.published_at or _modified(document, answer)
        origin = {
            "url": answer.url, "http_status": answer.http_status, "etag": answer.etag,
            "last_modified": answer.last_modified, "doc_id": document.doc_id,
            "fetched_at": answer.fetched_at.isoformat() if answer.fetched_at else None,
            "published_at": published.isoformat() if published else None,
            "attempts": answer.attempts, "bytes": size, "lacks": lacks,
        }  # fmt: skip
        noted = {
            "origin": origin, "document": asdict(document), "simulated": self._simulated,
            "sha256": answer.sha256 if part == answer.path else _sha256(path),
        }  # fmt: skip
        written = path.with_name(f".{name}.part")
        written.write_text(json.dumps(noted, default=str, indent=1))
        take_place(written, _sidecar(path))
        return Spooled(path, document, origin)

    def waiting(self) -> list[Spooled]:
        """Complete documents of earlier runs, in the order of their days; incomplete ones are deleted."""
        found = []
        for path in sorted(self._folder.rglob("*")):
            if not path.is_file() or path.name.startswith("."):
                continue
            try:
                noted = json.loads(_sidecar(path).read_text())
                spooled = Spooled(path, _document(noted["document"]), {name: noted["origin"][name] for name in _ORIGIN})
                is_whole = noted["sha256"] == _sha256(path)
                is_ours = bool(noted["simulated"]) == self._simulated
            except (FileNotFoundError, ValueError, KeyError, TypeError):
                is_whole = False
            if not is_whole:
                path.unlink()
            elif is_ours:
                found.append(spooled)
        return found

    def drop(self, spooled: Spooled) -> None:
        """Take a document out; its sidecar is deleted last, so that a kill leaves no document without one."""
        spooled.path.unlink(missing_ok=True)
        _sidecar(spooled.path).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove empty folders."""
        for folder in _folders(self._folder):
            if not any(not name.name.startswith(".") for name in folder.iterdir()):
                shutil.rmtree(folder, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if path.is_dir())


def _sidecar(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _document(noted: dict[str, Any]) -> Document:
    values = {field.name: noted[field.name] for field in fields(Document)}
    values |= {name: date.fromisoformat(values[name]) for name in _DAYS}
    values |= {name: datetime.fromisoformat(values[name]) for name in _INSTANTS if values[name]}
    return Document(**{**values, "lanes": tuple(values["lanes"])})


def _modified(document: Document, answer: Answer) -> datetime | None:
    """When a final static file was published, by its header; a growing file dates from its last line."""
    return answer.modified_at if document.states_modified and document.is_final else None
