"""Files as they really come: line ends, marks, broken rows. Nothing is silently wrong."""

from __future__ import annotations

import random

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.parsing import parse, refused, rows, stamps, values, write_layout

HEAD = "ts,com_ap\n"
BODY = "2024-06-01 00:00:00,1.5\n2024-06-01 00:00:30,-2\n"


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + BODY).encode(),
        (HEAD + BODY).replace("\n", "\r\n").encode(),
        (HEAD + BODY).replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + (HEAD + BODY).encode(),
        (HEAD + BODY).encode("utf-16"),
        (HEAD + BODY).rstrip("\n").encode(),
        ("\n\n" + HEAD + "\n" + BODY + "\n\n").encode(),
        ("sep=,\n" + HEAD + BODY).encode(),
        (HEAD + BODY).replace(",", ";").encode(),
        (HEAD + BODY).replace(",", ";").replace("1.5", "1,5").encode(),
        (HEAD + BODY).replace(",", "\t").encode(),
        (HEAD + BODY).replace("ts,", '"ts",').replace("1.5", '"1.5"').encode(),
        (HEAD + BODY).replace(",", " , ").encode(),
    ],
    ids=[
        "lf",
        "crlf",
        "cr",
        "bom",
        "utf16",
        "no_final_newline",
        "blank_lines",
        "sep",
        "semicolon",
        "comma",
        "tab",
        "quoted",
        "blanks",
    ],
)
def test_the_same_rows_in_any_honest_spelling_land_the_same(content: bytes) -> None:
    parsed = parse(content)
    assert (values(parsed), refused(parsed)) == ([1.5, -2.0], [])
    assert stamps(parsed) == ["2024-05-31 22:00:00", "2024-05-31 22:00:30"]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    parsed = parse("\ufeff\n" + HEAD + "\n2024-06-01 00:00:00,1\r\n\n2024-06-01 00:00:30,x\n2024-06-01 00:01:00,3")
    assert [row["line"] for row in rows(parsed)] == [4, 7]
    assert [(r["line"], r["raw_text"]) for r in parsed.rejects.to_pylist()] == [(6, "2024-06-01 00:00:30,x")]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"   \r\n"])
def test_an_empty_file_is_one_clear_error(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="empty"):
        parse(content)


def test_a_header_without_rows_is_one_clear_error() -> None:
    with pytest.raises(UnreadableFile, match="no rows"):
        parse(HEAD)


def test_a_binary_file_is_one_clear_error() -> None:
    with pytest.raises(UnreadableFile, match="no known meter file"):
        parse(bytes(range(256)) * 40)


def test_a_truncated_last_line_is_refused_and_the_rest_lands() -> None:
    parsed = parse(HEAD + BODY + "2024-06-01 00:0")
    assert values(parsed) == [1.5, -2.0]
    assert [(line, reason) for line, _, reason in refused(parsed)] == [(4, "the row has 1 cells, not 2")]


def test_short_and_long_rows_are_refused_by_line() -> None:
    parsed = parse(HEAD + "2024-06-01 00:00:00\n" + BODY + "2024-06-01 00:02:00,1,2\n2024-06-01 00:03:00,9\n")
    assert values(parsed) == [1.5, -2.0, 9.0]
    assert [(line, field) for line, field, _ in refused(parsed)] == [(2, ""), (5, "")]
    assert [row["line"] for row in rows(parsed)] == [3, 4, 6]
    assert parsed.rows_read == 5


def test_a_nul_byte_costs_its_line_only() -> None:
    parsed = parse((HEAD + BODY).encode() + b"2024-06-01 00:02:00,\x00\x00\n2024-06-01 00:03:00,4\n")
    assert values(parsed) == [1.5, -2.0, 4.0]
    ((line, _, reason),) = refused(parsed)
    assert line == 4 and "NUL" in reason


