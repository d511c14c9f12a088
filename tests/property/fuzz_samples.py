"""One small valid file of every shipped layout, and the ways to break them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: kind of damage, two places, and which token: what Hypothesis draws, or a seeded generator.
Damage = tuple[int, int, int, int]


@dataclass(frozen=True)
class Sample:
    """A valid file.

    Args:
        layout: that reads it.
        domain: of the layout.
        path: name and folder that the layout may read names from.
        text: the file.
        delimiter: of its cells; '' in JSON.
    """

    layout: str
    domain: str
    path: str
    text: str
    delimiter: str = ","


def _table(header: str, rows: Sequence[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def _minutes(count: int, every: int = 15) -> list[str]:
    return [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, count * every, every)]


_SMA_HEAD = """sep=,
Version CSV3|Tool WebUI|Linebreaks CR/LF|Delimiter comma

,STP 622,STP 622,STP 622,STP 622
,TRIPOWER,TRIPOWER,TRIPOWER,TRIPOWER
,3005551234,3005551234,3005551234,3005551234
,Metering.TotWhOut,GridMs.TotPFPrc (Avg),Operation.Evt.EvtNo,GridMs.TotW (Avg)
,Analog,Analog,Analog,Analog
DD.MM.YYYY hh:mm:ss,[Wh],,,[W]"""

_ENEL_HEAD = "Giorno;" + ";".join(
    f"{m // 60:02d}:{m % 60:02d}-{(m + 15) // 60 % 24:02d}:{(m + 15) % 60:02d}" for m in range(0, 1440, 15)
)

_GIVENERGY = {
    "data": [
        {
            "time": f"2025-06-02T23:{minute:02d}:00Z",
            "status": "NORMAL",
            "power": {"battery": {"percent": 71, "power": 405 + minute}, "grid": {"voltage": 250.3}},
            "today": {"battery": {"charge": 0.1 * minute}, "consumption": 0.5},
        }
        for minute in range(6)
    ]
}
_SUNSYNK = {
    name: {
        f"{name}_time": {str(i): f"2022-09-21 00:{5 * i:02d}:00" for i in range(6)},
        f"{name}_value": {str(i): 10.5 * i for i in range(6)},
    }
    for name in ("battery", "grid_usage", "state_of_charge")
}

SAMPLES = (
    Sample(
        "reference_meter", "meter", "m1/com_ap.csv",
        _table("ts,com_ap", [f"2024-10-27 0{h}:{m}:00,{h}.{m}" for h in (0, 1, 2, 2, 3, 4) for m in (10, 20, 40)]),
    ),
    Sample(
        "reference_meter", "meter", "m1/pos_ae.csv",
        _table("ts;pos_ae", [f"{day}.06.2024 12:00;10{day},5" for day in range(11, 21)]), ";",
    ),
    Sample(
        "reference_bess", "bess", "b1/grid_w.csv",
        _table("ts,grid_w", [f"2024-06-01 {at}:00,-{n}.25" for n, at in enumerate(_minutes(12, 5))]),
    ),
    Sample(
        "lastgang", "meter", "in/haus.csv",
        _table("Datum,Zeit,Wirkleistung [kW]", [f"1/2/2024,{at}:00,{n}" for n, at in enumerate(_minutes(12))]),
    ),
    Sample(
        "fluvius", "meter", "in/f.csv",
        _table(
            "From (date);From (time);Until (date);Until (time);EAN code;Meter;Meter type;Register;Volume;Unit;"
            "Validation status;Description",
            [
                f'22/10/2023;{a}:00;22/10/2023;{b}:00;="541448820000000001";1SAG1;Digital;{register};0,{n}5;kWh;Read;'
                for n, (a, b) in enumerate(zip(_minutes(6), _minutes(7)[1:], strict=True))
                for register in ("Offtake Day", "Injection Night")
            ],
        ), ";",
    ),
    Sample(
        "dsmrreader", "meter", "in/d.csv",
        _table(
            "Hour Start,Electricity 1 (Low),Electricity 1 Returned (Low),Gas",
            [f"2024-01-01T{h:02d}:00:00+01:00,0.{h},0,0.03{h}" for h in range(10)],
        ),
    ),
    Sample(
        "p1mon_hour", "meter", "in/p1.csv",
        _table(
            "TIMESTAMP,VERBR_KWH_181,VERBR_KWH_182,GELVR_KWH_281,GELVR_KWH_282,TARIEFCODE,VERBR_GAS_2421,VERBR_GAS_X",
            [f"2021-03-03 {h}:00:00,3926.957,2202.89{h},943.772,2211.469,P,{h},0" for h in range(12, 22)],
        ),
    ),
    Sample(
        "p1mon_minute", "meter", "in/p1m.csv",
        _table(
            "TIMESTAMP,VERBR_KWH_181,VERBR_KWH_182,GELVR_KWH_281,GELVR_KWH_282,TARIEFCODE,ACT_VERBR_KW_170",
            [f"2024-02-01 11:{m:02d}:00,15125.339,5888.483,4005.2,9803.066,P,0.29{m}" for m in range(10)],
        ),
    ),
    Sample(
        "shelly_em3", "meter", "shelly/a.csv",
        _table(
            "Date/time UTC,Active energy Wh (A),Returned energy Wh (A)",
            [f"2025-01-11 {at},{n}.70,0.00" for n, at in enumerate(_minutes(10, 10))],
        ),
    ),
    Sample(
        "enphase", "meter", "in/e.csv",
        _table(
            "Date/Time,Energy Produced (Wh),Imported from Grid (Wh)",
            [f"10/12/2022 {h:02d}:00,{h * 7},{h}" for h in range(10)],
        ),
    ),
    Sample("enel", "meter", "in/enel.csv", _table(
        _ENEL_HEAD, [f"{day:02d}/09/2024;" + ";".join(f"0,{q:03d}" for q in range(96)) + ";" for day in range(1, 4)]
    ), ";"),
    Sample(
        "energiemanager", "meter", "in/em.csv",
        _table(
            "name;ean;code;moment;moment-date;value;factor;type",
            [
                f"Hof;8717177200000518{n % 2};{'el' + 'lt'[n % 2]}m;{1735686000 + n * 900};2025-01-01;3508{n};0.001;0"
                for n in range(10)
            ],
        ), ";",
    ),
    Sample(
        "homewizard", "meter", "in/hw.csv",
        _table(
            "time,Import T1 kWh,Import T2 kWh,Export T1 kWh",
            [f"2022-09-01 {at},8350.27{n},4650.277,3095.07" for n, at in enumerate(_minutes(10))],
        ),
    ),
    Sample(
        "opsd", "meter", "in/o.csv",
        _table(
            "utc_timestamp,cet_cest_timestamp,DE_KN_r4_grid_import,DE_KN_r4_pv,interpolated_values",
            [
                f"2015-10-04T{h:02d}:00:00Z,2015-10-04T{h + 2:02d}:00:00+0200,{h}.02,,{'DE_KN_r4_pv' if h % 3 else ''}"
                for h in range(1, 11)
            ],
        ),
    ),
    Sample(
        "mieterstrom", "meter", "in/m.csv",
        _table("name,time,Wh", [f"Wohnung {f},2025-01-01 {h:02d}:00:00,{h}10.0" for f in (1, 2) for h in range(5)]),
    ),
    Sample("sma", "meter", "in/sma.csv", _table(
        _SMA_HEAD, [f"30.06.2025 00:{5 * n:02d}:00,4191901{n},NaN,{n}.0,{n}5.5" for n in range(8)]
    )),
    Sample("toon", "meter", "toon/elec_flow_CurrentElectricityFlow_5min.csv", "".join(
        f"{1700000000 + 300 * n},{n * 3}\n" for n in range(10)
    )),
    Sample("toon", "meter", "toon/elec_quantity_nt_orig_CurrentElectricityQuantity_5yrhours.csv", "".join(
        f"{1700000000 + 3600 * n},{n * 3}.5\n" for n in range(10)
    )),
    Sample(
        "rack_bms", "bess", "in/r.csv",
        _table(
            "timestamp,BMU1_total_current [A],BMU1_SOC [%],BMU1_max_cell_volt,BMU1_SBMU1_current [A]",
            [f"2024-10-11 04:20:{n}.063764+00:00,-{n}.0,86.1,3.34,0.2999999999999545" for n in range(10, 20)],
        ),
    ),
    Sample(
        "cell_temperature", "bess", "in/c.csv",
        _table(
            "_time,Module9 Temperature Ch1,F_Module Fan Fault",
            [f"2023-08-21 00:00:{n}+00:00,0.{n}6129,{n % 2}.0" for n in range(10, 20)],
        ),
    ),
    Sample(
        "nem12", "meter", "in/n.csv",
        "100,NEM12,202401010000,A,B\n"
        "200,NMI1234567,E1B1,E1,E1,,METER,kWh,30,\n"
        f"300,20240101,{','.join(f'{n}.25' for n in range(48))},A,,,20240102,\n"
        f"300,20240102,{','.join(f'{n}.5' for n in range(48))},V,,,20240103,\n"
        "400,1,20,E52,,\n400,21,48,N,,\n"
        "200,NMI1234567,E1B1,B1,B1,,METER,kWh,30,\n"
        f"300,20240101,{','.join('0' for n in range(48))},A,,,20240102,\n"
        "900\n",
    ),
    Sample("givenergy", "bess", "inverter/g.json", json.dumps(_GIVENERGY), ""),
    Sample("sunsynk_json", "bess", "home/2022.json", json.dumps(_SUNSYNK), ""),
)  # fmt: skip

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
