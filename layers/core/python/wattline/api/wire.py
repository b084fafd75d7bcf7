"""Pieces of wire models that every capability uses: ids, instants, cursors, and how their errors are told."""

import base64
import json
import re
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError, WithJsonSchema

from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import format_instant, parse_instant
from wattline.errors import FieldError, InvalidRequest, MalformedRequest

_JSON_INVALID = "json_invalid"


def _id_text(value: object) -> object:
    """An integer is taken as its decimal string; nobody infers a number from an id later."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _instant(value: object) -> int:
    return parse_instant(_unescaped_plus(value))


def _unescaped_plus(value: object) -> object:
    """A `+` in a query string arrives as a space unless the sender escaped it: `...T00:00:00 02:00`."""
    if isinstance(value, str) and value[-6:-5] == " ":
        return f"{value[:-6]}+{value[-5:]}"
    return value


DeviceId = Annotated[str, BeforeValidator(_id_text), StringConstraints(pattern=ID_PATTERN)]


def _digits(value: object) -> object:
    """Query strings hold texts; pydantic would also take 1_0 and 1.0 for numbers."""
    if isinstance(value, str) and not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise ValueError("must be a whole number")
    return value


QueryInteger = Annotated[int, BeforeValidator(_digits)]


class QueryModel(BaseModel):
    """A query string; a parameter that the route does not have is an error, for it may be a slip of the pen."""

    model_config = ConfigDict(extra="forbid")


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2018-08-24T00:00:00Z"]}),
]
"""Milliseconds since the epoch inside, RFC 3339 on the wire."""


def device_id(text: str, field: str) -> str:
    """An id in a path. Raises InvalidRequest."""
    if re.fullmatch(ID_PATTERN, text):
        return text
    raise InvalidRequest.of_field(field, _REASONS["string_pattern_mismatch"])


Model = TypeVar("Model", bound=BaseModel)


def from_json(model: type[Model], body: str) -> Model:
    """A body as a model. Raises MalformedRequest when it is not JSON, InvalidRequest when it does not fit."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] == _JSON_INVALID:
            raise MalformedRequest(f"the body is not JSON: {error.errors()[0]['ctx']['error']}") from error
        raise invalid(error) from error


def from_query(model: type[Model], query: dict[str, list[str]] | None) -> Model:
    """A query string as a model; of a parameter given twice the last counts. Raises InvalidRequest."""
    try:
        return model.model_validate({name: values[-1] for name, values in (query or {}).items() if values})
    except ValidationError as error:
        raise invalid(error) from error


_REASONS = {
    "extra_forbidden": "is no parameter of this route",
    "missing": "is missing",
    "string_pattern_mismatch": f"must match {ID_PATTERN}",
}


def invalid(error: ValidationError) -> InvalidRequest:
    """pydantic's findings in our words."""
    found = [
        FieldError(
            ".".join(map(str, each["loc"])) or "body",
            _REASONS.get(each["type"], each["msg"].removeprefix("Value error, ")),
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return InvalidRequest("; ".join(f"{each.field}: {each.reason}" for each in found), found)


def encode_cursor(next_start_ms: int) -> str:
    """An opaque place in a time series to go on from."""
    return encode_place(next_start_ms)


def decode_cursor(cursor: str, start_ms: int, end_ms: int) -> int:
    """Where the page starts. Raises InvalidRequest for what `encode_cursor` never gave for this range."""
    place = _place(cursor)
    if isinstance(place, int) and not isinstance(place, bool) and start_ms <= place < end_ms:
        return place
    raise InvalidRequest.of_field(
        "cursor",
        f"is not one that this range gave ({format_instant(start_ms)} to {format_instant(end_ms)}); "
        "take next_cursor as it came, with the same start and end",
    )


def encode_place(place: int | str) -> str:
    """An opaque place in a list to go on from."""
    return base64.urlsafe_b64encode(json.dumps({"from": place}).encode()).decode().rstrip("=")


def decode_place(cursor: str, pattern: str) -> str:
    """The place in a list. Raises InvalidRequest for what this list never gave."""
    place = _place(cursor)
    if isinstance(place, str) and re.fullmatch(pattern, place):
        return place
    raise InvalidRequest.of_field("cursor", "is not one that this list gave; take next_cursor as it came")


def _place(cursor: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))["from"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