def test_bytes_that_are_no_utf8_cost_their_line_only() -> None:
    parsed = parse((HEAD + BODY).encode() + b"2024-06-01 00:02:00,\xff\n2024-06-01 00:03:00,4\n")
    assert values(parsed) == [1.5, -2.0, 4.0]
    ((line, _, reason),) = refused(parsed)
    assert line == 4 and "UTF-8" in reason


def test_an_open_quote_costs_its_line_only() -> None:
    parsed = parse(HEAD + '2024-06-01 00:00:00,"1\n' + BODY)
    assert values(parsed) == [1.5, -2.0]
    ((line, _, reason),) = refused(parsed)
    assert line == 2 and "quote" in reason


@pytest.mark.parametrize("word", ["inf", "-inf", "nan", "NaN", "Infinity", "1_000", "0x10", "1,5", "--1", "1e400", "٣"])
def test_what_is_no_number_is_refused_and_never_guessed(word: str) -> None:
    good = "".join(f"2024-06-01 00:01:{second:02},1.0\n" for second in range(30))
    parsed = parse(HEAD + f'2024-06-01 00:00:00,"{word}"\n' + good)
    assert values(parsed) == [1.0] * 30
    assert [(line, field) for line, field, _ in refused(parsed)] == [(2, "com_ap")]


def test_a_comma_inside_quotes_is_a_decimal_sign_when_nothing_speaks_against_it() -> None:
    assert values(parse(HEAD + '2024-06-01 00:00:00,"1,5"\n2024-06-01 00:00:30,"0,25"\n')) == [1.5, 0.25]


def test_a_bad_cell_leaves_the_rest_of_its_row() -> None:
    parsed = parse("ts,com_ap,pos_ae\n2024-06-01 00:00:00,x,12.345\n2024-06-01 00:00:30,2,\n")
    assert [(row["signal"], row["value"]) for row in rows(parsed)] == [("pos_ae", 12.345), ("com_ap", 2.0)]
    assert [(line, field) for line, field, _ in refused(parsed)] == [(2, "com_ap")]
    assert (parsed.rows_read, parsed.rows_empty) == (4, 1)


@pytest.mark.parametrize(
    ("text", "exact"),
    [("1000000000000", None), ("999999999999.999999", "999999999999.999999"), ("-1e12", None), ("1e3", "1000")],
)
def test_a_counter_beyond_its_decimal_is_refused(text: str, exact: str | None) -> None:
    parsed = parse(f"ts,pos_ae\n2024-06-01 00:00:00,{text}\n2024-06-01 00:00:30,1\n")
    found = [str(row["value_exact"].normalize()) for row in rows(parsed)]
    if exact is None:
        assert found == ["1"] and "DECIMAL" in refused(parsed)[0][2]
    else:
        assert found[0] in (exact, "1E+3")


def test_decimals_beyond_the_sixth_are_rounded_half_even_and_counted() -> None:
    body = "".join(
        f"2024-06-01 00:00:0{n},{text}\n" for n, text in enumerate(["0.0000005", "0.0000015", "2.5", "7e-7"])
    )
    parsed = parse("ts,pos_ae\n" + body)
    assert [str(row["value_exact"]) for row in rows(parsed)] == ["0.000000", "0.000002", "2.500000", "0.000001"]
    assert parsed.dialect["rounded_cells"] == 3


def test_a_repeated_header_inside_the_file_is_refused_as_a_row() -> None:
    parsed = parse(HEAD + BODY + HEAD + BODY)
    assert values(parsed) == [1.5, -2.0, 1.5, -2.0]
    assert [line for line, _, _ in refused(parsed)] == [4]


# Date order, decided over the whole file.


