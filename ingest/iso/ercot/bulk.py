"""ERCOT's bulk downloads: many documents in one archive, each by its number."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from ingest.iso.answers import AGAIN, a_zip_or_csv
from lakehouse.errors import UnreadableFile


def unpack_documents(path: Path, doc_ids: frozenset[str], folder: Path) -> dict[str, Path | UnreadableFile]:
    """Split ERCOT's bulk download into its documents.

    Args:
        path: the outer archive, judged before; its files are `<docId>.<name>.zip`.
        doc_ids: requested documents.
        folder: gets one file per document, named by its id.

    Returns:
        Document id → its bytes, or the error if they are damaged. Other documents are left out.
    """
    found: dict[str, Path | UnreadableFile] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            doc_id = re.split(r"[./\\]", info.filename.rpartition("/")[2])[0]
            if doc_id not in doc_ids or doc_id in found:
                continue
            target = folder / f"{path.stem}-{doc_id}.part"
            with archive.open(info) as stream, target.open("wb") as file:
                while block := stream.read(1 << 20):
                    file.write(block)
            found[doc_id] = target
            if error := a_zip_or_csv(target, {}).error:
                target.unlink()
                found[doc_id] = UnreadableFile(f"document {doc_id} of a bulk download: {error.message}", AGAIN)
    return found
