"""Secrets stay out of errors, log lines and tracebacks, in whatever way an answer writes them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from itertools import takewhile
from typing import SupportsIndex
from urllib.parse import quote, quote_plus

#: So many characters of a secret are taken for it.
RECOGNISED_CHARACTERS = 8


class Veiled(str):
    """A secret as the wire needs it; what shows values for reading, as tracebacks with locals do, shows nothing."""

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, part: SupportsIndex | slice) -> str:
        return Veiled(super().__getitem__(part))


class Secrets:
    """What is kept out of errors.

    Args:
        texts: the first of them.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._forms: list[str] = []  # the longest first
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Keep a text, in whatever way it is written, out of what `scrub` gives from now on."""
        if text and text not in self._forms:
            self._forms = sorted({*self._forms, *_forms(text)}, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """Without secrets, also where only the beginning of one is left of a text that was cut."""
        beginnings = {re.escape(form[:RECOGNISED_CHARACTERS]) for form in self._forms}
        if not beginnings:
            return text
        kept, end = "", 0
        for found in re.finditer("|".join(beginnings), text):
            if found.start() >= end:
                kept += text[end : found.start()] + "***"
                end = found.start() + max(_alike(text[found.start() :], form) for form in self._forms)
        return kept + text[end:]


def _forms(secret: str) -> set[str]:
    """A secret as it may come back: as it is, in a URL or form, in HTML, in JSON, in Python's words."""
    return {
        secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret),
        json.dumps(secret)[1:-1], repr(secret)[1:-1], repr(secret.encode())[2:-1],
    }  # fmt: skip


def _alike(one: str, other: str) -> int:
    """How many characters at their beginnings are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