def test_day_and_month_are_told_apart_by_the_one_row_that_can(tmp_path: object) -> None:
    body = "".join(f"{day}/1/2024 0:00,{day}\n" for day in range(1, 14))
    parsed = parse(HEAD + body)
    assert parsed.dialect["stamp_format"] == "%d/%m/%Y %H:%M"
    assert stamps(parsed)[0] == "2023-12-31 23:00:00" and stamps(parsed)[-1] == "2024-01-12 23:00:00"
    american = "".join(f"1/{day}/2024 0:00,{day}\n" for day in range(1, 14))
    assert stamps(parse(HEAD + american)) == stamps(parsed)


def test_dates_that_read_both_ways_all_through_the_file_are_an_error() -> None:
    body = "".join(f"{day}/{month}/2024 0:00,1\n" for day in range(1, 13) for month in (1, 2))
    with pytest.raises(UnreadableFile, match="%d/%m/%Y") as error:
        parse(HEAD + body)
    assert "layout" in error.value.next_step


def test_a_number_that_parts_thousands_or_decimals_is_an_error() -> None:
    with pytest.raises(UnreadableFile, match="thousands"):
        parse("ts;com_ap\n2024-06-01 00:00:00;1,234\n2024-06-01 00:01:00;12,500\n")
    assert values(parse("ts;com_ap\n2024-06-01 00:00:00;1,234\n2024-06-01 00:01:00;0,500\n")) == [1.234, 0.5]


def test_thousands_dots_go_only_where_they_part_groups_of_three() -> None:
    good = "".join(f"2024-06-01 00:01:{second:02};1.234.567,5\n" for second in range(30))
    parsed = parse("ts;pos_ae\n2024-06-01 00:00:00;0.5\n2024-06-01 00:00:30;12,25\n" + good)
    assert values(parsed) == [12.25] + [1234567.5] * 30
    assert [line for line, _, _ in refused(parsed)] == [2]


def test_numbers_that_contradict_each_other_are_an_error() -> None:
    with pytest.raises(UnreadableFile, match="thousands or decimals"):
        parse("ts;com_ap\n2024-06-01 00:00:00;1,5\n2024-06-01 00:01:00;1.5\n")


# Stamps and intervals.


def test_a_declared_zone_and_offsets_are_kept_apart(tmp_path: object) -> None:
    parsed = parse("ts,com_ap\n2024-06-01T00:00:00+02:00,1\n2024-06-01T00:00:00Z,2\n", timezone="America/New_York")
    assert stamps(parsed) == ["2024-05-31 22:00:00", "2024-06-01 00:00:00"]
    (asset,) = parsed.tables["assets"].to_pylist()
    assert asset["time_zone"] == "America/New_York"


def test_an_end_stamp_at_midnight_belongs_to_the_day_before() -> None:
    head = "Datum,Zeit,Wirkleistung [kW]\n"
    for body in ("1/2/2024,0:00:00,5\n13/2/2024,0:00:00,5\n", "31/1/2024,24:00:00,5\n12/2/2024,24:00:00,5\n"):
        parsed = parse(head + body)
        assert stamps(parsed) == ["2024-01-31 22:45:00", "2024-02-12 22:45:00"]


def test_the_spring_hour_that_does_not_exist_is_refused() -> None:
    body = "".join(f"2024-03-31 {h:02}:30:00,{h}\n" for h in (1, 2, 3))
    parsed = parse(HEAD + body)
    assert stamps(parsed) == ["2024-03-31 00:30:00", "2024-03-31 01:30:00"]
    ((line, field, reason),) = refused(parsed)
    assert (line, field) == (3, "") and "does not exist" in reason


def test_an_unknown_zone_is_one_clear_error() -> None:
    with pytest.raises(Exception, match="Mars/Olympus"):
        parse(HEAD + BODY, timezone="Mars/Olympus")


def test_an_hour_of_which_one_pass_is_missing_is_refused_with_the_reason() -> None:
    body = "".join(f"2024-10-27 {h:02}:00:00,{h}\n" for h in range(24))
    parsed = parse(HEAD + body)
    ((line, _, reason),) = refused(parsed)
    assert line == 4 and "twice" in reason
    assert len(values(parsed)) == 23


