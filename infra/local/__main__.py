"""The commands behind `make up`, `make down`, `make token`, `make compact` and `make poll`."""

import argparse
import sys
import time
from pathlib import Path

from infra.local import samples, tokens
from infra.local.cloud import ROOT, LocalCloud
from infra.local.docker import DockerLocalStack
from infra.local.processes import LocalRunError
from wattline.api.routes import Scope

STATE = ROOT / ".local"
CLOUDS = {"ministack": LocalCloud, "localstack": DockerLocalStack}


def main() -> int:
    """Exit code 0, or 1 with a message that says what to do."""
    arguments = _arguments()
    in_docker = CLOUDS[arguments.target] is DockerLocalStack  # from where our smart-meter API cannot be reached
    meter_port = None if in_docker else arguments.meter_port
    cloud = CLOUDS[arguments.target](STATE, arguments.port, arguments.athena_port, meter_port)
    try:
        match arguments.command:
            case "up":
                _up(cloud)
            case "down":
                ended = cloud.down()
                print(f"stopped: {', '.join(ended)}" if ended else "nothing was running")
            case "compact":
                print(cloud.compact())
            case "poll":
                print(cloud.poll())
            case "token":
                print(tokens.mint(STATE, _checked(arguments.scopes), days=arguments.days))
    except LocalRunError as error:
        print(f"\nwattline: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["up", "down", "token", "compact", "poll"])
    parser.add_argument("--target", choices=CLOUDS, default="ministack")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--athena-port", type=int, default=4567)
    parser.add_argument("--meter-port", type=int, default=4568)
    parser.add_argument("--scopes", default=" ".join(scope.value for scope in Scope))
    parser.add_argument("--days", type=float, default=30)
    return parser.parse_args()


def _checked(scopes: str) -> list[str]:
    wanted = scopes.split()
    known = [scope.value for scope in Scope]
    for scope in wanted:
        if scope not in known:
            raise LocalRunError(f"there is no scope {scope}; the scopes are {', '.join(known)}")
    return wanted


def _up(cloud: LocalCloud) -> None:
    started = time.monotonic()

    def progress(step: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {step}", flush=True)

    outputs = cloud.up(progress)
    for line in samples.post_all(outputs, ROOT / "events" / "samples"):
        progress(line)
    for line in samples.drop_all(outputs, "tariffs", ROOT / "events" / "tariffs"):
        progress(line)
    if cloud.meter_port is not None:
        progress(f"polled the sample meters: {cloud.poll()}")
    progress("up\n")
    print(_welcome(outputs, STATE))


def _welcome(outputs: dict[str, str], state: Path) -> str:
    api = outputs["api_url"]
    shown = state.relative_to(Path.cwd()) if state.is_relative_to(Path.cwd()) else state
    bearer = f"-H 'Authorization: Bearer {outputs['token']}'"
    return f"""API      {api}
Docs     {api}/docs
Token    {outputs["token"]}
         (all scopes, 30 days, good for this local stack only; also in {shown}/outputs.json)

Try it:
curl -s {api}/health
curl -s -X POST {api}/data {bearer} -H 'Content-Type: application/json' \
-d '{{"spaceship_id": "falcon", "units": "kW", "data": [{{"datetime": "2018-08-24T00:00:00Z", "value": 12}}]}}'
curl -s "{api}/data?spaceship_id=sample-hourly&start=2018-08-24T00:00:00Z&end=2018-08-25T00:00:00Z" \
{bearer}
curl -s "{api}/v1/meter_readings?muid=sample-import&start=2023-03-18T00:00:00Z&end=2023-04-01T00:00:00Z\
&aggregation=daily&tz=Europe/Zurich&include=stats,cost" {bearer}
"""


if __name__ == "__main__":
    sys.exit(main())
