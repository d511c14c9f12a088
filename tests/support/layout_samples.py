"""Small valid files: one of every shipped layout at least."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass


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

_EAN = '="541448820000000001"'
_MIDNIGHTS = "TIMESTAMP,VERBR_KWH_181,VERBR_KWH_182,GELVR_KWH_281,GELVR_KWH_282,VERBR_KWH_X,GELVR_KWH_X,VERBR_GAS_X"
_REGISTERS = "{n}.957,2202.8,943.7,2211.4,{n}.1,0,{n}"
_SMA_DAILY_HEAD = """sep=,
Version CSV3|Tool WebUI|Linebreaks CR/LF|Delimiter comma

,STP 622,STP 622,STP 622
,TRIPOWER,TRIPOWER,TRIPOWER
,3005551234,3005551234,3005551234
,Metering.TotWhOut,Metering.GridMs.TotWhOut,Metering.GridMs.AbsWhIn
,Analog,Analog,Analog
DD.MM.YYYY hh:mm:ss,[Wh],[Wh],[Wh]"""
_HOUR = "<timePeriod><duration>3600</duration><start>{start}</start></timePeriod><value>{value}</value>"
_READINGS = "".join(
    f"<IntervalReading>{_HOUR.format(start=1_704_110_400 + 3600 * n, value=100 + n)}</IntervalReading>"
    for n in range(12)
)


def _homewizard(header: str, cells: str) -> str:
    return _table(f"time,{header}", [f"2025-06-24 {at},{cells.format(n=n)}" for n, at in enumerate(_minutes(12))])


def _fluvius_gas(header: str, register: str, more: str) -> str:
    return _table(
        header,
        [
            f"10-01-2022;{h:02d}:00:00;10-01-2022;{h + 1:02d}:00:00;{_EAN};7F;Meter;{register};{volume};{more}"
            for h in range(6, 14)
            for volume in ("0,495;m³", "5,445;kWh")
        ],
    )


#: Files of the layouts that are siblings of another one: its slow second reader does not know them.
SIBLINGS = (
    Sample(
        "espi", "meter", "in/home.xml",
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><entry><content>'
        '<ReadingType xmlns="http://naesb.org/espi"><uom>72</uom></ReadingType></content></entry><entry><content>'
        f'<IntervalBlock xmlns="http://naesb.org/espi">{_READINGS}</IntervalBlock></content></entry></feed>', "",
    ),
    Sample("homewizard_gas", "meter", "in/15min_P1g.csv", _homewizard("Total gas used", "1656.88{n}")),
    Sample("homewizard_kwh", "meter", "in/15min_1_phase.csv", _homewizard("Import kWh,Export kWh", "6199.52{n},0.015")),
    Sample("homewizard_water", "meter", "in/15min_Water.csv", _homewizard("water usage dl", "40{n}")),
    Sample(
        "fluvius_nl", "meter", "in/f_nl.csv",
        _table(
            "Van (datum);Van (tijdstip);Tot (datum);Tot (tijdstip);EAN-code;Meter;Metertype;Register;Volume;Eenheid;"
            "Validatiestatus;Omschrijving",
            [
                f"02-09-2025;{a}:00;02-09-2025;{b}:00;{_EAN};1SAG1;Digitale meter;{register};0,{n}5;kWh;Uitgelezen;"
                for n, (a, b) in enumerate(zip(_minutes(6), _minutes(7)[1:], strict=True))
                for register in ("Afname Nacht", "Injectie Nacht")
            ],
        ), ";",
    ),
    Sample(
        "fluvius_gas_nl", "meter", "in/g_nl.csv",
        _fluvius_gas(
            "Van (datum);Van (tijdstip);Tot (datum);Tot (tijdstip);EAN-code;Meter;Metertype;Register;Volume;Eenheid;"
            "Validatiestatus;Calorische Bovenwaarde", "Afname", "Gevalideerd;Voorlopig",
        ), ";",
    ),
    Sample(
        "fluvius_gas", "meter", "in/g.csv",
        _fluvius_gas(
            "From (date);From (time);Until (date);Until (time);EAN code;Meter;Meter type;Register;Volume;Unit;"
            "Validation status;Caloric upper value;Description", "Offtake", "Read;;",
        ), ";",
    ),
    Sample(
        "p1mon_day", "meter", "in/p1d.csv",
        _table(_MIDNIGHTS, [f"2021-03-{d:02d} 00:00:00,{_REGISTERS.format(n=d)}" for d in range(1, 11)]),
    ),
    Sample(
        "p1mon_month", "meter", "in/p1y.csv",
        _table(_MIDNIGHTS, [f"2021-{m:02d}-01 00:00:00,{_REGISTERS.format(n=m)}" for m in range(1, 13)]),
    ),
    Sample(
        "sma_daily", "meter", "in/sma_daily.csv",
        _table(_SMA_DAILY_HEAD, [f"{day:02d}.06.2020 00:00:00,{50_000 * day},NaN,{day}" for day in range(1, 25)]),
    ),
)  # fmt: skip