def test_intervals_of_mixed_length_take_the_step_to_the_next_row() -> None:
    head = "Date/time UTC,Active energy Wh (A),Returned energy Wh (A)\n"
    stamps_text = ["00:00", "00:10", "00:20", "00:21", "00:22", "05:00", "05:10", "04:00"]
    parsed = parse(head + "".join(f"2025-01-11 {at},1.0,0.0\n" for at in stamps_text))
    active = [row for row in rows(parsed) if row["signal"] == "Active energy Wh (A)"]
    lengths = [(row["interval_end"] - row["ts"]).total_seconds() for row in active]
    assert lengths == [600, 600, 60, 60, 60, 600, 600]
    # The last row stands alone: how long its interval is, nobody can tell.
    assert [line for line, _, _ in refused(parsed)] == [9, 9]


def test_intervals_of_mixed_length_are_the_same_in_any_order_of_rows() -> None:
    head = "Date/time UTC,Active energy Wh (A),Returned energy Wh (A)\n"
    minutes = [*range(0, 2000, 10), *range(2000, 2100)]
    body = [f"2025-01-{11 + at // 1440} {at // 60 % 24:02}:{at % 60:02},{at}.0,0.0" for at in minutes]
    whole = {(row["ts"], row["interval_end"]) for row in rows(parse(head + "\n".join(body)))}
    assert len(whole) == len(minutes)
    mixed = random.Random(1).sample(body, len(body))
    assert {(row["ts"], row["interval_end"]) for row in rows(parse(head + "\n".join(mixed)))} == whole


def test_an_interval_whose_end_contradicts_its_start_is_refused() -> None:
    head = "From (date);From (time);Until (date);Until (time);EAN code;Register;Volume;Unit;Validation status\n"
    row = '{0};{1};{2};{3};="541448820052377134";Offtake Day;0,1;kWh;Read\n'
    parsed = parse(
        head
        + row.format("03/06/2024", "00:00:00", "03/06/2024", "00:15:00")
        + row.format("03/06/2024", "00:15:00", "03/06/2024", "01:15:00")
        + row.format("31/03/2024", "01:45:00", "31/03/2024", "03:00:00")
    )
    assert stamps(parsed) == ["2024-06-02 22:00:00", "2024-03-31 00:45:00"]
    assert [line for line, _, _ in refused(parsed)] == [3]
    assert {row["asset_id"] for row in rows(parsed)} == {"541448820052377134"}


def test_a_register_or_unit_that_is_not_declared_is_refused_row_by_row() -> None:
    head = "From (date);From (time);Until (date);Until (time);EAN code;Register;Volume;Unit;Validation status\n"
    day = "03/06/2024;00:00:00;03/06/2024;00:15:00;5414;"
    parsed = parse(
        head + day + "Offtake;0,1;kWh;Read\n" + day + "Reactive;0,1;kVArh;Read\n" + day + "Offtake;1;Wh;Read\n"
    )
    assert [row["value"] for row in rows(parsed)] == [0.1]
    assert [line for line, _, _ in refused(parsed)] == [3, 4]


def test_another_resolution_of_a_known_format_is_refused_and_not_read_with_wrong_intervals() -> None:
    head = "Datum,Zeit,Wirkleistung [kW]\n"
    for step, count in ((5, 30), (60, 600)):
        minutes = [step * n for n in range(1, count)]
        body = [f"{1 + at // 1440}/5/2024,{at // 60 % 24}:{at % 60:02}:00,1" for at in minutes]
        with pytest.raises(UnreadableFile, match=f"{step * 60} s apart"):
            parse(head + "\n".join(body))


