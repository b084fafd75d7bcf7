"""Drops of meter readings and tariffs, through the loader on moto."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.emulated import emulate
from tests.loader import Loader, counts, means
from wattline.runtime.clock import now_ms


@pytest.fixture
def loader() -> Iterator[Loader]:
    with mock_aws():
        emulated = emulate()
        yield Loader(emulated, means(emulated.dynamodb, emulated.s3))


def obis_item(minute: int, value: object = 0.5, **more: object) -> dict[str, object]:
    timestamp = f"2023-02-01T00:{minute:02}:00.000Z"
    return {"timestamp": timestamp, "tags": {"muid": "m", "quality": "measured"}, "0100011D00FF": value, **more}


def amounts(loader: Loader) -> list[tuple[str, str, str, str]]:
    rows = loader.rows("obis_readings")
    return sorted((str(row["ts"])[11:16], row["code"], str(row["amount"]), row["quality"]) for row in rows)


def test_meter_readings_are_stored_by_register_and_bad_ones_named(loader: Loader) -> None:
    items = [obis_item(0, "0.25"), obis_item(15, 0.0117, **{"1-0:2.29.0": 1}), obis_item(30, "N/A"), obis_item(7), "?"]
    load = loader.drop(json.dumps({"data": items}), "drops/obis/file.json")
    assert counts(load) == ("complete_with_rejects", 6, 3, 3)
    assert amounts(loader) == [
        ("00:00", "0100011D00FF", "0.250000000", "measured"),
        ("00:15", "0100011D00FF", "0.011700000", "measured"),
        ("00:15", "0100021D00FF", "1.000000000", "measured"),
    ]
    assert {code.dotted for code in loader.means.stores.smart_meters.registers("m")} == {
        "1-0:1.29.0*255",
        "1-0:2.29.0*255",
    }
    rejects = loader.rejects(load)
    assert [(row["line"], row["reason"].split(":")[0]) for row in rejects] == [
        ("3", "0100011D00FF"),
        ("4", "0100011D00FF"),
        ("5", "is not an object"),
    ]
    assert json.loads(rejects[0]["raw"])["tags"]["muid"] == "m"


def test_a_meter_may_be_named_by_an_integer(loader: Loader) -> None:
    items = [obis_item(0) | {"tags": {"muid": muid, "quality": "measured"}} for muid in (12345, True, 1.5)]
    assert counts(loader.drop(json.dumps({"data": items}), "drops/obis/file.json")) == (
        "complete_with_rejects",
        3,
        1,
        2,
    )
    assert [row["muid"] for row in loader.rows("obis_readings")] == ["12345"]


def test_meter_readings_come_as_ndjson_and_as_csv_too(loader: Loader) -> None:
    lines = "\n".join(json.dumps(obis_item(minute)) for minute in (0, 15))
    assert counts(loader.drop(lines, "drops/obis/a.ndjson")) == ("complete", 2, 2, 0)
    rows = "muid,timestamp,code,value\nm,2023-02-01T00:30:00Z,1-0:1.29.0,0.5\nm,2023-02-01T00:45:00Z,nonsense,1\n"
    load = loader.drop(rows, "drops/obis/b.csv")
    assert counts(load) == ("complete_with_rejects", 2, 1, 1)
    assert [(row["line"], row["raw"]) for row in loader.rejects(load)] == [("3", "m,2023-02-01T00:45:00Z,nonsense,1")]
    assert [row[0] for row in amounts(loader)] == ["00:00", "00:15", "00:30"]
    assert amounts(loader)[2][3] == "unspecified"


def test_a_set_of_tariffs_replaces_the_one_before_or_fails_and_leaves_it(loader: Loader) -> None:
    good = Path("events/tariffs/swiss-dual.json").read_text()
    assert counts(loader.drop(good, "drops/tariffs/a.json")) == ("complete", 1, 1, 0)
    kept = loader.means.stores.tariffs.newest(now_ms() + 1_000)
    assert kept is not None and kept.document == good
    for bad, name in (
        (good.replace("0.32", "much"), "b.json"),
        ("[]", "c.json"),
        ("{", "d.json"),
        ("a,b\n1,2\n", "e.csv"),
        ('{"tariffs": "\udcff"}'.encode(errors="surrogateescape"), "f.json"),
    ):
        load = loader.drop(bad, f"drops/tariffs/{name}")
        assert load.state.value == "failed"
        assert load.reason
    assert loader.means.stores.tariffs.newest(now_ms() + 1_000) == kept
    one_a_line = json.dumps(json.loads(good)["tariffs"][0])
    assert counts(loader.drop(one_a_line, "drops/tariffs/g.ndjson")) == ("complete", 1, 1, 0)
