"""The ways to break a small valid file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from tests.support.layout_samples import Sample

#: kind of damage, two places, and which token: what Hypothesis draws, or a seeded generator.
Damage = tuple[int, int, int, int]


CELLS = (
    "", " ", "-", "+", ".", "NaN", "nan", "Inf", "-inf", "Infinity", "null", "None", "1e400", "-1e400", "1e-400",
    "1E5", "2e-7", "-0", "-0.0", "007", "+5", "1.", ".5", "1,5", "1.5", "1.234,5", "1,234.5", "1,234", "1.234",
    "1 234", "1'234", "1_000", "0x1F", "1e", "e1", "1e9999", "--1", "+-1", "\u0663", "\uff11\uff12", "²", "½",
    "12345678901234567890", "999999999999.9999999", "0.0000005", "0.0000015", "123456789012.345678", "0." + "3" * 80,
    "9" * 400, "1" + "0" * 5000, "\u00a07", "7\u2003", "\ufeff7", "\u202e7", "7\x00", "7\t", "7\x0b", "7\u2028", '"7',
    '7"', '"7"', '"7"8', '""', '"', '""7""', "'7'", '="7"', "7\r8", "\r", "true", "False", "7;8", "7,8", "7|8", "7%",
    "7 kWh", "€7", "#REF!", "=1+1", "'; DROP TABLE x; --", "../../etc/passwd", "*?[]", "\U0001f50b", "E1", "W", "300",
    "400", "16.07.2024",
)  # fmt: skip
STAMPS = (
    "", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "-001-01-01 00:00:00", "10000-01-01 00:00",
    "1969-12-31 23:59:59", "2100-01-01 00:00:00", "2024-02-30 00:00:00", "2024-13-01 00:00", "2024-03-31 02:30:00",
    "2024-10-27 02:30:00", "2024-06-01 24:00:00", "2024-06-01 05", "2024-06-01", "2024-06-01T05:00:00Z",
    "2024-06-01T05:00:00+02", "2024-06-01 05:00+0530", "2024-06-01 05:00:00.1", "2024-06-01 05:00:00.123456",
    "2024-06-01 05:00:00.1234567", "2024-06-01 05:00:60", "20240601", "1717200000", "1717200000.5", "17172000000",
    "1717200000000", "99999999999999999999", "1.6.2024 5:00", "01.06.2024 24:00", "13/06/2024 05:00",
    "06/13/2024 05:00", "1/6/2024 5:00:00", "32.01.2024 05:00:00", "00.00.0000 00:00", "2024-6-1 5:00",
    "\u0662\u0660\u0662\u0664-\u0660\u0666-\u0660\u0661 \u0660\u0665:\u0660\u0660", "2024-06-01 05:00:00+99:99",
    "NaN", "now", "2024-06-01 05:00:00 ", "\u00a02024-06-01 05:00:00",
)  # fmt: skip
LINES = (
    "", " ", "\t", ",", ";", ",,,,", "x", "ts,com_ap", '"', '""', "\x00", "\ufeff", "\ufeffts,com_ap", "# comment",
    "Total;;;", "900", "100,NEM12", "200,NMI,E1,E1,E1,,M,kWh,0,", "200,NMI,E1,E1,E1,,M,kWh,²,",
    "200,N,E1,E1,E1,,M,kWh,7,", "300,20240103,1,2,3", "300,x", "400,1,99,A", "400,x,y,z", "400,1,48,V,,", "\r",
    "a\rb", "\u2028", "x" * 9000, '1"2,"3', "sep=;",
)  # fmt: skip
HEADERS = (
    "", "ts", "TS", "com_ap", "pos_ae", "x", "x [kW]", "(column 1)", "com_ap #2", "'; DROP TABLE x; --", "\ufeffts",
    '"ts"', "Unit", "1" * 400,
)  # fmt: skip
BYTES = (
    b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\r", b"\n", b'"', b"\xef\xbb\xbf", b",", b";", b"\x1a", b"\x1f\x8b",
    b"\xf0\x9f\x94\x8b", b"\x85",
)  # fmt: skip
JSONS = (
    "null", "true", "NaN", "Infinity", "-0", "1e400", "9" * 400, '""', '"x"', '"1,5"', "[]", "{}", "[[1]]",
    '{"a": 1}', '"\\ud800"', '"\\u0000"', '{"a.b": 1, "a": {"b": 2}}', '{"a": 1, "a": 2}', "1.0000005", "0.1",
    '"2024-06-01T05:00:00Z"', '"NaN"', '"\\u0663"', "[" * 70 + "]" * 70,
)  # fmt: skip


def _cell(pick: Callable[[list[str], int], int], tokens: Sequence[str]) -> Callable[..., str]:
    def damaged(text: str, delimiter: str, row: int, column: int, token: int) -> str:
        lines = text.split("\n")
        at = row % len(lines)
        cells = lines[at].split(delimiter)
        cells[pick(cells, column)] = tokens[token % len(tokens)]
        lines[at] = delimiter.join(cells)
        return "\n".join(lines)

    return damaged


def _lines(change: Callable[[list[str], int, int, str], object]) -> Callable[..., str]:
    def damaged(text: str, delimiter: str, row: int, column: int, token: int) -> str:
        lines = text.split("\n")
        change(lines, row % len(lines), column % len(lines), LINES[token % len(LINES)])
        return "\n".join(lines)

    return damaged


def _swap(lines: list[str], a: int, b: int, _: str) -> None:
    lines[a], lines[b] = lines[b], lines[a]


def _quoted(text: str, delimiter: str, row: int, column: int, token: int) -> str:
    return "\n".join(
        delimiter.join(f'"{cell}"' for cell in line.split(delimiter)) if line and at % (1 + token % 3) == 0 else line
        for at, line in enumerate(text.split("\n"))
    )


def _header(text: str, delimiter: str, row: int, column: int, token: int) -> str:
    return _cell(lambda cells, at: at % len(cells), HEADERS)(text, delimiter, row % 8 * (row % 3), column, token)


_TEXT: tuple[Callable[..., str], ...] = (
    _cell(lambda cells, at: at % len(cells), CELLS),
    _cell(lambda cells, at: at % len(cells), CELLS),
    _cell(lambda cells, at: len(cells) - 1, CELLS),
    _cell(lambda cells, at: at % min(2, len(cells)), STAMPS),
    _cell(lambda cells, at: at % len(cells), STAMPS),
    _lines(lambda lines, a, b, token: lines.insert(a, token)),
    _lines(lambda lines, a, b, token: lines.insert(a, lines[b])),
    _lines(lambda lines, a, b, token: lines.pop(a)),
    _lines(_swap),
    _header,
    _quoted,
    lambda text, delimiter, a, b, token: text.replace(delimiter or ",", ",;\t|"[token % 4]),
    lambda text, delimiter, a, b, token: text.replace(".", ",") if token % 2 else text.replace(",", "."),
    lambda text, delimiter, a, b, token: text.replace("\n", ("\r", "\r\n", "\r\r\n", "\n\n")[token % 4]),
    lambda text, delimiter, a, b, token: text + ("\ufeff" if token % 2 else "") + text,
)
_JSON: tuple[Callable[..., str], ...] = (
    lambda text, d, a, b, token: _replace_nth(r"(?<=: )(-?[\d.]+|\"[^\"]*\")", text, a, JSONS[token % len(JSONS)]),
    lambda text, d, a, b, token: _replace_nth(r"\"[^\"]*\"(?=: )", text, a, f'"{HEADERS[token % len(HEADERS)]}"'),
    lambda text, d, a, b, token: _replace_nth(r"(?<=: )\"[^\"]*\"", text, a, json.dumps(STAMPS[token % len(STAMPS)])),
    lambda text, d, a, b, token: _replace_nth(r"(?<=: )[\d.]+", text, a, json.dumps(CELLS[token % len(CELLS)])),
)
_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp500")


def _replace_nth(pattern: str, text: str, number: int, new: str) -> str:
    hits = list(re.finditer(pattern, text))
    if not hits:
        return text
    hit = hits[number % len(hits)]
    return text[: hit.start()] + new + text[hit.end() :]


def _bytes(content: bytes, kind: int, a: int, b: int, token: int) -> bytes:
    at = a * 65_537 % (len(content) + 1)
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + BYTES[token % len(BYTES)] + content[at:]
    if kind == 2:
        return content[:at] + content[at + b % 40 :]
    if kind == 3:
        return content[:at] + bytes((token + n * b) % 256 for n in range(b % 60)) + content[at:]
    return content.decode("utf-8", "replace").encode(_ENCODINGS[token % len(_ENCODINGS)], "replace")


_BYTE_KINDS = 5


def damage(sample: Sample, damages: Sequence[Damage]) -> bytes:
    """The file after all damages, in their order; those to text come before those to bytes."""
    text, binary = sample.text, []
    ways = _TEXT if sample.delimiter else _JSON
    for kind, a, b, token in damages:
        way = kind % (len(ways) + _BYTE_KINDS)
        if way < len(ways):
            text = ways[way](text, sample.delimiter, a, b, token)
        else:
            binary.append((way - len(ways), a, b, token))
    content = text.encode("utf-8", "surrogatepass")
    for way, a, b, token in binary:
        content = _bytes(content, way, a, b, token)
    return content
