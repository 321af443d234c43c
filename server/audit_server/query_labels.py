"""What somebody asked of the log, as labels of the event that records it. Pure."""

import hashlib
import json
from collections.abc import Iterable, Iterator

from audit_schemas import LABEL_MAX, LABELS_MAX, printable

__all__ = ["Pairs", "labels_of"]

Pairs = Iterable[tuple[str, str]]

_LABELS = LABELS_MAX - 4
"""Those of the query; the others are for what came of it."""
_SHORT = 96
_SEPARATOR = ", "


def labels_of(pairs: Pairs) -> dict[str, str]:
    """Return each parameter with all its values: none is cut off, however long the others are.

    Values that one label can't hold go on in `user-2`, `user-3`. A value that is too long for a label,
    or if there are many long ones any of them, stands there as its SHA-256 and length.
    """
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    labels = dict(_packed(values, LABEL_MAX))
    return labels if len(labels) <= _LABELS else dict(_packed(values, _SHORT))


def _packed(values: dict[str, list[str]], longest: int) -> Iterator[tuple[str, str]]:
    for name, some in values.items():
        number, label = 1, ""
        for text in (_written(value, longest) for value in some):
            joined = f"{label}{_SEPARATOR}{text}" if label else text
            if len(joined) > LABEL_MAX:
                yield _key(name, number), label
                number, joined = number + 1, text
            label = joined
        yield _key(name, number), label


def _key(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _written(value: str, longest: int) -> str:
    is_ambiguous = _SEPARATOR in value or value.startswith(('"', "sha256:"))
    text = printable(json.dumps(value, ensure_ascii=False) if is_ambiguous else value)
    if len(text) <= longest:
        return text
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return f"sha256:{digest} ({len(value)} characters)"
