"""A smart-meter API over HTTP: `GET <base>?muid&measurement=energy&limit&start&stop`, newest first.

urllib3 is what boto3 brings anyway; its `Retry` repeats what failed on the way, with growing, jittered pauses and
the server's own `Retry-After`.
"""

import json

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, TimeoutError  # noqa: A004 - urllib3's own name

from wattline.domain.instants import format_instant
from wattline.errors import SourceRefused, SourceUnavailable

_RETRIED_STATUSES = (429, 500, 502, 503, 504)
_REFUSALS = range(400, 500)

RETRY = urllib3.Retry(
    total=3,
    backoff_factor=0.5,  # 0, 1 and 2 s, and up to half a second more each
    backoff_jitter=0.5,
    backoff_max=10,
    retry_after_max=20,
    status_forcelist=_RETRIED_STATUSES,
    allowed_methods={"GET"},
    raise_on_status=False,
)
TIMEOUT = urllib3.Timeout(connect=3, read=10)


class HttpMeterSource:
    """`MeterSource` over HTTP."""

    def __init__(self, base_url: str, retry: urllib3.Retry = RETRY, timeout: urllib3.Timeout = TIMEOUT) -> None:
        self._base_url = base_url
        self._pool = urllib3.PoolManager(retries=retry, timeout=timeout, headers={"Accept": "application/json"})

    def page(self, muid: str, start_ms: int, stop_ms: int, limit: int) -> list[object]:
        """One request, and its repetitions."""
        query = {
            "muid": muid,
            "measurement": "energy",
            "limit": str(limit),
            "start": format_instant(start_ms),
            "stop": format_instant(stop_ms),
        }
        try:
            answer = self._pool.request("GET", self._base_url, fields=query)
        except (MaxRetryError, TimeoutError, HTTPError) as error:
            raise SourceUnavailable(f"the meter source does not answer: {type(error).__name__}: {error}") from error
        if answer.status in _REFUSALS and answer.status not in _RETRIED_STATUSES:
            raise SourceRefused(f"the meter source refuses {muid}: status {answer.status}")
        if answer.status != 200:
            raise SourceUnavailable(f"the meter source answers with status {answer.status}")
        return _items(answer.data, answer.headers.get("Content-Type", "none"))


def _items(body: bytes, content_type: str) -> list[object]:
    try:
        items = json.loads(body)["data"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SourceUnavailable(
            f'the meter source answers something else than {{"data": [...]}} (content type {content_type})'
        ) from error
    if not isinstance(items, list):
        raise SourceUnavailable('the meter source answers "data" that is not a list')
    return items
