"""Bytes that are not of a file's encoding, and the encodings that they may be of. Pure."""

import re

__all__ = ["InvalidBytes"]

_INVALID = re.compile("[\udc80-\udcff]+")
_CANDIDATES = ("windows-1252", "windows-1254", "windows-1250", "windows-1251", "windows-1253")
_NAMED = 3


class InvalidBytes:
    """Finds bytes that were not valid in a file's encoding: `surrogateescape` has marked them."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def problem(self, *texts: str) -> str | None:
        """Return what is wrong with texts of one row, and what to set; None if nothing is."""
        if all(map(str.isascii, texts)):
            return None
        bad = "".join(part for text in texts for part in _INVALID.findall(text))
        if not bad:
            return None
        raw = bad.encode("ascii", "surrogateescape")
        fitting = [name for name in _CANDIDATES if _fits(raw, name)][:_NAMED]
        one = f"one that fits ({', '.join(fitting)})" if fitting else "that of the file"
        return (
            f"has bytes that are not {self._encoding}: set [source] encoding to {one}, or "
            'invalid_bytes = "escape"'
        )


def _fits(raw: bytes, encoding: str) -> bool:
    try:
        return raw.decode(encoding).isalpha()
    except UnicodeDecodeError:
        return False
