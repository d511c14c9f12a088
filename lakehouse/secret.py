"""Texts that are never shown: passwords, tokens, and URIs that hold one."""

from __future__ import annotations


class Secret:
    """A text that only `get_secret_value` gives: `str` and `repr` show stars, and so does every error and log."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('**********')"
