"""Ask a smart-meter API for what is new, and for what came late.

Each run reads from two days before a meter's newest reading to now and queues what it has not queued before. The
mark moves when a whole window is queued; a run that dies repeats it, and repeated statements change nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from wattline.domain.instants import DAY_MS
from wattline.domain.local_calendar import Stretch
from wattline.domain.meter_series import missing_between
from wattline.domain.obis import ObisCode
from wattline.domain.obis_readings import JudgedItem, ObisReading, judge_item
from wattline.errors import SourceRefused, SourceUnavailable
from wattline.ports import HistoryQueue, MeterSource, PollLedger, PollMark, SmartMeters
from wattline.services.meter_readings import store_readings

OVERLAP_MS = 2 * DAY_MS
"""Late and corrected values are looked for so far back."""

WINDOW_MS = 92 * DAY_MS
"""What is queued before the mark moves: a backfill of years goes in such steps."""

PAGE = 1_000


class Outcome(StrEnum):
    """How it went with a meter."""

    READ = "read"
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"
    """The source is left alone for now, or the time was up."""


@dataclass(frozen=True, slots=True)
class MeterPoll:
    """What one run did for a meter; `gaps` are those between the readings it saw, the last two days at least."""

    muid: str
    outcome: Outcome
    queued: int = 0
    rejected: int = 0
    reason: str | None = None
    gaps: tuple[Stretch, ...] = ()
    watermark_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where readings go, and what is remembered of them."""

    queue: HistoryQueue
    meters: SmartMeters
    ledger: PollLedger


def poll_meters(  # noqa: PLR0913 - wiring by keyword
    muids: Sequence[str],
    since_ms: int,
    now_ms: Callable[[], int],
    *,
    source: MeterSource,
    to: Destination,
    has_time: Callable[[], bool],
) -> list[MeterPoll]:
    """Poll meters in turn, the one that is furthest behind first. Raises TransientError when nothing can be queued."""
    marks = {muid: to.ledger.mark(muid) for muid in muids}
    circuit = before = to.ledger.circuit()
    polls: list[MeterPoll] = []
    for muid in sorted(muids, key=lambda each: marks[each].watermark_ms or 0):
        if not (has_time() and circuit.lets_through(now_ms())):
            polls.append(MeterPoll(muid, Outcome.SKIPPED, reason="the source is left alone, or the time is up"))
            continue
        try:
            polls.append(_poll(muid, marks[muid], since_ms, now_ms, source, to))
        except SourceUnavailable as error:
            circuit = circuit.failed(now_ms())
            polls.append(MeterPoll(muid, Outcome.FAILED, reason=error.detail))
        except SourceRefused as error:
            circuit = circuit.succeeded()
            polls.append(MeterPoll(muid, Outcome.REFUSED, reason=error.detail))
        else:
            circuit = circuit.succeeded()
    if circuit != before:
        to.ledger.set_circuit(circuit)
    return polls


def _poll(  # noqa: PLR0913, PLR0917 - the parts of a poll
    muid: str, mark: PollMark, since_ms: int, now_ms: Callable[[], int], source: MeterSource, to: Destination
) -> MeterPoll:
    done = MeterPoll(muid, Outcome.READ, watermark_ms=mark.watermark_ms)
    times = {ts_ms for code, ts_ms in mark.recent if code.is_load_profile}
    start = since_ms if mark.watermark_ms is None else max(since_ms, mark.watermark_ms - OVERLAP_MS)
    end = now_ms()
    while start < end:
        stop = min(start + WINDOW_MS, end)
        window = _Window(muid, dict(mark.recent), to)
        for page in _pages(source, muid, start, stop, end):
            window.take(page, now_ms())
        times |= {ts_ms for code, ts_ms in window.said if code.is_load_profile}
        done = replace(done, queued=done.queued + window.queued, rejected=done.rejected + window.rejected)
        if window.reasons:
            done = replace(done, reason=window.reasons[0])
        if window.queued:
            newest = max(ts_ms for _, ts_ms in window.said)
            recent = {key: said for key, said in window.said.items() if key[1] >= newest - OVERLAP_MS}
            mark = replace(mark, watermark_ms=newest, recent=recent)
            if not to.ledger.move(muid, mark):
                return replace(done, reason="another run polls this meter at the same time")
            mark = replace(mark, version=mark.version + 1)
        start = stop
    return replace(done, gaps=tuple(missing_between(times)), watermark_ms=mark.watermark_ms)


def _pages(source: MeterSource, muid: str, start_ms: int, stop_ms: int, now_ms: int) -> Iterator[list[JudgedItem]]:
    """Judged pages from the newest backwards, until one reaches the start or holds nothing older.

    The next page stops a millisecond after the oldest item, so that no item of that instant is missed whether the
    source takes `stop` to be inside or not. The size of a page tells nothing: a source may have a limit of its own.
    """
    while True:
        items = source.page(muid, start_ms, stop_ms, PAGE)
        if not items:
            return
        judged = [judge_item(item, now_ms) for item in items]
        times = [reading.ts_ms for each in judged for reading in each.readings]
        if not times:
            reason = next(reason for each in judged for reason in each.reasons)
            raise SourceUnavailable(f"the meter source answers nothing that can be read; its first item: {reason}")
        if max(times) > stop_ms:
            raise SourceUnavailable("the meter source answers readings after `stop`, so it cannot be paged")
        yield judged
        if min(times) <= start_ms or min(times) + 1 >= stop_ms:
            return
        stop_ms = min(times) + 1


class _Window:
    """A stretch of time while its pages come in; what was said before is not queued again."""

    def __init__(self, muid: str, said: dict[tuple[ObisCode, int], tuple[int, str]], to: Destination) -> None:
        self.said = said
        self.queued = self.rejected = 0
        self.reasons: list[str] = []
        self._muid = muid
        self._to = to

    def take(self, page: Iterable[JudgedItem], now_ms: int) -> None:
        """Queue what is new. Raises TransientError."""
        new: list[tuple[int, ObisReading]] = []
        for judged in page:
            own = [reading for reading in judged.readings if reading.muid == self._muid]
            foreign = [f"tags.muid: is {reading.muid}" for reading in judged.readings if reading.muid != self._muid]
            self.reasons += [*judged.reasons, *foreign]
            for reading in own:
                key, value = (reading.code, reading.ts_ms), (reading.amount, reading.quality)
                if self.said.get(key) != value:
                    self.said[key] = value
                    new.append((self.queued + len(new), reading))
        store_readings(new, now_ms, queue=self._to.queue, meters=self._to.meters)
        self.queued += len(new)
        self.rejected = len(self.reasons)
