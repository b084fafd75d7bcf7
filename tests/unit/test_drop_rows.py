"""Rows of a dropped file in every format: what is taken, and the line, reason and raw text of what is not."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from wattline.domain.fleet import BATTERY_TEMP, SOC
from wattline.domain.instants import MINUTE_MS, format_instant, parse_instant
from wattline.domain.loads import Format
from wattline.loading import csv_rows, json_rows, kind, lines
from wattline.loading.columns import LINE, Column
from wattline.loading.judging import Exactly, Instant, Number, Text, choice, identifier
from wattline.loading.kind import Drop, LateRejects, good_rows
from wattline.loading.staging import Unreadable

NOW = parse_instant("2024-06-14T12:00:00Z")


def _digit(text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise ValueError("is no digit")


COLUMNS = (
    Column("deviceId", identifier(), ("device_id",)),
    Column("ts", Instant(), ("timestamp",)),
    Column("temp", Number(BATTERY_TEMP)),
    Column("mode", choice(on="ON", off="OFF"), optional=True),
    Column("level", Exactly(_digit), optional=True),
)
HEADER = "deviceId,ts,temp\n"
GOOD = "d-1,2024-06-14T10:00:00Z,21.5"
ROW = ("d-1", parse_instant("2024-06-14T10:00:00Z"), 2150)


class Told:
    """What a kind told of its progress."""

    def __init__(self) -> None:
        self.rejects: list[tuple[int, str, str]] = []
        self.positions: list[int] = []

    def stored(self, rows: int) -> None:
        """Not used by readers."""

    def reject(self, line: int, reason: str, raw: str) -> None:
        self.rejects.append((line, reason, raw))

    def read_to(self, position: int) -> None:
        self.positions.append(position)


def drop_of(content: str | bytes, format_: Format, folder: Path) -> Drop:
    path = folder / "drop"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Drop(path, path.stat().st_size, "drops/test/file", format_, "0" * 32, NOW, NOW)


def read(
    content: str | bytes, folder: Path, format_: Format = Format.CSV, columns: Sequence[Column] = COLUMNS
) -> tuple[list[dict[str, Any]], list[tuple[int, str, str]]]:
    told = Told()
    rows = [row for table in good_rows(drop_of(content, format_, folder), columns, told) for row in table.to_pylist()]
    assert told.positions == sorted(told.positions)
    return rows, told.rejects


def values(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["deviceId"], row["ts"], row["temp"]) for row in rows]


@pytest.fixture(params=[40, 8 << 20], ids=["blocks of 40 bytes", "one block"])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(path: Path) -> Any:
        return lines.blocks(path, size=request.param)

    for module in (csv_rows, json_rows, kind):
        monkeypatch.setattr(module, "blocks", small)
    monkeypatch.setattr(json_rows, "ITEMS", 2 if request.param == 40 else 50_000)


pytestmark = pytest.mark.usefixtures("_block")


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}{GOOD}\n",
        f"{HEADER}{GOOD}",
        f"{HEADER}{GOOD}\r\n".replace("\n", "\r\n").replace("\r\r", "\r"),
        f"{HEADER}\n\n{GOOD}\n\n   \n",
        "temp,unknown,DEVICE_ID,Timestamp\n21.5,x,d-1,2024-06-14T10:00:00Z\n",
        '"deviceId","ts","temp"\n"d-1","2024-06-14T10:00:00Z","21.5"\n',
        " deviceId , ts ,temp\nd-1,2024-06-14T12:00:00+02:00, +2150e-2 \n",
        'deviceId,ts,temp,note\nd-1,2024-06-14T10-00-00Z,21.5,"a, b ""c"""\n',
        b"deviceId,ts,temp,note\nd-1,2024-06-14 10:00:00.000Z,21.5,\xff\xfe\n",
    ],
)
def test_csv_is_read_whatever_its_order_line_ends_and_quotes(content: str | bytes, tmp_path: Path) -> None:
    rows, rejects = read(content, tmp_path)
    assert rejects == []
    assert values(rows) == [ROW]


