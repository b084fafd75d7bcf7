"""Fields of the files about stores. Every function raises ValueError with a reason for the sender."""

import re
from functools import cache
from zoneinfo import available_timezones

from wattline.domain.stores import DAY_S

_TIME_OF_DAY = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_LAST_SECOND = DAY_S - 1
_WEEKDAYS = tuple("0123456")


def weekday(text: str) -> int:
    """0 is Monday."""
    if text.strip() in _WEEKDAYS:
        return int(text)
    raise ValueError("is not a weekday from 0 (Monday) to 6" if text.strip() else "is missing")


def opening_time(text: str) -> int:
    """Seconds from local midnight."""
    seconds = _time_of_day(text)
    if seconds == DAY_S:
        raise ValueError("24:00:00 is the end of a day, and no start")
    return seconds


def closing_time(text: str) -> int:
    """Seconds from local midnight; 23:59:59 and 24:00:00 are the midnight that follows."""
    seconds = _time_of_day(text)
    return DAY_S if seconds == _LAST_SECOND else seconds


def _time_of_day(text: str) -> int:
    match = _TIME_OF_DAY.fullmatch(text.strip())
    if match:
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        moment = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and moment <= DAY_S:
            return moment
    raise ValueError("is not a time of day like 09:30:00" if text.strip() else "is missing")


def zone_name(text: str) -> str:
    """A name of the time zone database."""
    if text.strip() in _zones():
        return text.strip()
    raise ValueError("is not in the time zone database" if text.strip() else "is missing")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory"}  # of this machine, and of none