def test_rows_in_any_order_or_split_over_files_are_the_same_profile() -> None:
    head = "Datum,Zeit,Wirkleistung [kW]\n"
    body = [f"{1 + n // 96}/5/2024,{n // 4 % 24}:{n % 4 * 15:02}:00,{n}" for n in range(1, 96 * 20)]
    whole = {(row["ts"], row["value"]) for row in rows(parse(head + "\n".join(body)))}
    mixed = random.Random(5).sample(body, len(body))
    assert {(row["ts"], row["value"]) for row in rows(parse(head + "\n".join(mixed)))} == whole
    parts = [parse(head + "\n".join(body[start::2])) for start in (0, 1)]
    assert {(row["ts"], row["value"]) for part in parts for row in rows(part)} == whole


# Whose data it is.


def test_the_asset_is_the_folder_or_what_the_user_says() -> None:
    def asset(**options: object) -> object:
        return rows(parse(HEAD + BODY, "m4/com_ap.csv", **options))[0]["asset_id"]

    assert asset() == "m4"
    assert asset(asset="main") == "main"
    assert asset(site="nord") == "nord/m4"
    assert asset(asset="main", site="nord") == "nord/main"


def test_one_asset_id_is_not_given_to_several_meters_of_a_file() -> None:
    text = "name,time,Wh\nA,2025-01-01 00:00:00,1\nB,2025-01-01 00:00:00,2\n"
    assert len(rows(parse(text))) == 2
    with pytest.raises(UnreadableFile, match="holds 2"):
        parse(text, asset="x")
    assert {row["asset_id"] for row in rows(parse(text, site="house"))} == {"house/A", "house/B"}


def test_what_the_user_says_of_an_asset_lands_with_it() -> None:
    parsed = parse(HEAD + BODY, "m1/com_ap.csv", max_power_kw=30.0, simulated=True, site="s", site_timezone="UTC")
    (asset,) = parsed.tables["assets"].to_pylist()
    assert asset == {
        "asset_id": "s/m1",
        "domain": "meter",
        "native_id": None,
        "site_id": "s",
        "time_zone": "UTC",
        "is_simulated": True,
        "max_power_kw": 30.0,
        "capacity_kwh": None,
    }


def test_the_calendar_is_the_users_zone_before_the_layouts() -> None:
    def calendar(text: str, **options: object) -> object:
        return parse(text, **options).tables["assets"]["time_zone"][0].as_py()

    apartment = "name,time,Wh\nA,2025-01-01 00:00:00,1\n"
    assert calendar(HEAD + BODY) == "Europe/Berlin"
    assert calendar(HEAD + BODY, timezone="Africa/Johannesburg") == "Africa/Johannesburg"
    assert calendar(HEAD + BODY, timezone="UTC", site_timezone="Asia/Tokyo") == "Asia/Tokyo"
    assert calendar(apartment) == "Europe/Berlin"
    assert stamps(parse(apartment)) == ["2025-01-01 00:00:00"]


@pytest.mark.parametrize(("serial", "asset"), [("3005432109", "3005432109"), ("XXXXXXXXXX", "export")])
def test_an_inverter_is_its_serial_number_where_the_file_has_one(serial: str, asset: str) -> None:
    text = (
        "sep=,\nVersion CSV3|Tool WebUI|Linebreaks CR/LF|Delimiter comma\n\n,STP8.0,STP8.0\n,Roof,Roof\n"
        f",{serial},{serial}\n,Metering.TotWhOut,GridMs.TotW (Avg)\n,Analog,Analog\n"
        "DD.MM.YYYY hh:mm:ss,[Wh],[W]\n30.06.2025 00:00:00,41919016,NaN\n"
    )
    parsed = parse(text, "roof/export.csv")
    (row,) = parsed.tables["assets"].to_pylist()
    assert row["asset_id"] == asset and row["native_id"] == (serial if serial.isdigit() else None)
    assert [(row["signal"], row["value"]) for row in rows(parsed)] == [("Metering.TotWhOut", 41919016.0)]
    assert parsed.rows_empty == 1


