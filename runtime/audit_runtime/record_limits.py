"""How large a record may be for us to read it; apart from what unpacks records, which loads codecs."""

__all__ = ["MAX_RECORD_BYTES", "oversized"]

MAX_RECORD_BYTES = 32 * 1024 * 1024
"""A record that is longer, with key and headers, is given as an error without its bytes."""


def oversized(length: int) -> str | None:
    """Return why a record of so many bytes can't be read; None if it can."""
    if length <= MAX_RECORD_BYTES:
        return None
    return f"the record has {length} bytes; at most {MAX_RECORD_BYTES} can be read"
