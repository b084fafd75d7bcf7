"""Fetching a battery vendor's responses, from a folder and from an API."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from infra.local.processes import LocalRunError
from infra.local.sync_batteries import ATTEMPTS, BatteryApi, sync

ITEMS: list[object] = [{"deviceId": "b-1"}, {"deviceId": 17, "state": "Ok"}]
ASSETS = {"totalCount": 2, "items": ITEMS}
TELEMETRY: dict[str, object] = {"series": []}

Answer = Callable[[httpx.Request], httpx.Response]


class Dropped(dict[str, bytes]):
    """Objects by key; a key that is put twice is noticed."""

    def put(self, key: str, body: bytes) -> None:
        assert key not in self
        self[key] = body

    @property
    def folders(self) -> list[str]:
        return sorted(key.rsplit("/", 1)[0] for key in self)


def api_of(answer: Answer, waited: list[float] | None = None, token: str | None = None) -> BatteryApi:
    pauses: list[float] = [] if waited is None else waited
    transport = httpx.MockTransport(answer)
    return BatteryApi("https://vendor.example/v2/", token=token, transport=transport, pause=pauses.append)


def well(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=ASSETS if request.url.path == "/v2/assets" else TELEMETRY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("assets/assets", ASSETS), ("telemetry/b-1", TELEMETRY), ("telemetry/17", {"series": [1]})):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return tmp_path


def test_a_folder_is_walked_as_an_api_is(folder: Path) -> None:
    dropped = Dropped()
    lines = list(sync(BatteryApi(str(folder)), dropped.put))
    assert len(lines) == 3
    assert dropped.folders == ["drops/battery/assets", "drops/battery/telemetry/17", "drops/battery/telemetry/b-1"]
    assert all(key.endswith(".json") for key in dropped)
    assert {body for key, body in dropped.items() if "/17/" in key} == {(folder / "telemetry/17.json").read_bytes()}


def test_an_api_is_asked_under_its_base_url_with_its_token() -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), request.headers.get("Authorization")))
        return well(request)

    dropped = Dropped()
    list(sync(api_of(answer, token="secret"), dropped.put))
    assert asked == [
        ("https://vendor.example/v2/assets", "Bearer secret"),
        ("https://vendor.example/v2/telemetry/b-1", "Bearer secret"),
        ("https://vendor.example/v2/telemetry/17", "Bearer secret"),
    ]
    assert len(dropped) == 3


def test_the_same_response_has_the_same_key_and_another_another(folder: Path) -> None:
    first, again, changed = Dropped(), Dropped(), Dropped()
    list(sync(BatteryApi(str(folder)), first.put))
    list(sync(BatteryApi(str(folder)), again.put))
    (folder / "telemetry/17.json").write_text('{"series": []}')
    list(sync(BatteryApi(str(folder)), changed.put))
    assert first == again
    assert len(first.keys() - changed.keys()) == 1


@pytest.mark.parametrize("fault", [429, 500, 503, httpx.ReadTimeout("slow"), httpx.ConnectError("refused")])
def test_what_may_pass_is_tried_again(fault: int | Exception) -> None:
    faults = [fault] * (ATTEMPTS - 1)

    def answer(request: httpx.Request) -> httpx.Response:
        if faults:
            problem = faults.pop()
            if isinstance(problem, Exception):
                raise problem
            return httpx.Response(problem)
        return well(request)

    dropped, waited = Dropped(), list[float]()
    list(sync(api_of(answer, waited), dropped.put))
    assert len(dropped) == 3
    assert waited == [1, 2, 4]


def test_the_vendor_may_say_how_long_to_wait_up_to_a_minute() -> None:
    answers = [httpx.Response(429, headers={"Retry-After": wait}) for wait in ("9999", "7")]
    waited: list[float] = []
    list(sync(api_of(lambda request: answers.pop() if answers else well(request), waited), Dropped().put))
    assert waited == [7, 60]


@pytest.mark.parametrize(
    ("answer", "says", "calls"),
    [
        (httpx.Response(503), "answered 503", ATTEMPTS),
        (httpx.Response(401), "answered 401", 1),
        (httpx.Response(200, text="<html>", headers={"Content-Type": "text/html"}), "text/html that is not JSON", 1),
        (httpx.Response(200, json=[1]), "without a list of items", 1),
    ],
)
def test_without_a_list_of_assets_nothing_can_be_done(answer: httpx.Response, says: str, calls: int) -> None:
    asked: list[httpx.Request] = []

    def only(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    with pytest.raises(LocalRunError, match=says):
        list(sync(api_of(only), Dropped().put))
    assert len(asked) == calls


def test_an_asset_that_fails_costs_no_other_and_is_told_at_the_end() -> None:
    dropped = Dropped()
    with pytest.raises(LocalRunError, match=r"telemetry/b-1 was answered 404"):
        list(sync(api_of(lambda r: httpx.Response(404) if r.url.path.endswith("b-1") else well(r)), dropped.put))
    assert dropped.folders == ["drops/battery/assets", "drops/battery/telemetry/17"]


@pytest.mark.parametrize(
    ("assets", "says"),
    [
        ({"totalCount": 120, "items": ITEMS}, "120 assets and listed 2"),
        ({"items": [*ITEMS, {"deviceId": "../x"}]}, "passed over"),
        ({"items": [*ITEMS, 3]}, "passed over"),
    ],
)
def test_a_list_that_is_not_whole_is_told_at_the_end(assets: object, says: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=assets) if request.url.path.endswith("assets") else well(request)

    dropped = Dropped()
    with pytest.raises(LocalRunError, match=says):
        list(sync(api_of(answer), dropped.put))
    assert len(dropped) == 3


def test_a_source_that_is_neither_folder_nor_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalRunError, match="neither"):
        BatteryApi(str(tmp_path / "nowhere"))
