"""`make drop`: put a file into the local stack's bucket, and follow its load to the end."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from infra.local.cloud import ROOT, outputs_of
from infra.local.processes import LocalRunError
from wattline.domain.loads import DROPS, load_id
from wattline.loading.kinds import KINDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ANNOUNCED_WITHIN_SECONDS = 60


def main() -> int:
    """Exit code 0 when all rows or all but some were taken, 1 when the file failed."""
    asked = _arguments()
    key = f"{DROPS}{asked.kind}/{asked.name or asked.file.name}"
    try:
        if not asked.file.is_file():
            raise LocalRunError(f"there is no file {asked.file}; say make drop FILE=<file> KIND=<kind>")
        outputs = outputs_of(asked.outputs)
        identity = load_id(key, put(outputs, key, asked.file))
        print(f"s3://{outputs['bucket']}/{key}  load {identity}")
        load = follow(outputs, identity)
    except (LocalRunError, Boto3Error, BotoCoreError, ClientError, httpx.HTTPError) as error:
        print(f"\nwattline: {error}", file=sys.stderr)
        return 1
    print(told(load))
    return 1 if load["state"] == "failed" else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--kind", choices=sorted(KINDS), required=True)
    parser.add_argument("--name", help="the object's name, the file's own if not given")
    parser.add_argument("--outputs", type=Path, default=ROOT / ".local" / "outputs.json")
    return parser.parse_args()


def put(outputs: dict[str, str], key: str, file: Path) -> str:
    """Drop a file; the new object's ETag."""
    s3 = client_of(outputs)
    s3.upload_file(str(file), outputs["bucket"], key)
    etag: str = s3.head_object(Bucket=outputs["bucket"], Key=key)["ETag"]
    return etag.strip('"')


def client_of(outputs: dict[str, str]) -> "S3Client":
    """A client of a local stack's bucket."""
    return boto3.client(
        "s3",
        endpoint_url=outputs["endpoint_url"],
        region_name=outputs["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
        config=Config(s3={"addressing_style": "path"}),
    )


def told(load: dict[str, Any]) -> str:
    """How a load ended."""
    counts = f"{load['rows_read']:,} rows read, {load['rows_stored']:,} stored, {load['rows_rejected']:,} rejected"
    reason = f"; {load['reason']}" if load["reason"] else ""
    rejects = f"\nrejects: {load['rejects_url']}" if load["rejects_url"] else ""
    return f"{load['state']}: {counts}{reason}{rejects}"


def follow(outputs: dict[str, str], identity: str) -> dict[str, Any]:
    """A load's progress to its end, and the load. Raises LocalRunError where nobody takes it up."""
    columns = (TextColumn("{task.description:>22}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    headers = {"Authorization": f"Bearer {outputs['token']}"}
    started = time.monotonic()
    with (
        httpx.Client(base_url=outputs["api_url"], headers=headers, timeout=60) as api,
        Progress(*columns, TimeElapsedColumn(), transient=True) as progress,
    ):
        task = progress.add_task("announced", total=100)
        while True:
            answer = api.get(f"/v1/loads/{identity}")
            if answer.status_code == httpx.codes.NOT_FOUND:
                if time.monotonic() - started > _ANNOUNCED_WITHIN_SECONDS:
                    raise LocalRunError("nobody has taken the file up; is the stack running (make up)?")
            else:
                load: dict[str, Any] = answer.raise_for_status().json()
                progress.update(task, completed=load["percent"], description=load["state"])
                if load["ended_at"]:
                    return load
            time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
