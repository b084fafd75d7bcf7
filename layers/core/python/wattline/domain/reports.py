"""The life of a report: Running, then Complete or Failed, which are final; gone after 30 days."""

from dataclasses import dataclass
from enum import StrEnum

from wattline.domain.instants import DAY_MS, HOUR_MS

DEADLINE_MS = HOUR_MS
"""A report that is not complete so long after it was triggered has failed."""

KEPT_MS = 30 * DAY_MS
"""A report can be read for so long after it was triggered."""


class State(StrEnum):
    """As users see it."""

    RUNNING = "Running"
    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Report:
    """`now_ms` is the newest poll it considers; it counts what was received up to `received_until_ms`.

    Of a complete report `key` says where its CSV lies and `rows` how many stores it tells of; of a failed one
    `reason` says why.
    """

    report_id: str
    now_ms: int
    triggered_ms: int
    state: State = State.RUNNING
    key: str = ""
    rows: int = 0
    reason: str = ""

    @property
    def received_until_ms(self) -> int:
        """What counts is what was received when the report was triggered."""
        return self.triggered_ms

    @property
    def deadline_ms(self) -> int:
        """When it fails if it still runs."""
        return self.triggered_ms + DEADLINE_MS

    @property
    def expires_ms(self) -> int:
        """When it is forgotten."""
        return self.triggered_ms + KEPT_MS
