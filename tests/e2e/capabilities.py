"""What the stacks need of whatever they are deployed to, and where it is there: the table of docs/targets.md.

A cell says "tested" where an end-to-end test with the capability's mark runs on that target. Every other cell is
written here, with its reason, and a test fails when one is missing, or claimed although a test exists. A test whose
capability is not available on a target is left out there.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "targets.md"
TARGETS = ("ministack", "localstack")
"""Those that end-to-end tests run on: MiniStack, and LocalStack without Docker."""

DOCKER = "docker"
COLUMNS = {
    "aws": "AWS",
    "ministack": "MiniStack",
    DOCKER: "LocalStack with Docker",
    "localstack": "LocalStack without Docker",
}
_BEGIN, _END = "<!-- table: make targets -->\n", "<!-- end of table -->\n"


def documented(how: str = "") -> str:
    """Built so, and not tested by us there."""
    return f"documented: {how}" if how else "documented"


def missing(why: str) -> str:
    """Not available there."""
    return f"not available: {why}"


@dataclass(frozen=True)
class Capability:
    """`elsewhere` has the cells of the targets on which no test shows it."""

    title: str
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def cell(self, target: str, tested: bool) -> str:
        """What the table says. Raises ValueError where a cell is neither tested nor written, or both."""
        written = self.elsewhere.get(target)
        if tested == (written is not None):
            raise ValueError(f"{self.title} on {target}: {'tested, and' if tested else 'not tested, and not'} written")
        return written or "tested"

    def runs_on(self, target: str) -> bool:
        """Whether its tests run there."""
        return not self.elsewhere.get(target, "").startswith("not available")


_ON_LOCALSTACK = ("localstack", DOCKER)
_AS_DESIGNED = {"aws": documented(), DOCKER: documented()}
_BY_OUR_PLUGIN = {"aws": documented(), DOCKER: documented("by our plugin")}


def _missing_on(targets: Iterable[str], why: str) -> dict[str, str]:
    return dict.fromkeys(targets, missing(why))


CAPABILITIES: dict[str, Capability] = {
    "routes": Capability("Routes of the REST API answered by functions", _AS_DESIGNED),
    "layers": Capability("wattline itself as a layer", {"aws": documented(), DOCKER: documented("mounted as /opt")}),
    "authorizer": Capability("Tokens judged by the authorizer before a function runs", _BY_OUR_PLUGIN),
    "authorizer-cache": Capability(
        "The authorizer's verdict kept for five minutes",
        {"aws": documented(), "ministack": documented(), **_missing_on(_ON_LOCALSTACK, "asked on every request")},
    ),
    "gateway-responses": Capability("The gateway's own errors as problem details", _BY_OUR_PLUGIN),
    "throttling": Capability(
        "Throttling, answered 429",
        {"aws": documented(), "ministack": documented(), **_missing_on(_ON_LOCALSTACK, "requests are not counted")},
    ),
    "items": Capability("Conditional writes, transactions and indexes of the hot table", _AS_DESIGNED),
    "ttl": Capability(
        "Expired items deleted (readers leave them out by themselves)",
        {"aws": documented(), "ministack": documented(), DOCKER: documented("hourly")}
        | _missing_on(["localstack"], "moto deletes none"),
    ),
    "streams": Capability("The hot table's stream to a function, filtered", _AS_DESIGNED),
    "batches": Capability("Queues to functions: partial failures, dead letters", _AS_DESIGNED),
    "notifications": Capability("Objects under a prefix and suffix told to a queue", _AS_DESIGNED),
    "topics": Capability("Topics to queues", _AS_DESIGNED),
    "schedules": Capability("Functions invoked on schedule", _AS_DESIGNED),
    "history": Capability(
        "The history queried through Athena (locally by our stand-in)", {"aws": documented(), DOCKER: documented()}
    ),
    "catalog": Capability(
        "The Glue catalog and the Athena workgroup",
        {"aws": documented(), "ministack": documented("deployed, not used")}
        | _missing_on(_ON_LOCALSTACK, "skipped by CloudFormation, and only they"),
    ),
    "permissions": Capability(
        "Roles that may do no more than they say",
        {"aws": documented()} | _missing_on((*TARGETS, DOCKER), "every caller may do everything"),
    ),
    "metrics": Capability(
        "Metrics taken from the logs",
        {"aws": documented()} | _missing_on((*TARGETS, DOCKER), "logs are stored and not searched"),
    ),
    "loopback": Capability(
        "Reached from this machine only",
        {"aws": missing("it is a service on the internet"), DOCKER: documented("by the ports it publishes")},
    ),
}


def tested_capabilities() -> dict[str, set[str]]:
    """The targets on which tests show a capability, read from the marks of the tests' functions."""
    found: dict[str, set[str]] = {name: set() for name in CAPABILITIES}
    for name, targets in _marks():
        found[name].update(target for target in targets if CAPABILITIES[name].runs_on(target))
    return found


def _marks() -> Iterator[tuple[str, tuple[str, ...]]]:
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = import_module(f"tests.e2e.{path.stem}")
        for function in vars(module).values():
            marks = [mark for mark in getattr(function, "pytestmark", []) if isinstance(mark, pytest.Mark)]
            targets = next((mark.args for mark in marks if mark.name == "only_on"), TARGETS)
            for mark in marks:
                if mark.name == "capability":
                    yield from ((name, targets) for name in mark.args)


def table() -> str:
    """The table in Markdown."""
    tested = tested_capabilities()
    lines = ["| " + " | ".join(["", *COLUMNS.values()]) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, capability in CAPABILITIES.items():
        cells = [capability.cell(target, target in tested[name]) for target in COLUMNS]
        lines.append("| " + " | ".join([capability.title, *cells]) + " |")
    return "\n".join(lines) + "\n"


def page_with(new_table: str) -> str:
    """The page with this table in the place of its own."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{new_table}{_END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with(table()))
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
