"""Secrets are masked by the name they stand under. Nobody needs them in an audit log."""

import json
import re
from collections.abc import Mapping

__all__ = ["MASK", "is_secret_name", "masked", "masked_text"]

MASK = "***"
_SECRET = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|credential|authorization|cookie|connection[-_.]?string"
    r"|(api|private|access|ssh|encryption|signing)[-_.]?key"
    r"|(^|[-_.])(pass|pwd|pin|otp|cvv|jwt|dsn)($|[-_.])",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]{1,100})(?P<sign>[\"']?\s{0,4}[=:]\s{0,4})"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'|(?:(?:Bearer|Basic)\s+)?[^\s,;&\"']+)"
)
_IN_URL = re.compile(r"(?<=://)(?P<user>[^\s/:@]{0,100}):[^\s/@]{1,200}(?=@)")


def is_secret_name(name: str) -> bool:
    """Tell whether what stands under a name looks like a secret."""
    return _SECRET.search(name) is not None


def masked(value: object) -> object:
    """Mask what stands under a secret-looking name anywhere inside."""
    if isinstance(value, Mapping):
        return {
            str(key): MASK if is_secret_name(str(key)) else masked(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(inner) for inner in value]
    return value


def masked_text(text: str) -> str:
    """Mask secrets in a text: in JSON, in `password=...` and `Authorization: ...`, in addresses.

    A text without any is returned as it is.
    """
    if ":" not in text and "=" not in text:
        return text
    if text.lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            hidden = masked(found)
            return text if hidden == found else json.dumps(hidden, ensure_ascii=False)
    text = _ASSIGNED.sub(_assigned, text)
    return _IN_URL.sub(rf"\g<user>:{MASK}", text)


def _assigned(found: re.Match[str]) -> str:
    return f"{found['name']}{found['sign']}{MASK}" if is_secret_name(found["name"]) else found[0]
