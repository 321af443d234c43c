"""The values of an unpacked record batch, for those that need neither keys nor headers of millions.

Format: https://kafka.apache.org/documentation/#recordbatch
"""

__all__ = ["StoredValue", "read_values"]

StoredValue = tuple[int, int, bytes | None]
"""A record's offset, its time in milliseconds, and its value."""

_NUMBER_BITS = 70  # ten bytes of seven, for 64 bits
_SHORT = tuple((byte >> 1) ^ -(byte & 1) for byte in range(0x80))
"""What numbers of one byte mean."""


def read_values(
    data: bytes, first: int, end: int, base_ms: int, appended_ms: int | None
) -> list[StoredValue]:
    """Return what is in the records of a batch that has the offsets from `first` to before `end`.

    Times are relative to `base_ms`, unless the broker's, `appended_ms`, is that of all. Raises
    ValueError or IndexError for what are no records.
    """
    found: list[StoredValue] = []
    at, count, time_ms = 0, end - first, appended_ms or 0
    least = 0
    # Numbers that have one byte as a rule are read without a call.
    while at < len(data):
        length, at = _varint(data, at)
        stop = at + length
        at += 1  # attributes: unused
        if (elapsed := data[at]) < 0x80:  # noqa: PLR2004 - the last byte of a number has no high bit
            elapsed, at = _SHORT[elapsed], at + 1
        else:
            elapsed, at = _varint(data, at)
        delta, at = _varint(data, at)
        if (key := data[at]) < 0x80:  # noqa: PLR2004
            key, at = _SHORT[key], at + 1
        else:
            key, at = _varint(data, at)
        size, at = _varint(data, at + key if key > 0 else at)
        if not (least <= delta < count and at + size <= stop <= len(data)):
            raise ValueError("a record is not where or as long as it says")
        least = delta + 1
        if appended_ms is None:
            time_ms = base_ms + elapsed
        found.append((first + delta, time_ms, data[at : at + size] if size >= 0 else None))
        at = stop
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, zigzag-encoded, and where the next begins."""
    byte = data[at]
    if byte < 0x80:  # noqa: PLR2004
        return _SHORT[byte], at + 1
    result, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = data[at]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004
            return (result >> 1) ^ -(result & 1), at + 1
        shift += 7
        if shift >= _NUMBER_BITS:
            raise ValueError("a number has no end")
