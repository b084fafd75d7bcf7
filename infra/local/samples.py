"""Post and drop the sample data of `events` to a deployment."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import httpx
from botocore.config import Config

from infra.local.processes import LocalRunError


def post_all(outputs: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Every file of the folder, in order; one line about each. A repeat changes nothing."""
    headers = {"Authorization": f"Bearer {outputs['token']}", "Content-Type": "application/json"}
    with httpx.Client(base_url=outputs["api_url"], headers=headers, timeout=60) as client:
        for path in sorted(folder.glob("*.json")):
            answer = client.post("/data", content=path.read_bytes())
            if answer.status_code != httpx.codes.CREATED:
                raise LocalRunError(f"posting {path.name} was answered {answer.status_code}: {answer.text}")
            receipt = answer.json()
            yield (
                f"posted {path.name}: {receipt['accepted']} readings of {receipt['spaceship_id']} "
                f"became {receipt['intervals']} quarter hours, {receipt['rejected_count']} rejected"
            )


def drop_all(outputs: Mapping[str, str], kind: str, folder: Path) -> Iterator[str]:
    """Every file of the folder as a drop of a kind; the loader takes it from there. One line about each."""
    s3 = boto3.client(
        "s3",
        endpoint_url=outputs["endpoint_url"],
        region_name=outputs["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
        config=Config(s3={"addressing_style": "path"}),
    )
    for path in sorted(folder.glob("*.json")):
        key = f"drops/{kind}/{path.name}"
        s3.put_object(Bucket=outputs["bucket"], Key=key, Body=path.read_bytes())
        yield f"dropped {key}"
