"""The file of ranges that nobody may log in from."""

import ipaddress
from pathlib import Path

from audit_alerts.errors import RangesError

__all__ = ["denied_ranges"]


def denied_ranges(file: Path | None) -> tuple[str, ...]:
    """Return the CIDR ranges of a file, one a line; what follows a # is a comment.

    An address alone is a range of one. Raises RangesError for what is no range, for a file without
    one, which may have been cut, and for host bits, which mostly are a slip: 10.1.2.3/8 denies
    sixteen million addresses.
    """
    if file is None:
        return ()
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise RangesError(f"{file}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RangesError(f"{file}: is not UTF-8 text") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if text := line.partition("#")[0].strip():
            try:
                found.append(_range(text))
            except ValueError as error:
                raise RangesError(f"{file}:{number}: {error}; write such as 192.0.2.0/24") from None
    if not found:
        raise RangesError(f"{file}: holds no range; to deny none, leave AUDITLOG_DENIED_RANGES out")
    return tuple(dict.fromkeys(found))


def _range(text: str) -> str:
    if "%" in text:
        raise ValueError(f"{text!r} has a zone, which means something on one host only")
    return str(ipaddress.ip_network(text))
