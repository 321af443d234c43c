"""What the place of an address costs the consumer: an event's lines with databases beside without."""

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from statistics import median

from audit_consumer import Decoder, Places, portions
from audit_generator.mmdb import Value, write_mmdb
from audit_generator.traffic import Traffic
from audit_schemas import Catalogue, IndexNaming, TimeBounds, encode, format_timestamp
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message
from rich.console import Group

from benchmarks.figures import Spread, table

__all__ = ["places_table"]

_EVENTS = 3_000
_ROUNDS = 60


def places_table() -> Group:
    """Measure CPU time an event, in turn: without databases, and with three."""
    messages = _messages()
    addresses = sum(b'"source":{"ip"' in (message.value() or b"") for message in messages)
    with tempfile.TemporaryDirectory() as folder:
        places = Places(_databases(Path(folder)))
    none, three = _decoder(None), _decoder(places)
    ways = {"without databases": none, "country, city and ASN": three}
    seconds: dict[str, list[float]] = {name: [] for name in (*ways, "added")}
    for _ in range(_ROUNDS):
        for name, decoder in ways.items():
            seconds[name].append(_cpu(decoder, messages))
        seconds["added"].append(seconds["country, city and ASN"][-1] - seconds["without databases"][-1])
    rows = [(name, f"{Spread.of(_quartiles(found)):.2f}") for name, found in seconds.items()]
    note = f"Median and quartiles of {_ROUNDS} rounds in turn; {addresses / len(messages):.0%} of the "
    return table(
        f"From a record to its lines: {_EVENTS:,} events",
        ("", "CPU us/event"),
        rows,
        f"{note}events have an address.",
    )


def _decoder(places: Places | None) -> Decoder:
    return Decoder(Catalogue.load(), TimeBounds.unlimited(), IndexNaming("audit-events"), places)


def _messages() -> list[Message]:
    now = datetime.now(UTC)
    moment = (TIMESTAMP_LOG_APPEND_TIME, int(now.timestamp() * 1000))
    return [
        Message(
            topic="audit.events",
            partition=0,
            offset=offset,
            headers=[],
            timestamp=moment,
            value=encode(event),
        )
        for offset, event in enumerate(Traffic(_EVENTS, now))
    ]


def _databases(folder: Path) -> Sequence[Path]:
    """Write three databases of all of IPv4, each /12 another record."""
    records: dict[str, Callable[[int], dict[str, Value]]] = {
        "country": lambda _: {"country": {"iso_code": "DE"}},
        "city": lambda number: {
            "city": {"names": {"en": f"City {number}"}},
            "location": {"latitude": 50.0, "longitude": number / 100},
        },
        "asn": lambda number: {
            "autonomous_system_number": number + 1,
            "autonomous_system_organization": f"Owner {number}",
        },
    }
    found = []
    for name, record in records.items():
        networks = {IPv4Network((number << 20, 12)): record(number) for number in range(4096)}
        path = folder / f"{name}.mmdb"
        path.write_bytes(write_mmdb(networks, name, datetime.now(UTC)))
        found.append(path)
    return found


def _cpu(decoder: Decoder, messages: Sequence[Message]) -> float:
    """Return microseconds of CPU an event."""
    ingested = format_timestamp(datetime.now(UTC))
    start = time.process_time()
    for some in portions(messages):
        decoder.read_all(some, ingested)
    return (time.process_time() - start) / len(messages) * 1e6


def _quartiles(found: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(found)
    return ordered[len(ordered) // 4], median(ordered), ordered[3 * len(ordered) // 4]
