"""What a form of the page sends, and where it may lead."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from audit_server.errors import ProblemError

__all__ = ["Form", "PostedForm", "after_sign_in", "form_of", "local_path"]

_PATH_MAX = 8192
_FIELDS_MAX = 300


@dataclass(frozen=True, slots=True)
class Form:
    """Names and values as they were sent, of which a name may have several."""

    pairs: Sequence[tuple[str, str]]

    def values(self, name: str) -> Sequence[str]:
        """Return all values of a field."""
        return [value for given, value in self.pairs if given == name]

    def value(self, name: str) -> str:
        """Return the first value of a field, without blanks around it, or nothing."""
        return next(iter(self.values(name)), "").strip()


async def form_of(request: Request) -> dict[str, str]:
    """Read the form: it is small, since the request limiter refuses others."""
    fields = parse_qsl((await request.body()).decode("utf-8", "replace"))
    return dict(reversed(fields))  # of one given twice, the first


def local_path(path: str) -> str:
    """Return a path of ours; anything else, such as another site's address, becomes the page."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_ours and path.isprintable() and len(path) < _PATH_MAX else "/"


def after_sign_in(path: str) -> str:
    """Return where to go after a sign-in: what was asked for, or else the view that one starts with."""
    return "/start" if path == "/" else path


async def _posted(request: Request) -> Form:
    """Read a form with several values of a name. Raises ProblemError."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return Form(parse_qsl(body, max_num_fields=_FIELDS_MAX))
    except ValueError:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "The form has too many fields; choose fewer alerts at once"
        ) from None


PostedForm = Annotated[Form, Depends(_posted)]
"""The form that a route was sent; a route that takes it may block, as the others do."""