def test_dates_of_another_order_than_declared_are_refused_as_a_whole() -> None:
    head = "Date/Time,Energy Produced (Wh)\n"
    days = "".join(f"{day:02}/06/2024 12:00,1\n" for day in range(1, 31))
    with pytest.raises(UnreadableFile, match="12 of 30 stamps"):
        parse(head + days)
    months = "".join(f"06/{day:02}/2024 12:00,1\n" for day in range(1, 31))
    assert len(rows(parse(head + months + "13/06/2024 12:00,1\n"))) == 30


# Kinds without plain numbers.


def test_codes_keep_their_text_and_categories_have_no_number(tmp_path: object) -> None:
    parsed = parse("ts,fa1_ErrCode\n2024-06-01 00:00:00,17.0\n2024-06-01 00:01:00,E7\n", "s/f.csv", "bess")
    assert [(row["text"], row["value"]) for row in rows(parsed)] == [("17", 17.0), ("E7", None)]
    flag = parse("ts,fa1_SmokeFlag\n2024-06-01 00:00:00,true\n2024-06-01 00:01:00,0\n", "s/f.csv", "bess")
    assert [(row["text"], row["value"]) for row in rows(flag)] == [(None, 1.0), (None, 0.0)]


@pytest.mark.parametrize("text", ['{"data": [', '{"data": []}', "[1, 2]", '{"other": 1}'])
def test_json_that_is_broken_or_unknown_is_one_clear_error(text: str) -> None:
    with pytest.raises(UnreadableFile) as error:
        parse(text, "giv/day.json", "bess")
    assert error.value.next_step


def test_a_json_record_with_a_bad_cell_keeps_its_others() -> None:
    record = (
        '{"time": "2025-06-02T23:06:00Z", "power": {"battery": {"percent": %s, "power": 5}}, "today": {"solar": 0.1}}'
    )
    text = '{"data": [' + ",".join(record % cell for cell in ("71", '"?"', "null", "NaN")) + "]}"
    parsed = parse(text, "giv/day.json", "bess")
    found = [(row["line"], row["signal"], row["value"]) for row in rows(parsed)]
    assert [cell for cell in found if "percent" in cell[1]] == [(1, "power.battery.percent", 71.0)]
    assert len(found) == 9 and parsed.rows_empty == 1
    assert [(line, field) for line, field, _ in refused(parsed)] == [
        (2, "power.battery.percent"),
        (4, "power.battery.percent"),
    ]


def test_a_broken_nem12_day_costs_that_day_only() -> None:
    day = "300,2024010{0}," + ",".join(["1.5"] * 48) + ",{1},,,20240105000000,\n"
    text = (
        "100,NEM12,202401050000,A,B\n200,NMI1,E1,1,E1,N1,MET,kWh,30,\n"
        + day.format(1, "A")
        + "300,20240102,1,2,3\n"
        + day.format(3, "V")
        + "400,1,2,E52,,\n400,3,48,A,,\n"
        + "300,20241399,"
        + ",".join(["1"] * 48)
        + ",A,,,,\n900\n"
    )
    parsed = parse(text)
    assert len(rows(parsed)) == 96
    assert [line for line, _, _ in refused(parsed)] == [4, 8]
    assert [row["text"] for row in rows(parsed)][48:51] == ["E52", "E52", "A"]
    assert stamps(parsed)[0] == "2023-12-31 14:00:00"  # midnight in market time, UTC+10


def test_no_shipped_layout_takes_a_file_with_a_users_columns(tmp_path) -> None:
    text = "when,power\n2024-06-01 00:00:00,1\n"
    with pytest.raises(UnreadableFile):
        parse(text)
    folder = write_layout(tmp_path / "x", kind="interval_mean", stamps='interval_s = 60\nmarks = "end"')
    (row,) = rows(parse(text, dirs=[folder]))
    assert str(row["ts"]) == "2024-05-31 21:59:00+00:00" and str(row["interval_end"]) == "2024-05-31 22:00:00+00:00"
