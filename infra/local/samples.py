"""Post and drop the sample data of `events` to a deployment."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from infra.local.drop import put
from infra.local.processes import LocalRunError
from wattline.domain.loads import DROPS


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


def drop_all(outputs: dict[str, str], kind: str, folder: Path) -> Iterator[str]:
    """Every file of the folder as a drop of a kind; the loader takes it from there. One line about each."""
    for path in sorted(folder.glob("*.json")):
        key = f"{DROPS}{kind}/{path.name}"
        put(outputs, key, path)
        yield f"dropped {key}"
