"""Keeps secrets out of errors, log lines and tracebacks, in whatever encoding an answer repeats them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from itertools import takewhile
from typing import SupportsIndex
from urllib.parse import quote, quote_plus

#: Length from which the beginning of a secret counts as the secret.
RECOGNISED_CHARACTERS = 8


class Veiled(str):
    """A secret for the wire whose `repr` is empty, so that tracebacks with locals do not show it."""

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, part: SupportsIndex | slice) -> str:
        return Veiled(super().__getitem__(part))


class Secrets:
    """The secrets to keep out of errors.

    Args:
        texts: the first secrets.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._forms: list[str] = []  # the longest first
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Add a text that `scrub` removes from now on, in all its encodings."""
        if text and text not in self._forms:
            self._forms = sorted({*self._forms, *_forms(text)}, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """The text without secrets, also without the beginning of a secret at the end of a truncated text."""
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
    """The encodings of a secret: plain, in a URL or form, in HTML, in JSON, as a Python literal."""
    return {
        secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret),
        json.dumps(secret)[1:-1], repr(secret)[1:-1], repr(secret.encode())[2:-1],
    }  # fmt: skip


def _alike(one: str, other: str) -> int:
    """Length of the common prefix."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