@pytest.mark.parametrize("length", [3, 63, 64, 100, 5_000])
def test_every_line_of_a_large_file_is_found_by_its_number(length: int, tmp_path: Path) -> None:
    texts = [f"{number:05d}".ljust(length - 1 - number % 2 * (length > 64), "x") for number in range(60_000 // length)]
    path = tmp_path / "drop"
    path.write_text("\n".join(texts) + "\n")
    size = path.stat().st_size
    found = [
        block.text(line)
        for block in lines.blocks(path, size=size // 2)
        for line in range(block.first_line, block.first_line + block.lines)
    ]
    assert found == [text[: lines.RAW_SHOWN] for text in texts]


def test_lines_are_numbered_as_an_editor_shows_them(tmp_path: Path) -> None:
    content = f"{HEADER}{GOOD}\n\n{GOOD}\nbad!,x,y\n\n\n{GOOD}"
    rows, rejects = read(content, tmp_path)
    assert [row[LINE] for row in rows] == [2, 4, 8]
    assert [(line, raw) for line, _, raw in rejects] == [(5, "bad!,x,y")]


CSV_FAULTS = [
    ("", None),
    (",2024-06-14T10:00:00Z,21.5", "deviceId: is missing"),
    ("bad id!,2024-06-14T10:00:00Z,21.5", "deviceId: must match ^[A-Za-z0-9_.:-]{1,64}$"),
    (f"{'x' * 65},2024-06-14T10:00:00Z,21.5", "deviceId: must match ^[A-Za-z0-9_.:-]{1,64}$"),
    ("d-1,,21.5", "ts: is missing"),
    ("d-1,yesterday,21.5", "ts: is not an RFC 3339 time with Z or an offset, like 2018-08-24T00:00:00Z"),
    ("d-1,2024-06-14T10:00:00,21.5", "ts: is not an RFC 3339 time with Z or an offset, like 2018-08-24T00:00:00Z"),
    ("d-1,2024-02-30T10:00:00Z,21.5", "ts: is not a time that exists: day is out of range for month"),
    ("d-1,2024-06-14T12:10:01Z,21.5", "ts: lies more than 10 minutes ahead"),
    ("d-1,1969-12-31T23:59:59Z,21.5", "ts: lies before 1970, where the history begins"),
    ("d-1,2024-06-14T10:00:00Z,", "temp: is missing"),
    ("d-1,2024-06-14T10:00:00Z,warm", "temp: is not a finite number"),
    ("d-1,2024-06-14T10:00:00Z,NaN", "temp: is not a finite number"),
    ("d-1,2024-06-14T10:00:00Z,-Infinity", "temp: is not a finite number"),
    ("d-1,2024-06-14T10:00:00Z,1e999", "temp: is not a finite number"),
    ("d-1,2024-06-14T10:00:00Z,0x10", "temp: is not a finite number"),
    ("d-1,2024-06-14T10:00:00Z,1_0", "temp: is not a finite number"),
    ("d-1,2024-06-14T10:00:00Z,150.01", "temp: must be from -60 to 150"),
    ("d-1,2024-06-14T10:00:00Z", "the row has 2 columns, and the header 3"),
    ("d-1,2024-06-14T10:00:00Z,21.5,7", "the row has 4 columns, and the header 3"),
    ('"d-1,2024-06-14T10:00:00Z,21.5', "a quote is not closed, or stands inside a value"),
    ('d-1,2024-06-14T10:00:00Z,2"1.5', "a quote is not closed, or stands inside a value"),
    (
        "bad!,x,y",
        "deviceId: must match ^[A-Za-z0-9_.:-]{1,64}$; ts: is not an RFC 3339 time with Z or an offset, "
        "like 2018-08-24T00:00:00Z; temp: is not a finite number",
    ),
]


@pytest.mark.parametrize(("line", "reason"), CSV_FAULTS)
def test_a_bad_row_is_told_and_its_neighbours_are_taken(line: str, reason: str | None, tmp_path: Path) -> None:
    rows, rejects = read(f"{HEADER}{GOOD}\n{line}\n{GOOD}\n", tmp_path)
    assert values(rows) == [ROW, ROW]
    assert [row[LINE] for row in rows] == [2, 4]
    assert rejects == ([] if reason is None else [(3, reason, line)])


def test_all_faults_in_one_file_each_keep_their_line(tmp_path: Path) -> None:
    bad = [(line, reason) for line, reason in CSV_FAULTS if reason]
    content = HEADER + "".join(f"{line}\n{GOOD}\n" for line, _ in bad)
    rows, rejects = read(content, tmp_path)
    assert rejects == [(2 * n + 2, reason, line) for n, (line, reason) in enumerate(bad)]
    assert [row[LINE] for row in rows] == [2 * n + 3 for n in range(len(bad))]


def test_a_file_of_bad_rows_alone_gives_no_row(tmp_path: Path) -> None:
    rows, rejects = read(f"{HEADER}a\nb\nc,\n", tmp_path)
    assert rows == []
    assert [line for line, _, _ in rejects] == [2, 3, 4]


def test_bytes_that_are_no_utf8_spoil_their_row_alone(tmp_path: Path) -> None:
    content = f"{HEADER}{GOOD}\n".encode() + b"d\xff,2024-06-14T10:00:00Z,21.5\n" + f"{GOOD}\n".encode()
    content += b"d-1,2024-06-14T10:00:00Z,\xff\nd-1,\xff,1\n"
    rows, rejects = read(content, tmp_path)
    assert values(rows) == [ROW, ROW]
    assert rejects == [
        (3, "deviceId: must match ^[A-Za-z0-9_.:-]{1,64}$", "d\ufffd,2024-06-14T10:00:00Z,21.5"),
        (5, "temp: is not a finite number", "d-1,2024-06-14T10:00:00Z,\ufffd"),
        (6, "ts: is not UTF-8", "d-1,\ufffd,1"),
    ]


def test_a_lone_carriage_return_ends_no_line(tmp_path: Path) -> None:
    rows, rejects = read(f"{HEADER}{GOOD}\r{GOOD}\n{GOOD}\n", tmp_path)
    assert [row[LINE] for row in rows] == [3]
    assert [(line, reason) for line, reason, _ in rejects] == [(2, "the row has 5 columns, and the header 3")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\n", "the first line is empty"),
        (f"\n{HEADER}{GOOD}\n", "the first line is empty"),
        (f"{GOOD}\n{GOOD}\n", "the header lacks deviceId, ts, temp; it has d-1, 2024-06-14T10:00:00Z, 21.5"),
        ("deviceId;ts;temp\n", "the header lacks deviceId, ts, temp; it has deviceId;ts;temp, and the columns are"),
        ("deviceId,ts\n", "the header lacks temp; it has deviceId, ts"),
        ("deviceId,ts,temp,device_id\n", "the header has the column deviceId twice"),
        ('deviceId,"ts,temp\n', "the header cannot be read"),
        (b"deviceId,ts,temp\xff\n", "the header cannot be read"),
        (f"{HEADER}{GOOD}\n".replace("\n", "\r"), "carriage returns alone"),
    ],
)
def test_a_file_without_its_header_fails_with_what_is_wrong(content: str | bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=reason.replace("[", r"\[")):
        read(content, tmp_path)


def test_a_header_that_is_too_long_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="the first line is too long for a header"):
        read(b"x" * 3_000_000 + b"\n", tmp_path)


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert read(HEADER, tmp_path) == ([], [])
    assert read(HEADER.strip(), tmp_path) == ([], [])


def test_optional_columns_may_be_absent_or_empty(tmp_path: Path) -> None:
    content = f"{HEADER.strip()},mode,level\n{GOOD},On,7\n{GOOD},,\n{GOOD},ajar,x\n{GOOD},off,\n"
    rows, rejects = read(content, tmp_path)
    assert [(row["mode"], row["level"]) for row in rows] == [("ON", 7), (None, None), ("OFF", None)]
    assert [(line, reason) for line, reason, _ in rejects] == [(4, "mode: must be one of on, off; level: is no digit")]
    rows, _ = read(f"{HEADER}{GOOD}\n", tmp_path)
    assert (rows[0]["mode"], rows[0]["level"]) == (None, None)


def item(**changes: object) -> dict[str, object]:
    return {"deviceId": "d-1", "ts": "2024-06-14T10:00:00Z", "temp": 21.5} | changes


JSON_FAULTS: list[tuple[object, str]] = [
    (item(deviceId=None), "deviceId: is missing"),
    ({"ts": "2024-06-14T10:00:00Z", "temp": 21.5}, "deviceId: is missing"),
    (item(deviceId="bad id!"), "deviceId: must match ^[A-Za-z0-9_.:-]{1,64}$"),
    (item(deviceId=1.5), "deviceId: is a number"),
    (item(deviceId=True), "deviceId: is a boolean"),
    (item(deviceId=["d"]), "deviceId: is a list"),
    (item(ts=1718359200000), "ts: is a number"),
    (item(ts="2024-06-14T12:10:01Z"), "ts: lies more than 10 minutes ahead"),
    (item(temp="21.5"), "temp: is a text"),
    (item(temp=True), "temp: is a boolean"),
    (item(temp={"value": 1}), "temp: is an object"),
    (item(temp=-60.01), "temp: must be from -60 to 150"),
    (item(temp=10**60), "temp: must be from -60 to 150"),
    (item(DEVICE_ID="d-2"), "deviceId: is given twice, as DEVICE_ID too"),
    ("text", "is not an object"),
    ([1], "is not an object"),
    (None, "is not an object"),
]
JSON_FORMS = ["list", "readings", "ndjson"]


def written(items: Sequence[object], form: str) -> tuple[str, Format, int]:
    """The file, its format, and the number of its first row less one."""
    if form == "ndjson":
        return "".join(f"{json.dumps(each)}\n" for each in items), Format.NDJSON, 0
    return json.dumps({"version": 2, "readings": items} if form == "readings" else items, indent=1), Format.JSON, 0


@pytest.mark.parametrize("form", JSON_FORMS)
def test_json_rows_are_judged_one_by_one_in_every_form(form: str, tmp_path: Path) -> None:
    items: list[object] = []
    for bad, _ in JSON_FAULTS:
        items += [bad, item()]
    content, format_, _ = written(items, form)
    rows, rejects = read(content, tmp_path, format_)
    assert values(rows) == [ROW] * len(JSON_FAULTS)
    assert [row[LINE] for row in rows] == [2 * n + 2 for n in range(len(JSON_FAULTS))]
    assert [(line, reason) for line, reason, _ in rejects] == [
        (2 * n + 1, reason) for n, (_, reason) in enumerate(JSON_FAULTS)
    ]
    assert [json.loads(raw) for _, _, raw in rejects] == [bad for bad, _ in JSON_FAULTS]


def test_a_single_object_is_one_row(tmp_path: Path) -> None:
    rows, rejects = read(json.dumps(item(level=7, mode="On")), tmp_path, Format.JSON)
    assert (values(rows), rows[0]["level"], rows[0]["mode"], rejects) == ([ROW], 7, "ON", [])
    rows, rejects = read(json.dumps(item(temp="x")), tmp_path, Format.JSON)
    assert rows == []
    assert [(line, reason) for line, reason, _ in rejects] == [(1, "temp: is a text")]


@pytest.mark.parametrize(
    "around",
    [
        {"errors": [], "readings": None},
        {"page": {"items": [], "tags": ["a"]}, "readings": None},
        {"errors": [{"code": 1}], "Data": None, "more": [{"code": 2}]},
        {"response": {"tags": ["a"], "items": None}},
        {"links": [], "rows": None},
        {"tags": [["a"], [{}]], "measured": None},
    ],
)
def test_the_rows_of_an_object_are_the_list_of_that_name_or_the_only_list_of_objects(
    around: dict[str, Any], tmp_path: Path
) -> None:
    content = json.dumps(around).replace("null", json.dumps([item(), item(temp="x")]))
    rows, rejects = read(content, tmp_path, Format.JSON)
    assert values(rows) == [ROW]
    assert [(line, reason) for line, reason, _ in rejects] == [(2, "temp: is a text")]


def test_an_object_with_lists_of_other_things_is_one_row(tmp_path: Path) -> None:
    rows, rejects = read(json.dumps(item(warnings=[], meta={"tags": ["a", 1]})), tmp_path, Format.JSON)
    assert (values(rows), rejects) == ([ROW], [])


def test_an_empty_list_of_rows_beside_other_objects_has_no_rows(tmp_path: Path) -> None:
    content = json.dumps({"errors": [{"code": 1}], "readings": [], "more": [{}]})
    assert read(content, tmp_path, Format.JSON) == ([], [])


def test_two_lists_that_might_be_the_rows_are_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"has the lists a, b\.c; call the one that holds the rows readings or data"):
        read(json.dumps({"a": [item()], "b": {"c": [item()]}}), tmp_path, Format.JSON)


