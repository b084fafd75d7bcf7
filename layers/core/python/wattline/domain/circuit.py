"""A circuit breaker: a source that keeps failing is left alone for a while, longer each time.

Closed, requests flow. After `FAILURES_TO_OPEN` failures in a row it opens, and nobody asks the source until
`open_until_ms`. Then one request is let through (half-open): success closes the circuit, failure opens it for twice
as long. See M. Nygard, Release It!, "Circuit Breaker".
"""

from dataclasses import dataclass

from wattline.domain.instants import HOUR_MS, MINUTE_MS

FAILURES_TO_OPEN = 3
FIRST_PAUSE_MS = 15 * MINUTE_MS
LONGEST_PAUSE_MS = 4 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Circuit:
    """Failures in a row, and until when nobody asks."""

    failures: int = 0
    open_until_ms: int = 0

    def lets_through(self, now_ms: int) -> bool:
        """Whether the source may be asked now."""
        return now_ms >= self.open_until_ms

    def succeeded(self) -> "Circuit":
        """The source answered."""
        return Circuit()

    def failed(self, now_ms: int) -> "Circuit":
        """The source did not answer, or not as it should."""
        failures = self.failures + 1
        if failures < FAILURES_TO_OPEN:
            return Circuit(failures)
        doublings = min(failures - FAILURES_TO_OPEN, 30)
        return Circuit(failures, now_ms + min(FIRST_PAUSE_MS * 2**doublings, LONGEST_PAUSE_MS))
