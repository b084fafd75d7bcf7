"""Every exception that wattline raises on purpose.

::

    WattlineError
    ├── InvalidRequest         the caller must change the request (422)
    ├── MalformedRequest       the body could not be read at all (400)
    ├── TooLarge               the request is over a limit (413)
    ├── Unauthenticated        no valid token (401)
    ├── Forbidden              a valid token without the scope (403)
    ├── NotFound               no such thing (404)
    ├── Conflict               it contradicts what is there (409)
    ├── TransientError         try the same again later (503)
    │   ├── QueryTimeout       a history query took too long (503)
    │   └── SourceUnavailable  a system we read from is down, or answers nonsense
    └── TerminalError          trying again cannot help
        ├── QueryFailed        the history engine refused or failed a query (502)
        └── SourceRefused      a system we read from will not answer this request

Workers retry on the type (`TransientError`), never on the text of a message. How each becomes an HTTP
answer is decided in one table, `wattline.api.problems`.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `index` is the position of the item in a list, where there is one."""

    field: str
    reason: str
    index: int | None = None


class WattlineError(Exception):
    """Base of all. `detail` tells a person what was wrong and what to do."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidRequest(WattlineError):
    """The request was understood, and cannot be done as it stands."""

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)

    @classmethod
    def of_field(cls, field: str, reason: str) -> "InvalidRequest":
        """The error about a single field."""
        return cls(f"{field}: {reason}", [FieldError(field, reason)])


class MalformedRequest(WattlineError):
    """The body is not what its content type says."""


class TooLarge(WattlineError):
    """Over a documented limit; `detail` names the limit and the way round it."""


class Unauthenticated(WattlineError):
    """There is no valid token."""


class Forbidden(WattlineError):
    """The token is valid and lacks a scope."""


class NotFound(WattlineError):
    """No such device, job or route."""


class Conflict(WattlineError):
    """It contradicts what is there; `detail` names that."""


class TransientError(WattlineError):
    """A dependency could not do it now; the same request may succeed later.

    `retry_after` is the number of seconds a caller should wait.
    """

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class QueryTimeout(TransientError):
    """A history query was stopped because its caller could not wait longer."""


class SourceUnavailable(TransientError):
    """A system we read from does not answer, or not as it should."""


class TerminalError(WattlineError):
    """It failed, and would fail again."""


class QueryFailed(TerminalError):
    """The history engine reported a failure for a query of ours."""


class SourceRefused(TerminalError):
    """A system we read from answers, and refuses what we ask."""
