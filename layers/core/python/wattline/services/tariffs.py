"""Tariff documents: read and judge one, put it in place of the set, and tell which set holds.

A document is `{"tariffs": [{name, currency, tz, effective_from, high, low, high_windows: [{weekdays, from, to}],
export, standing_charge_per_day}]}`; prices are decimal texts or JSON numbers, which are read as decimals.
"""

import json
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, DecimalException
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from wattline.domain.local_calendar import WEEKDAYS, time_zone
from wattline.domain.tariffs import SWISS_DUAL, Tariff, Window
from wattline.errors import FieldError, InvalidRequest
from wattline.ports import TariffSets

MAX_DOCUMENT_BYTES = 300_000
"""Of a DynamoDB item's 400 kB; some thousand tariffs."""

_MIDNIGHT = "24:00"


def _price(value: object) -> Decimal:
    """Texts, and what JSON numbers were read as; never a float."""
    if isinstance(value, str):
        try:
            value = Decimal(value)
        except DecimalException as error:
            raise ValueError("is not a decimal number like 0.32") from error
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        raise ValueError("is not a decimal number like 0.32")
    price = Decimal(value)
    if not (price.is_finite() and 0 <= price < 1_000_000 and price == round(price, 6)):
        raise ValueError("must be at least 0, below 1,000,000 and have at most 6 decimals")
    return price


def _date(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError("is not a date like 2024-01-01") from error


def _clock(value: object) -> time | None:
    if value == _MIDNIGHT:
        return None
    try:
        clock = time.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError("is not a time of day like 07:00") from error
    if clock.tzinfo is not None:
        raise ValueError("is local time and takes no offset")
    return clock


def _weekday(value: object) -> int:
    names = [name[:3] for name in WEEKDAYS]
    text = str(value).lower()
    if text[:3] in names and text in (text[:3], WEEKDAYS[names.index(text[:3])]):
        return names.index(text[:3])
    raise ValueError(f"is none of {', '.join(names)}")


def _zone(value: str) -> str:
    time_zone(value)
    return value


_Price = Annotated[Decimal, BeforeValidator(_price)]
_Clock = Annotated[time | None, BeforeValidator(_clock)]


class _Strict(BaseModel):
    """A field that we do not know may be a slip of the pen, and would change what somebody pays."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class _WindowDocument(_Strict):
    weekdays: Annotated[list[Annotated[int, BeforeValidator(_weekday)]], Field(min_length=1)]
    start: _Clock = Field(alias="from")
    end: _Clock = Field(alias="to")

    def window(self) -> Window:
        start = time.max if self.start is None else self.start
        if self.end is not None and start >= self.end:
            raise ValueError("to: must lie after from; write a window over midnight as two")
        return Window(frozenset(self.weekdays), start, self.end)


class _TariffDocument(_Strict):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    tz: Annotated[str, AfterValidator(_zone)]
    effective_from: Annotated[date, BeforeValidator(_date)]
    high: _Price
    low: _Price
    high_windows: Annotated[
        list[Annotated[_WindowDocument, AfterValidator(lambda each: each.window() and each)]], Field(max_length=100)
    ]
    export: _Price = Decimal(0)
    standing_charge_per_day: _Price = Decimal(0)

    def tariff(self) -> Tariff:
        windows = tuple(each.window() for each in self.high_windows)
        return Tariff(
            self.name,
            self.currency,
            self.tz,
            self.effective_from,
            self.high,
            self.low,
            windows,
            self.export,
            self.standing_charge_per_day,
        )


class _SetDocument(_Strict):
    tariffs: Annotated[list[_TariffDocument], Field(min_length=1)]


def parse_tariffs(document: str) -> list[Tariff]:
    """The tariffs of a document, by effective date. Raises InvalidRequest, which names every field that is wrong.

    A set is taken whole or not at all: a bill at half a tariff would be wrong without saying so.
    """
    if len(document.encode()) > MAX_DOCUMENT_BYTES:
        raise InvalidRequest(f"a set of tariffs holds at most {MAX_DOCUMENT_BYTES // 1000} kB")
    try:
        content: Any = json.loads(document, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the tariffs are not JSON: {error}") from error
    if isinstance(content, list):
        content = {"tariffs": content}
    try:
        tariffs = [each.tariff() for each in _SetDocument.model_validate(content).tariffs]
    except ValidationError as error:
        found = [
            FieldError(".".join(map(str, each["loc"])) or "document", each["msg"].removeprefix("Value error, "))
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidRequest("; ".join(f"{each.field}: {each.reason}" for each in found), found) from error
    if len({tariff.currency for tariff in tariffs}) > 1:
        raise InvalidRequest.of_field("tariffs", "must share one currency, for their costs are added")
    begins = [tariff.effective_ms for tariff in tariffs]
    if len(set(begins)) < len(begins):
        raise InvalidRequest.of_field("tariffs", "must take effect at different times")
    return sorted(tariffs, key=lambda tariff: tariff.effective_ms)


def replace_tariffs(name: str, document: str, received_ms: int, *, sets: TariffSets) -> int:
    """Make a document the set from then on, under a name of its own; says how many tariffs it has.

    Raises InvalidRequest or TransientError.
    """
    tariffs = parse_tariffs(document)
    sets.put(name, document, received_ms)
    return len(tariffs)


@dataclass(frozen=True, slots=True)
class TariffSet:
    """The tariffs in force, by effective date; `received_ms` is None for the built-in default."""

    tariffs: tuple[Tariff, ...]
    received_ms: int | None


def tariffs_in_force(as_of_ms: int, *, sets: TariffSets) -> TariffSet:
    """The set dropped last by then, or the Swiss dual tariff."""
    stored = sets.newest(as_of_ms)
    if stored is None:
        return TariffSet((SWISS_DUAL,), None)
    return TariffSet(tuple(parse_tariffs(stored.document)), stored.received_ms)
