"""Times in a format of `strptime`, with what they say of their zone. Pure.

`strptime` takes any name that this machine's own zone has for %Z, and then forgets it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["has_hour", "has_year", "time_reader", "wrong_in"]

_DIRECTIVE = re.compile(r"%(.)")
_NAMES_OF_UTC = re.compile(r"(?<![A-Za-z])(?:UTC|GMT|Z)(?![A-Za-z])", re.IGNORECASE)
_ABBREVIATION = re.compile(r"(?<![A-Za-z])[A-Z]{3,5}(?![A-Za-z])")


def wrong_in(form: str) -> str | None:
    """Return what is wrong with a format, as the rest of a sentence; None if nothing is."""
    try:
        datetime.strptime("", form)  # noqa: DTZ007 - only the format matters
    except ValueError as error:
        if "directive" in str(error) or "stray" in str(error):
            return f"is not valid: {error}"
    except re.error:
        return "has a directive twice"
    directives = set(_DIRECTIVE.findall(form))
    if {"z", "Z"} <= directives:
        return "has both %z and %Z: keep %z, and write the name in place of %Z"
    names = _ABBREVIATION.findall(_literals(form))
    other = next((name for name in names if name not in ("UTC", "GMT")), None)
    if other is not None and not {"z", "Z"} & directives:
        return f"has {other}, which may mean several time zones: only UTC, GMT and Z are understood"
    return None


def has_year(form: str) -> bool:
    """Tell whether times in this format say their year."""
    return bool(set("YyGcx") & set(_DIRECTIVE.findall(form)))


def has_hour(form: str) -> bool:
    """Tell whether times in this format say their hour."""
    return bool(set("HIcX") & set(_DIRECTIVE.findall(form)))


def time_reader(form: str) -> Callable[[str], datetime]:
    """Return a function that reads a time, aware if text or format says of which zone it is.

    It raises ValueError. %Z stands for UTC, GMT or Z, any other name is an error; these mean UTC in the
    format itself, too.
    """
    has_name = "Z" in _DIRECTIVE.findall(form)
    is_utc = _NAMES_OF_UTC.search(_literals(form)) is not None
    numeric = _DIRECTIVE.sub(_offset_for_name, form)

    def read(text: str) -> datetime:
        text = _NAMES_OF_UTC.sub("Z", text) if has_name else text
        moment = datetime.strptime(text, numeric)  # noqa: DTZ007 - the caller adds the zone
        return moment.replace(tzinfo=UTC) if is_utc and moment.tzinfo is None else moment

    return read


def _offset_for_name(directive: re.Match[str]) -> str:
    return "%z" if directive[1] == "Z" else directive[0]


def _literals(form: str) -> str:
    return _DIRECTIVE.sub(" ", form)
