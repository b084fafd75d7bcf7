"""`make sync-batteries SOURCE=`: fetch what a battery vendor's API says, and drop the responses into the bucket.

SOURCE is the base URL of such an API, or a folder with its responses, which is then treated as the API:

* `GET assets`: `assets/assets.json` of a folder
* `GET telemetry/<deviceId>`: `telemetry/<deviceId>.json` of a folder

A bearer token for the API is taken from the environment variable BATTERY_API_TOKEN. A response lies under a key made of
its content: fetched again it is the same load, and a newer one never overwrites one that waits.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import httpx
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloud import ROOT, outputs_of
from infra.local.drop import client_of, follow, told
from infra.local.processes import LocalRunError
from wattline.domain.battery_responses import judge_device_id
from wattline.domain.loads import load_id

TIMEOUT = httpx.Timeout(30, connect=5)
ATTEMPTS = 4
LONGEST_PAUSE = 60.0
AGAIN = {httpx.codes.TOO_MANY_REQUESTS, 500, 502, 503, 504}
"""Statuses after which the same request may succeed."""

ASSETS = "drops/battery/assets/"
TELEMETRY = "drops/battery/telemetry/"

Put = Callable[[str, bytes], None]
"""Stores an object under a key."""


class Folder(httpx.BaseTransport):
    """A folder with an API's responses, in place of the API."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """200 with the file, or 404."""
        resource = unquote(request.url.path).strip("/")
        path = self._folder / ("assets/assets.json" if resource == "assets" else f"{resource}.json")
        if not path.is_file():
            return httpx.Response(httpx.codes.NOT_FOUND)
        return httpx.Response(httpx.codes.OK, content=path.read_bytes())


class BatteryApi:
    """A vendor's API, or a folder that stands for it."""

    def __init__(
        self,
        source: str,
        *,
        token: str | None = None,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        is_url = source.startswith(("http://", "https://"))
        if not is_url and not Path(source).is_dir():
            raise LocalRunError(f"SOURCE={source} is neither a base URL (http://, https://) nor a folder")
        self._pause = pause
        self._client = httpx.Client(
            base_url=source if is_url else "http://folder",
            transport=transport or (None if is_url else Folder(Path(source))),
            headers={"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {}),
            timeout=TIMEOUT,
            follow_redirects=True,
        )

    def get(self, resource: str) -> bytes:
        """A response's body, which is JSON. Tries again where that may help. Raises LocalRunError."""
        problem = ""
        for attempt in range(ATTEMPTS):
            try:
                answer = self._client.get(resource)
            except httpx.TransportError as error:
                problem, wait = f"failed: {error or type(error).__name__}", 2.0**attempt
            else:
                if answer.is_success:
                    return _json_body(resource, answer)
                problem, wait = f"was answered {answer.status_code}", _retry_after(answer, 2.0**attempt)
                if answer.status_code not in AGAIN:
                    break
            if attempt + 1 < ATTEMPTS:
                self._pause(min(wait, LONGEST_PAUSE))
        raise LocalRunError(f"GET {resource} {problem}")


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else otherwise


def _json_body(resource: str, answer: httpx.Response) -> bytes:
    try:
        answer.json()
    except ValueError as error:
        kind = answer.headers.get("Content-Type", "no content type")
        raise LocalRunError(f"GET {resource} was answered with {kind} that is not JSON") from error
    return answer.content


def sync(api: BatteryApi, put: Put) -> Iterator[str]:
    """Drop the list of assets, then each asset's telemetry; a line about each. One that fails costs no other.

    Raises LocalRunError when the list cannot be had, and at the end when some telemetry could not.
    """
    body = api.get("assets")
    put(f"{ASSETS}{_name(body)}", body)
    devices, problems = _devices(body)
    yield f"dropped the list of {len(devices)} assets"
    for device_id in devices:
        try:
            telemetry = api.get(f"telemetry/{device_id}")
        except LocalRunError as error:
            problems.append(str(error))
            yield f"{device_id}: {error}"
            continue
        put(f"{TELEMETRY}{device_id}/{_name(telemetry)}", telemetry)
        yield f"{device_id}: dropped {len(telemetry):,} bytes of telemetry"
    if problems:
        raise LocalRunError("not everything could be fetched; run it again: " + "; ".join(problems))


def _devices(body: bytes) -> tuple[list[str], list[str]]:
    """The ids of the list, and what is wrong with it."""
    answer = json.loads(body)
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise LocalRunError('GET assets was answered without a list of items: {"items": [{"deviceId": ...}]}')
    devices: dict[str, None] = {}
    problems: list[str] = []
    for item in items:
        try:
            devices[judge_device_id(item.get("deviceId") if isinstance(item, dict) else None)] = None
        except ValueError as error:
            problems.append(f"an asset was passed over: {error}")
    told = answer.get("totalCount", len(items))
    if told != len(items):
        problems.append(f"the API speaks of {told} assets and listed {len(items)}")
    return list(devices), problems


def _name(body: bytes) -> str:
    return f"{sha256(body).hexdigest()[:16]}.json"


def main() -> int:
    """Exit code 0 when all that was fetched is loaded; 1 with what could not be fetched, or failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--outputs", type=Path, default=ROOT / ".local" / "outputs.json")
    asked = parser.parse_args()
    dropped: list[str] = []
    try:
        outputs = outputs_of(asked.outputs)
        bucket = client_of(outputs)

        def put(key: str, body: bytes) -> None:
            answer = bucket.put_object(Bucket=outputs["bucket"], Key=key, Body=body, ContentType="application/json")
            dropped.append(load_id(key, answer["ETag"].strip('"')))

        for line in sync(BatteryApi(asked.source, token=os.environ.get("BATTERY_API_TOKEN")), put):
            print(line, flush=True)
        loads = [follow(outputs, identity) for identity in dropped]
    except (LocalRunError, Boto3Error, BotoCoreError, ClientError, httpx.HTTPError) as error:
        print(f"\nwattline: {error}", file=sys.stderr)
        return 1
    for load in loads:
        print(told(load))
    return 1 if any(load["state"] == "failed" for load in loads) else 0


if __name__ == "__main__":
    sys.exit(main())
