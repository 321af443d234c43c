"""The fields of a form that the page posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from audit_server.errors import ProblemError

__all__ = ["Form", "PostedForm"]

_FIELDS_MAX = 300


@dataclass(frozen=True, slots=True)
class Form:
    """Names and values, as they were sent; what is blank is none."""

    pairs: Sequence[tuple[str, str]]

    def values(self, name: str) -> Sequence[str]:
        """Return all values of a field."""
        return [value for given, value in self.pairs if given == name]

    def value(self, name: str) -> str:
        """Return the first value of a field, without blanks around it, or nothing."""
        return next(iter(self.values(name)), "").strip()


async def _posted(request: Request) -> Form:
    """Read a form: it is small, since the request limiter refuses others. Raises ProblemError."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return Form(parse_qsl(body, max_num_fields=_FIELDS_MAX))
    except ValueError:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "The form has too many fields; choose fewer alerts at once"
        ) from None


PostedForm = Annotated[Form, Depends(_posted)]
"""The form that a route was sent; a route that takes it may block, as the others do."""
