"""Events from NDJSON: one object a line, read as a stream."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from audit_schemas import AuditEvent, EventRefusedError, LineIds, parse_json, validate

from audit_producer.build import with_id

__all__ = ["Line", "read_lines"]

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line, its number from 1, and the event in it or why there is none."""

    number: int
    size: int
    event: AuditEvent | None
    refusal: EventRefusedError | None = None


def read_lines(lines: Iterable[bytes]) -> Iterator[Line]:
    """Read events; a line without an id gets one that is the same at every reading of the file.

    Empty lines are passed over. A line without `@timestamp` is refused: were it given the time of
    reading, a second reading would make another event of it.
    """
    ids = LineIds()
    for number, raw in enumerate(lines, start=1):
        line = raw.removeprefix(_BOM).strip() if number == 1 else raw.strip()
        if not line:
            continue
        line_id = ids.next_id(line)
        try:
            event = validate(with_id(parse_json(line), lambda made=line_id: made))  # type: ignore[misc]
        except EventRefusedError as refusal:
            yield Line(number, len(raw), None, refusal)
        else:
            yield Line(number, len(raw), event)
