"""Whether all is well."""

from dataclasses import dataclass

import wattline
from wattline.ports import QueueDepths

DEAD_LETTERS = "_dlq"
"""How the names of dead-letter queues end."""


@dataclass(frozen=True, slots=True)
class Health:
    """`status` is `ok`, or `degraded` while messages lie in a dead-letter queue."""

    status: str
    version: str
    queues: dict[str, int]


def health(depths: QueueDepths) -> Health:
    """The state of the deployment. Raises TransientError when the queues cannot be read."""
    queues = depths.read()
    buried = sum(depth for name, depth in queues.items() if name.endswith(DEAD_LETTERS))
    return Health("degraded" if buried else "ok", wattline.__version__, queues)
