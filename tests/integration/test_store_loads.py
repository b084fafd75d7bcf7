"""Drops of polls, opening hours and time zones, on moto."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from tests.emulated import BUCKET
from tests.loader import Loader, counts, running_loader
from wattline.adapters.store_sets import S3StoreSets, SetKind
from wattline.domain.instants import FOREVER_MS, parse_instant
from wattline.domain.stores import Opening
from wattline.loading.run import take_drop

HOURS = "drops/stores/hours/hours.csv"
ZONES = "drops/stores/timezones/zones.csv"
STATUS = "drops/stores/status/polls.csv"
HOURS_HEADER = "store_id,day,start_time_local,end_time_local\n"


@pytest.fixture
def loader() -> Iterator[Loader]:
    with running_loader() as running:
        yield running


def sets(loader: Loader) -> S3StoreSets:
    return loader.means.stores.store_sets


def test_polls_of_any_fraction_become_history_and_the_newest_is_known(loader: Loader) -> None:
    rows = [
        "8419537941919820732,active,2023-01-22 12:09:39.388884 UTC",
        "54515546588432327,inactive,2023-01-24 09:06:42 UTC",
        "s,Active,2023-01-24 09:06:42.6 UTC",
        "s,inactive,2023-01-24T09:06:42Z",
    ]
    load = loader.drop("\ufeffstore_id,status,timestamp_utc\r\n" + "\r\n".join(rows), STATUS)
    assert counts(load) == ("complete", 4, 4, 0)
    stored = {(row["store_id"], str(row["ts"]), row["status"], row["seq"]) for row in loader.rows("store_status")}
    assert stored == {
        ("8419537941919820732", "2023-01-22 12:09:39.388000", "active", 2),
        ("54515546588432327", "2023-01-24 09:06:42", "inactive", 3),
        ("s", "2023-01-24 09:06:42.600000", "active", 4),
        ("s", "2023-01-24 09:06:42", "inactive", 5),
    }
    assert {row["received_at"].replace(tzinfo=UTC) for row in loader.rows("store_status")} == {received(loader, STATUS)}
    assert loader.means.stores.newest_poll.read() == parse_instant("2023-01-24T09:06:42.6Z")


def received(loader: Loader, key: str) -> datetime:
    moment: datetime = loader.emulated.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
    return moment


def test_an_older_file_leaves_the_newest_poll(loader: Loader) -> None:
    loader.drop("store_id,status,timestamp_utc\ns,active,2023-01-24 09:00:00 UTC\n", STATUS)
    loader.drop("timestamp_utc,status,store_id\n2023-01-23 09:00:00 UTC,active,s\n", STATUS)
    assert loader.means.stores.newest_poll.read() == parse_instant("2023-01-24T09:00:00Z")


def test_bad_polls_are_rejected_and_do_not_move_the_newest(loader: Loader) -> None:
    bad = ["s,open,2023-01-24 09:00:00 UTC", "s,active,2999-01-01 00:00:00 UTC", ",active,2023-01-24 09:00:00 UTC", "s"]
    load = loader.drop("store_id,status,timestamp_utc\n" + "\n".join(bad), STATUS)
    assert counts(load) == ("complete_with_rejects", 4, 0, 4)
    assert [row["line"] for row in loader.rejects(load)] == ["2", "3", "4", "5"]
    assert loader.means.stores.newest_poll.read() is None


def test_hours_are_a_set_by_store_with_equal_weeks_shared(loader: Loader) -> None:
    rows = (
        "a,6,10:00:00,23:59:59\na,0,09:00:00,12:00:00\nb,0,09:00:00,12:00:00\nb,6,10:00:00,24:00:00\na,0,09:00,12:00\n"
    )
    assert counts(loader.drop(HOURS_HEADER + rows, HOURS)) == ("complete", 5, 5, 0)
    hours = sets(loader).hours(FOREVER_MS)
    assert hours == dict.fromkeys("ab", (Opening(0, 32_400, 43_200), Opening(6, 36_000, 86_400)))
    assert hours["a"] is hours["b"]


def test_other_names_of_the_columns_are_taken(loader: Loader) -> None:
    text = '[{"dayOfWeek": 3, "storeId": 7, "end_time_local": "10:00:00", "start_time_local": "09:00:00"}]'
    assert counts(loader.drop(text, "drops/stores/hours/hours.json")) == ("complete", 1, 1, 0)
    assert sets(loader).hours(FOREVER_MS) == {"7": (Opening(3, 32_400, 36_000),)}


def test_of_a_store_named_twice_the_last_zone_counts_and_unknown_zones_are_rejects(loader: Loader) -> None:
    rows = "a,America/Denver\nb,Mars/Olympus\na,Asia/Beirut\nc,\n"
    load = loader.drop(f"store_id,timezone_str\n{rows}", ZONES)
    assert counts(load) == ("complete_with_rejects", 4, 2, 2)
    assert "time zone database" in loader.rejects(load)[0]["reason"]
    assert sets(loader).zones(FOREVER_MS) == {"a": "Asia/Beirut"}


def test_a_file_without_one_good_row_fails_and_replaces_nothing(loader: Loader) -> None:
    loader.drop("store_id,timezone_str\na,America/Denver\n", ZONES)
    load = loader.drop("store_id,timezone_str\na,Mars/Olympus\nb,localtime\n", "drops/stores/timezones/worse.csv")
    assert (load.state.value, load.reason) == ("failed", "no row of the file is good, so the set stays as it was")
    assert len(loader.rejects(load)) == 2
    assert sets(loader).zones(FOREVER_MS) == {"a": "America/Denver"}


def test_before_the_first_drop_sets_are_empty(loader: Loader) -> None:
    assert (sets(loader).hours(FOREVER_MS), sets(loader).zones(FOREVER_MS)) == ({}, {})


def test_the_set_dropped_last_counts_whatever_is_loaded_last_and_earlier_ones_can_be_asked_for(loader: Loader) -> None:
    first = write(loader, "first", "America/Denver")
    second = write(loader, "second", "Asia/Beirut")
    sets(loader).put_in_force(SetKind.ZONES, second, 1, 2_000)
    sets(loader).put_in_force(SetKind.ZONES, first, 1, 1_000)
    assert [sets(loader).zones(at).get("a") for at in (999, 1_000, 1_999, 2_000, FOREVER_MS)] == [
        None,
        "America/Denver",
        "America/Denver",
        "Asia/Beirut",
        "Asia/Beirut",
    ]


def write(loader: Loader, load_id: str, zone: str) -> str:
    sets(loader).write_part(SetKind.ZONES, load_id, 0, pa.table({"store_id": ["a"], "timezone_str": [zone]}))
    return load_id


def test_dropping_an_earlier_set_again_puts_it_in_force_again(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped_at = iter([1_000, 2_000, 3_000])
    monkeypatch.setattr("wattline.adapters.drops._milliseconds", lambda _: next(dropped_at))
    old, new = "store_id,timezone_str\na,America/Denver\n", "store_id,timezone_str\na,Asia/Beirut\n"
    before = loader.drop(old, ZONES)
    loader.drop(new, ZONES)
    assert sets(loader).zones(FOREVER_MS) == {"a": "Asia/Beirut"}
    again = loader.drop(old, ZONES)
    assert again == before, "the load keeps its figures"
    assert sets(loader).zones(FOREVER_MS) == {"a": "America/Denver"}
    assert sets(loader).zones(2_500) == {"a": "Asia/Beirut"}


def test_a_set_whose_file_is_gone_when_it_is_announced_again_stays_as_it_was(loader: Loader) -> None:
    dropped = loader.put(ZONES, "store_id,timezone_str\na,America/Denver\n")
    load = take_drop(dropped, loader.means)
    loader.emulated.s3.delete_object(Bucket=BUCKET, Key=ZONES)
    assert take_drop(dropped, loader.means) == load
    assert sets(loader).zones(FOREVER_MS) == {"a": "America/Denver"}
