"""Valid events, and what becomes of events on bad wires and in bad hands: seeded, and quick to make."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from audit_generator.traffic import Traffic
from audit_schemas import encode, format_timestamp
from support.servers import ROOT

__all__ = ["mutants", "valid_events"]

_EXAMPLES = ROOT / "schemas" / "examples" / "v1" / "valid"
_EXAMPLES_SHARE = 0.3
_JUNK = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}",
    b"[", b"]", b",", b":", b"\n", b"NaN", b"1e999", b"null", b"\x1b[31m", "\u202e".encode(), b"%00",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 1.5, 2**63, 10**30, 1e300, "", " ", "x", "\x00", "\ud800", "\u202e",
    "x" * 300, "x" * 1100, "x" * 9000, [], [None], ["x"] * 120, {}, {"x": 1}, {"id": "x"}, [[[[]]]],
    "192.0.2.1", "::1%eth0", "1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "login", "user.name",
)  # fmt: skip
_KEYS = (
    "",
    "x",
    "id",
    "name",
    "ip",
    "@timestamp",
    "hash",
    "kafka",
    "\x00",
    "\ud800",
    "a.b",
    "__proto__",
)


def valid_events(count: int, seed: int) -> Iterator[bytes]:
    """Yield events of all kinds with ids of their own: traffic of a platform, and the examples."""
    rng = random.Random(seed)
    traffic = iter(Traffic(count, datetime.now(UTC), seed, days=2))
    examples = [json.loads(path.read_text()) for path in sorted(_EXAMPLES.glob("*.json"))]
    now = format_timestamp(datetime.now(UTC))
    for number in range(count):
        if rng.random() >= _EXAMPLES_SHARE:
            yield encode(next(traffic))
            continue
        event = dict(rng.choice(examples))
        event["@timestamp"] = now
        event["event"] = event["event"] | {"id": f"valid-{seed}-{number:012}"}
        yield json.dumps(event, ensure_ascii=number % 2 == 0).encode()


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Yield as many damaged events. Some are still valid, some have an id that others have too."""
    rng = random.Random(seed)
    event_before = mutant = b"{}"
    for event in valid_events(count, seed):
        dice = rng.random()
        if dice >= _REPEATED:
            source = event if dice >= _REPEATED + _AGAIN else event_before
            mutant = rng.choice(_MUTATIONS)(rng, source)
        event_before = event
        yield mutant


_REPEATED = 0.02
"""How many mutants are the same as the one before, byte for byte."""
_AGAIN = 0.1
"""How many are made of the same event as the one before, and so may have its id."""


def _flip_a_bit(rng: random.Random, raw: bytes) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]


def _insert_junk(rng: random.Random, raw: bytes) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + rng.choice(_JUNK) + raw[at:]


def _cut_out(rng: random.Random, raw: bytes) -> bytes:
    start, end = _span(rng, raw)
    return raw[:start] + raw[end:]


def _double(rng: random.Random, raw: bytes) -> bytes:
    start, end = _span(rng, raw)
    return raw[:end] + raw[start:]


def _truncate(rng: random.Random, raw: bytes) -> bytes:
    return raw[: rng.randrange(len(raw))]


def _overwrite(rng: random.Random, raw: bytes) -> bytes:
    start, end = _span(rng, raw)
    return raw[:start] + rng.randbytes(end - start) + raw[end:]


def _leave(_: random.Random, raw: bytes) -> bytes:
    return raw


def _span(rng: random.Random, raw: bytes) -> tuple[int, int]:
    start = rng.randrange(len(raw))
    return start, min(len(raw), start + rng.randrange(1, 40))


def _on_json(
    change: Callable[[random.Random, Any, Any], None],
) -> Callable[[random.Random, bytes], bytes]:
    """Return a mutation of bytes that parses, changes something at a random place, and writes."""

    def mutate(rng: random.Random, raw: bytes) -> bytes:
        event = json.loads(raw)
        parent, key = _place(rng, event)
        if key is not None:
            change(rng, parent, key)
        return json.dumps(event).encode()

    return mutate


def _place(rng: random.Random, event: Any) -> tuple[Any, Any]:
    """Walk down at random, and return a container and one of its keys."""
    parent, key = event, None
    while isinstance(parent, dict | list) and parent:
        key = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
        inner = parent[key]
        if not (isinstance(inner, dict | list) and inner) or rng.random() < _STOPS:
            break
        parent = inner
    return parent, key


_STOPS = 0.25


def _drop(_: random.Random, parent: Any, key: Any) -> None:
    del parent[key]


def _retype(rng: random.Random, parent: Any, key: Any) -> None:
    parent[key] = rng.choice(_VALUES)


def _rename(rng: random.Random, parent: Any, key: Any) -> None:
    if isinstance(parent, dict):
        parent[rng.choice(_KEYS)] = parent.pop(key)


def _inject(rng: random.Random, parent: Any, _: Any) -> None:
    if isinstance(parent, dict):
        parent[rng.choice(_KEYS)] = rng.choice(_VALUES)
    else:
        parent.append(rng.choice(_VALUES))


def _key_twice(rng: random.Random, raw: bytes) -> bytes:
    """Let one of the keys stand twice, in its object or in another."""
    keys = [part for part in raw.split(b",") if part.count(b'"') >= 2 and b":" in part]
    return raw[:-1] + b"," + rng.choice(keys or [b'"x":1']).strip(b"{} ") + b"}"


def _spoil_text(rng: random.Random, raw: bytes) -> bytes:
    """Put something else where free text should stand: such an event is mended."""
    event = json.loads(raw)
    if isinstance(event.get("user"), dict) and rng.random() < _NAMES:
        event["user"]["name"] = rng.choice(_VALUES)
    else:
        event[rng.choice(("message", "labels"))] = rng.choice(_VALUES)
    return json.dumps(event).encode()


_NAMES = 0.3

_MUTATIONS = (
    _flip_a_bit, _flip_a_bit, _insert_junk, _cut_out, _double, _truncate, _overwrite, _key_twice,
    _leave, _spoil_text, _spoil_text, _spoil_text,
    _on_json(_drop), _on_json(_retype), _on_json(_retype), _on_json(_rename), _on_json(_inject),
)  # fmt: skip
