"""Instants (milliseconds since the epoch, UTC) and the 15-minute grid they fall into.

The wire format is RFC 3339 with a `Z`. Input may also carry an offset, or hyphens in the time of day
(`2018-08-24T00-00-00Z`), a form that one of the older senders writes.
"""

import re
from datetime import UTC, datetime, timedelta

MINUTE_MS = 60_000
INTERVAL_MS = 15 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

CLOCK_TOLERANCE_MS = 10 * MINUTE_MS
"""How far ahead of our clock a reading may be; devices' clocks drift."""

EARLIEST_MS = 0
"""1970-01-01: the history's partitions begin there, and what lies before would be written but never found."""

FIRST_YEAR, LAST_YEAR = 2, 9998
"""A year away from what datetime can hold, so that a margin around an instant can always be computed."""

FOREVER_MS = 253_370_764_800_000
"""The end of the last year: "whatever was received", whoever's clock is ahead."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d)[:-](\d\d)[:-](\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse_instant(text: object) -> int:
    """Milliseconds since the epoch of an RFC 3339 text; fractions beyond a millisecond are cut off.

    Raises ValueError, with a reason that can be shown to the sender.
    """
    if not isinstance(text, str):
        raise ValueError("is not a text like 2018-08-24T00:00:00Z")
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("is not an RFC 3339 time with Z or an offset, like 2018-08-24T00:00:00Z")
    date, hour, minute, second, fraction, zone = match.groups()
    if zone in "zZ":
        zone = "+00:00"
    try:
        moment = datetime.fromisoformat(f"{date}T{hour}:{minute}:{second}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is not a time that exists: {error}") from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    whole = (moment - _EPOCH) // _MILLISECOND
    return whole + int(fraction[:3].ljust(3, "0")) if fraction else whole


def format_instant(instant_ms: int) -> str:
    """RFC 3339 with `Z`, with milliseconds only where there are any."""
    moment = to_datetime(instant_ms)
    precision = "milliseconds" if instant_ms % 1000 else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def to_datetime(instant_ms: int) -> datetime:
    """The same instant as an aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=instant_ms)


def day_of(instant_ms: int) -> str:
    """The UTC day, `YYYY-MM-DD`."""
    return to_datetime(instant_ms).date().isoformat()


def month_of(instant_ms: int) -> str:
    """The first of the UTC month, `YYYY-MM-01`."""
    return to_datetime(instant_ms).date().replace(day=1).isoformat()


def interval_floor(instant_ms: int) -> int:
    """The start of the quarter hour that holds the instant."""
    return instant_ms - instant_ms % INTERVAL_MS


def interval_ceil(instant_ms: int) -> int:
    """The first quarter hour that starts at the instant or after it."""
    return -(-instant_ms // INTERVAL_MS) * INTERVAL_MS


def too_far_ahead(instant_ms: int, now_ms: int) -> bool:
    """Whether a reading's time lies further ahead than clocks may drift."""
    return instant_ms > now_ms + CLOCK_TOLERANCE_MS


def reading_instant(text: object, now_ms: int) -> int:
    """The time of a reading of any kind. Raises ValueError with the reason it cannot be taken."""
    instant_ms = parse_instant(text)
    if too_far_ahead(instant_ms, now_ms):
        raise ValueError(f"lies more than {CLOCK_TOLERANCE_MS // MINUTE_MS} minutes ahead")
    if instant_ms < EARLIEST_MS:
        raise ValueError("lies before 1970, where the history begins")
    return instant_ms