@pytest.mark.parametrize("deep", [101, 1_500, 100_000])
def test_json_that_nobody_meant_to_be_so_deep_is_refused_at_once(deep: int, tmp_path: Path) -> None:
    content = f'[{json.dumps(item())}, {{"deviceId": {"[" * deep}{"]" * deep}}}]'
    with pytest.raises(Unreadable, match=f"nested {deep + 2:,} deep; 100 is the most"):
        read(content, tmp_path, Format.JSON)


def test_a_deep_item_is_rejected_and_its_neighbour_taken(tmp_path: Path) -> None:
    content = f'[{json.dumps(item())}, {{"deviceId": {"[" * 97}{"]" * 97}}}]'
    rows, rejects = read(content, tmp_path, Format.JSON)
    assert values(rows) == [ROW]
    assert [(line, reason) for line, reason, _ in rejects] == [(2, "deviceId: is a list")]


def test_integers_are_ids_by_their_decimal_text(tmp_path: Path) -> None:
    for form in JSON_FORMS:
        content, format_, _ = written([item(deviceId=12345678901234567890)], form)
        assert read(content, tmp_path, format_)[0][0]["deviceId"] == "12345678901234567890"


@pytest.mark.parametrize("form", JSON_FORMS)
def test_no_items_are_no_rows(form: str, tmp_path: Path) -> None:
    content, format_, _ = written([], form)
    assert read(content, tmp_path, format_) == ([], [])


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([item()] * 9)[:-30] + "}",
        json.dumps([item()] * 9)[:-1],
        json.dumps([item()] * 9).replace("21.5", "NaN", 1),
        json.dumps(item()) + "\n" + json.dumps(item()),
        '[{"a": 1},,]',
        "not json",
        "   ",
        '[{"a": "\xff"}]',
    ],
)
def test_json_that_is_broken_anywhere_fails_before_a_row_is_taken(content: str, tmp_path: Path) -> None:
    told = Told()
    raw = content.encode("latin-1")
    with pytest.raises(Unreadable, match=r"the file is not JSON: .*; objects one a line belong into a \.ndjson"):
        list(good_rows(drop_of(raw, Format.JSON, tmp_path), COLUMNS, told))
    assert told.rejects == []


