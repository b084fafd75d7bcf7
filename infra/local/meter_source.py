"""A small HTTP server that behaves as a smart-meter API: `GET /?muid&measurement=energy&limit&start&stop`.

It answers from files as that API writes them, newest first, `start` inside and `stop` outside of the range.
"""

import argparse
import json
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from infra.local.processes import HOST
from wattline.domain.instants import parse_instant

DEFAULT_LIMIT = 100


class MeterApi:
    """Readings by meter."""

    def __init__(self, files: Mapping[str, list[dict[str, Any]]]) -> None:
        self.files = {
            muid: sorted(((_ts(item), item) for item in items), key=lambda each: each[0], reverse=True)
            for muid, items in files.items()
        }

    @classmethod
    def of_folder(cls, folder: Path) -> "MeterApi":
        """A file for each meter, named by its id."""
        return cls({path.stem: json.loads(path.read_text())["data"] for path in sorted(folder.glob("*.json"))})

    def answer(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        if query.get("muid") not in self.files:
            return 404, "application/json", b'{"error": "there is no such meter"}'
        try:
            start, stop = parse_instant(query["start"]), parse_instant(query["stop"])
            limit = int(query.get("limit", DEFAULT_LIMIT))
        except (KeyError, ValueError) as error:
            return 400, "application/json", json.dumps({"error": str(error)}).encode()
        found = [item for ts, item in self.files[query["muid"]] if start <= ts < stop][:limit]
        return 200, "application/json", json.dumps({"data": found}).encode()


def _ts(item: Mapping[str, Any]) -> int:
    return parse_instant(item["timestamp"])


def serve(api: MeterApi, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that is listening; port 0 chooses a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content_type, body = api.answer(dict(parse_qsl(urlsplit(self.path).query)))
            with suppress(ConnectionError):  # who asked may have given up
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Nothing: the poller logs what it asks."""

    return ThreadingHTTPServer((HOST, port), Handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    serve(MeterApi.of_folder(arguments.folder), arguments.port).serve_forever()
