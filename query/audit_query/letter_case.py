"""Capitals and small letters of every script, for queries that only know those of ASCII. Pure."""

import re
from functools import cache
from itertools import accumulate, product
from math import prod

__all__ = ["begins_with", "has_whole_pattern", "prefix_pattern", "spellings"]

_PATTERN_MAX = 1000 - len(".*")
"""Characters of a regular expression that Elasticsearch takes (`index.max_regex_length`)."""

_FURTHER = {"\u03c3": "ς", "Σ": "ς", "ß": "ẞ", "İ": "i", "\u0131": "i"}
"""What `str.upper` and `str.lower` do not lead to as a single letter."""


def begins_with(value: str, prefix: str) -> bool:
    """Tell whether a value begins so, in capitals or small letters."""
    pairs = zip(prefix, value, strict=False)
    return len(value) >= len(prefix) and all(letter in _forms(typed) for typed, letter in pairs)


def prefix_pattern(prefix: str) -> str:
    """Return a Lucene regular expression for what begins so; of a very long prefix, for its start."""
    parts = [_either(letter) for letter in prefix]
    lengths = accumulate(map(len, parts))
    return "".join(part for part, end in zip(parts, lengths, strict=True) if end <= _PATTERN_MAX) + ".*"


def has_whole_pattern(prefix: str) -> bool:
    """Tell whether Elasticsearch takes an expression for the whole of it."""
    return sum(len(_either(letter)) for letter in prefix) <= _PATTERN_MAX


def spellings(text: str, limit: int) -> list[str] | None:
    """Return the ways to write a text that differ beyond ASCII; None if there are more than `limit`."""
    forms = [(letter,) if letter.isascii() else _forms(letter) for letter in text]
    if prod(map(len, forms)) > limit:
        return None
    return ["".join(letters) for letters in product(*forms)]


@cache
def _forms(letter: str) -> tuple[str, ...]:
    """Return a letter's forms, itself among them; of ASCII letters the two of ASCII.

    So a plain `i` does not find the dotted capital or the dotless small letter of Turkish, which do
    find it; nor does `k` find the Kelvin sign.
    """
    found = {letter, letter.lower(), letter.upper(), letter.title()}
    found |= {form.lower() for form in found} | {form.upper() for form in found}
    found |= {_FURTHER[form] for form in list(found) if form in _FURTHER and not letter.isascii()}
    return tuple(
        sorted(form for form in found if len(form) == 1 and (form.isascii() or not letter.isascii()))
    )


def _either(letter: str) -> str:
    escaped = [re.sub(r"(\W|_)", r"\\\1", form) for form in _forms(letter)]
    return escaped[0] if len(escaped) == 1 else f"[{''.join(escaped)}]"