def test_broken_lines_of_ndjson_are_rows_that_are_rejected(tmp_path: Path) -> None:
    good = json.dumps(item())
    bad = ['{"deviceId": ', "[" * 100_000, '{"temp": 1e', "NaN", good + good]
    content = "\n".join([good, "", *bad, good]).encode() + b'\r\n{"deviceId": "\xff"}\n'
    rows, rejects = read(content, tmp_path, Format.NDJSON)
    assert [row[LINE] for row in rows] == [1, 8]
    assert [line for line, _, _ in rejects] == [3, 4, 5, 6, 7, 9]
    assert all("the line is not JSON" in reason or reason == "is not an object" for _, reason, _ in rejects)
    assert [raw for _, _, raw in rejects] == [each[:500] for each in bad] + ['{"deviceId": "\ufffd"}']


@pytest.mark.parametrize("format_", list(Format))
def test_rows_refused_late_are_told_with_their_raw_texts(format_: Format, tmp_path: Path) -> None:
    if format_ is Format.CSV:
        raws = [HEADER.strip(), *(f"d-{n},x,1" for n in range(8))]
        content = "\n".join(raws)
    else:
        raws = [json.dumps(item(temp=n)) for n in range(9)]
        content = "\n".join(raws) if format_ is Format.NDJSON else f"[{','.join(raws)}]"
    told = Told()
    late = LateRejects(drop_of(content, format_, tmp_path), told)
    for line in (9, 2, 5):
        late.add(line, f"reason {line}")
    late.flush()
    late.flush()
    assert told.rejects == [(line, f"reason {line}", raws[line - 1]) for line in (2, 5, 9)]


def test_refusals_without_end_are_told_before_memory_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "LATE_REJECTS", 2)
    told = Told()
    late = LateRejects(drop_of("h\na\nb\nc\n", Format.CSV, tmp_path), told)
    for line in (2, 3, 4):
        late.add(line, "bad")
    assert [line for line, _, _ in told.rejects] == [2, 3]
    late.flush()
    assert told.rejects[-1] == (4, "bad", "c")


def test_all_columns_are_judged_as_of_now(tmp_path: Path) -> None:
    edge = format_instant(NOW + 10 * MINUTE_MS)
    assert read(f"{HEADER}d-1,{edge},1\n", tmp_path)[1] == []


def test_texts_are_kept_as_they_are(tmp_path: Path) -> None:
    columns = (Column("name", Text(lambda text: text)), Column("soc", Number(SOC)))
    content = 'name,soc\n"  Zoë, ""the first"" ",1\n😀,2\n'
    rows, _ = read(content, tmp_path, Format.CSV, columns)
    assert [row["name"] for row in rows] == ['  Zoë, "the first" ', "😀"]
