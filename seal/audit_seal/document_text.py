"""The published text in a document's, cut out where the consumer spliced its fields in. Pure.

Ten times as quick as parsing. A guess: whoever makes it has to compare the text's slot, and the whole
document, and parse what does not agree.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["DocumentText", "cut"]

_START = b'{"event":{'
_HEAD = re.compile(
    rb'\{"event":\{"kind":"event","category":\[[^\]]*\],"type":\[[^\]]*\],'
    rb'"created":"([^"]{24})","ingested":"([^"]{24})","hash":"[0-9a-f]{64}",'
)
_TAIL = re.compile(rb'"kafka":\{"topic":"([^"\\]+)","partition":(\d{1,10}),"offset":(\d{1,19})\}\}\}')
_ECS = b'"ecs":{"version":"'
_AUDIT = b',"audit":{'
_KAFKA = b'"kafka":{"topic":"'
_ADDED = (b',"source":{"network":"', b',"user":"')
_OUTCOME = b',"outcome":"'


class DocumentText(NamedTuple):
    """What the consumer wrote into an event, and the event without it."""

    event: bytes
    created: str
    ingested: str
    topic: str
    partition: int
    offset: int

    def forms(self) -> Iterator[bytes]:
        """Yield what may have been published: without an outcome, and with one."""
        at = self.event.find(_OUTCOME)
        if at >= 0:
            yield self.event[:at] + self.event[self.event.find(b'"', at + len(_OUTCOME)) + 1 :]
        yield self.event


def cut(source: bytes) -> DocumentText | None:
    """Return the parts of a document that is as the consumer writes most; None for any other one."""
    head, ecs = _HEAD.match(source), source.rfind(_ECS)
    audit, kafka = source.find(_AUDIT, ecs), source.rfind(_KAFKA)
    if head is None or not head.end() < ecs < audit < kafka:
        return None
    tail = _TAIL.fullmatch(source, kafka)
    if tail is None:
        return None
    end = kafka - 1
    for added in _ADDED:
        found = source.rfind(added, audit, end)
        if found >= 0:
            end = found
    event = b"".join((_START, source[head.end() : ecs], source[audit + 1 : end], b"}}"))
    try:
        created, ingested = head[1].decode(), head[2].decode()
        return DocumentText(event, created, ingested, tail[1].decode(), int(tail[2]), int(tail[3]))
    except UnicodeDecodeError:
        return None
