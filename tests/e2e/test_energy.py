"""The energy of spaceships, over HTTP, on a real deployment."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.api import Api, Deployment, eventually, new_ship, values

pytestmark = pytest.mark.e2e

DAY = ("2018-08-24T00:00:00Z", "2018-08-25T00:00:00Z")


def series(start: datetime, step: timedelta, numbers: list[float]) -> list[dict[str, object]]:
    return [{"datetime": (start + n * step).isoformat(), "value": value} for n, value in enumerate(numbers)]


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2018, 8, 24, hour, minute, tzinfo=UTC)


def test_hourly_energy_becomes_quarter_hours(api: Api) -> None:
    ship = new_ship()
    answer = api.post_energy(ship, "kWh", series(at(0), timedelta(hours=1), [8, 20, 14]))
    assert (answer.status_code, answer.json()["intervals"]) == (201, 12)
    assert values(api.read_energy(ship, *DAY)) == [2.0] * 4 + [5.0] * 4 + [3.5] * 4


def test_five_minute_power_is_averaged_and_a_part_says_so(api: Api) -> None:
    ship = new_ship()
    api.post_energy(ship, "kW", series(at(0), timedelta(minutes=5), [1, 4, 1, 6]))
    first, second = api.read_energy(ship, *DAY)
    assert (first["value"], first["coverage"], first["quality"]) == (0.5, 1.0, "measured")
    assert (second["value"], second["coverage"], second["quality"]) == (1.5, pytest.approx(1 / 3), "partial")


@pytest.mark.capability("history")
def test_hot_history_and_both_give_one_answer(api: Api, deployment: Deployment) -> None:
    ship = new_ship()
    api.post_energy(ship, "kWh", series(at(0), timedelta(hours=1), [8, 20, 14]))
    api.post_energy(ship, "kW", series(at(0, 10), timedelta(minutes=7), [9, 3, 5]))
    hot = api.read_energy(ship, *DAY)
    eventually(deployment.drained)
    both = api.read_energy(ship, *DAY)
    assert deployment.forget_hot(ship) > 0
    history = api.read_energy(ship, *DAY)
    assert hot == both == history
    assert len(hot) == 12


def test_a_correction_counts_at_once_and_the_past_can_still_be_asked(api: Api, deployment: Deployment) -> None:
    ship = new_ship()
    api.post_energy(ship, "kWh", series(at(0), timedelta(hours=1), [8, 20, 14]))
    eventually(deployment.drained)
    deployment.forget_hot(ship)
    between = datetime.now(UTC).isoformat()
    api.post_energy(ship, "kWh", series(at(1), timedelta(minutes=15), [1]))
    assert values(api.read_energy(ship, *DAY))[3:6] == [2.0, 1.0, 5.0]
    assert values(api.read_energy(ship, *DAY, as_of=between))[3:6] == [2.0, 5.0, 5.0]


def test_parts_of_one_interval_posted_at_once_are_all_kept(api: Api) -> None:
    ship = new_ship()

    def post_minute(minute: int) -> int:
        part = series(at(0, minute), timedelta(minutes=1), [float(minute)])
        return api.post_energy(ship, "kWh", part, interval_minutes=1).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(post_minute, range(15))) == {201}
    (point,) = api.read_energy(ship, *DAY)
    assert (point["value"], point["quality"]) == (sum(range(15)), "measured")


def test_a_year_posted_in_pieces_out_of_order_and_at_once_is_read_back_whole(api: Api, deployment: Deployment) -> None:
    ship = new_ship()
    shuffled = random.Random(7)
    first = datetime(2022, 1, 1, tzinfo=UTC)
    hourly = [round(shuffled.uniform(0, 500), 3) for _ in range(365 * 24)]
    pieces = [(n, hourly[n : n + 300]) for n in range(0, len(hourly), 300)]
    shuffled.shuffle(pieces)

    def post(piece: tuple[int, list[float]]) -> int:
        hour, numbers = piece
        data = series(first + timedelta(hours=hour), timedelta(hours=1), numbers)
        shuffled.shuffle(data)
        return api.post_energy(ship, "kWh", data, interval_minutes=60).status_code

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(post, pieces)) == {201}
    expected = [pytest.approx(value / 4, abs=1e-9) for value in hourly for _ in range(4)]
    assert values(api.read_energy(ship, "2022-01-01T00:00:00Z", "2023-01-01T00:00:00Z")) == expected
    eventually(deployment.drained)
    deployment.forget_hot(ship)
    from_history = api.read_energy(ship, "2022-01-01T00:00:00Z", "2023-01-01T00:00:00Z")
    assert values(from_history) == expected
    assert sum(point["value"] for point in from_history) == pytest.approx(sum(hourly), abs=1e-6)


def test_a_post_of_five_thousand_intervals_is_one_answer(api: Api) -> None:
    ship = new_ship()
    start = datetime(2023, 3, 1, tzinfo=UTC)
    answer = api.post_energy(ship, "kWh", series(start, timedelta(minutes=15), [1.5] * 5_000))
    assert (answer.status_code, answer.json()["intervals"]) == (201, 5_000)
    points = api.read_energy(ship, "2023-03-01T00:00:00Z", "2023-05-01T00:00:00Z")
    assert values(points) == [1.5] * 5_000
    one_more = api.post_energy(ship, "kWh", series(start, timedelta(minutes=15), [1.5] * 5_001))
    assert one_more.status_code == 413
    assert "drops/energy/" in one_more.json()["detail"]


def test_a_history_query_that_fails_is_a_problem_with_a_request_id(api: Api, deployment: Deployment) -> None:
    ship = new_ship()
    api.post_energy(ship, "kWh", series(at(0), timedelta(hours=1), [8]))
    broken = "history/energy_intervals/dt=1999-01-01/bucket=landing/broken.parquet"
    deployment.client("s3").put_object(Bucket=deployment.outputs["bucket"], Key=broken, Body=b"not parquet")
    query = {"spaceship_id": ship, "start": "1999-01-01T00:00:00Z", "end": "1999-01-02T00:00:00Z"}
    answer = api.http.get("/data", params=query)
    deployment.client("s3").delete_object(Bucket=deployment.outputs["bucket"], Key=broken)
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"]
    assert "parquet" not in answer.text.lower()


def test_csv_goes_in_and_comes_out(api: Api) -> None:
    ship = new_ship()
    body = "datetime,value\r\n2018-08-24T00:00:00Z,2\r\n2018-08-24T00:15:00Z,\r\n2018-08-24T00:30:00Z,3\r\n"
    query = {"spaceship_id": ship, "units": "kWh"}
    posted = api.http.post("/data", params=query, content=body, headers={"Content-Type": "text/csv"})
    assert (posted.status_code, posted.json()["accepted"]) == (201, 2)
    query = {"spaceship_id": ship, "start": DAY[0], "end": DAY[1], "fill": "linear", "limit": "4"}
    answer = api.http.get("/data", params=query, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'rel="next"' in answer.headers["link"]
    assert answer.text.splitlines()[:4] == [
        "datetime,value,coverage,quality",
        "2018-08-24T00:00:00Z,2.0,1.0,measured",
        "2018-08-24T00:15:00Z,2.5,0.0,estimated",
        "2018-08-24T00:30:00Z,3.0,1.0,measured",
    ]
