"""JSON text to plain values whose numbers stay text, and dotted paths into them."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from lakehouse.errors import UnreadableFile

#: Levels of nesting in a JSON file; known ones have five.
JSON_DEPTH = 64
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(content: bytes) -> Any:
    """Parse JSON with numbers kept as text, so that nothing passes through a float.

    Raises:
        UnreadableFile: it is not JSON, for example because it is cut off.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise UnreadableFile(f"the JSON says {twice!r} twice in one object", "fetch or export the file again")
        return found

    try:
        document = json.loads(
            content.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=members
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UnreadableFile(f"the JSON cannot be read: {error}", "fetch or export the file again") from error
    _check_json(document)
    return document


def _check_json(document: Any) -> None:
    """Refuse half a surrogate pair, and nesting beyond `JSON_DEPTH`.

    Raises:
        UnreadableFile: the document holds one of these.
    """
    level, here = 0, [document]
    while here:
        if level == JSON_DEPTH:
            raise UnreadableFile(f"the JSON nests deeper than {JSON_DEPTH} levels", "export a flat file")
        inner: list[Any] = []
        for value in here:
            if isinstance(value, dict):
                inner += value.keys()
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
                raise UnreadableFile("the JSON holds text that is no Unicode", "export the file again")
        level, here = level + 1, inner


def has_path(document: Any, path: str) -> bool:
    """Whether a dotted path exists in a JSON document."""
    return _walk(document, path) is not _MISSING


def at_path(document: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    found = _walk(document, path)
    return None if found is _MISSING else found


_MISSING = object()


def _walk(document: Any, path: str) -> Any:
    here = document
    for part in path.split("."):
        if isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        elif isinstance(here, dict) and part in here:
            here = here[part]
        else:
            return _MISSING
    return here
