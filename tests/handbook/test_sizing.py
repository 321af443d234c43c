"""The tables of docs/sizing.md are what its formulas and its measured figures give."""

import math
import re

from support.servers import ROOT

_TEXT = (ROOT / "docs" / "sizing.md").read_text()
_DOCUMENTS_A_SHARD = 170_000_000


def measured(what: str) -> int:
    """Return the bytes of a row of the first table."""
    (found,) = re.findall(rf"^\| {what}[^|]*\| (\d+) \|$", _TEXT, re.MULTILINE)
    return int(found)


def cost(what: str) -> float:
    """Return the seconds of CPU that an event costs, by the second table of costs."""
    (found,) = re.findall(rf"^\| {what}[^|]*\| ([\d.]+) \|$", _TEXT, re.MULTILINE)
    return float(found) / 1e6


def gigabytes(count: float) -> str:
    """Write bytes as the table does: two digits, or all before the point."""
    value = count / 1e9
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def row(events: int) -> str:
    """Return a row by the formula."""
    batched = measured("Kafka's log, in full")
    alone = measured("Kafka's log, each")
    stored = measured("Elasticsearch, one segment, `AUDITLOG_CODEC=default`")
    daily = events * 30 > 1_000_000_000
    index = events * (1 if daily else 30)
    peak = events / 86_400 * 10
    kafka = [gigabytes(events * 30 * size * 3) for size in (batched, alone)]
    cells = (
        f"{events:,}",
        f"{peak:,.0f}/s",
        str(max(2, math.ceil(peak / 20_000))),
        "day" if daily else "month",
        str(math.ceil(index / _DOCUMENTS_A_SHARD)),
        f"{gigabytes(index * stored)} GB",
        f"{kafka[0]} to {kafka[1]} GB",
        f"{gigabytes(events * 365 * stored * 2 * 1.25)} GB",
    )
    return f"| {' | '.join(cells)} |"


def test_table_follows_from_the_formula() -> None:
    """Whoever measures anew finds out which rows to change."""
    for exponent in (5, 6, 7, 8):
        assert row(10**exponent) in _TEXT


def lasting_row(rate: int) -> str:
    """Return a row of the model for a rate that lasts."""
    batched = measured("Kafka's log, in full")
    alone = measured("Kafka's log, each")
    stored = measured("Elasticsearch, one segment, `AUDITLOG_CODEC=default`")
    consumers = max(2, math.ceil(rate * cost("a consumer") / 0.7))
    cores = math.ceil(rate * cost("Elasticsearch, each copy") * 2 / 0.6)
    events = rate * 86_400
    shards, disk = math.ceil(events / _DOCUMENTS_A_SHARD), events * stored * 2 * 1.25
    nodes = max(3, *map(math.ceil, (cores / 16, disk * 30 / 40e12, shards * 2 * 30 / 1000)))
    kafka = [gigabytes(events * size * 3) for size in (batched, alone)]
    cells = (
        f"{rate:,}",
        str(consumers),
        str(max(6, 2 * consumers)),
        str(max(3, math.ceil(rate * alone * 5 / 625e6))),
        f"{kafka[0]} to {kafka[1]} GB",
        str(cores),
        str(shards),
        f"{gigabytes(disk)} GB",
        str(nodes),
    )
    return f"| {' | '.join(cells)} |"


def test_model_follows_from_the_costs() -> None:
    """Up to a million a second, and where each part of it gives out."""
    for rate in (10_000, 100_000, 1_000_000):
        assert lasting_row(rate) in _TEXT
    for what, rule in (
        ("the SDK's `record`", "`record` in one publisher process"),
        ("a stream of `auditlog forward`", "one stream of `auditlog forward`"),
        ("a consumer", "one consumer process"),
        ("the sealer", "the sealer"),
    ):
        most = int(1 / cost(what) / 1000) * 1000
        assert f"| {rule} | {most:,}/s |" in _TEXT
    assert 1024 * _DOCUMENTS_A_SHARD / 86_400 > 2_000_000


def test_no_shard_comes_near_lucenes_limit() -> None:
    """Every row leaves a shard less than a tenth of the documents that it could have."""
    assert _DOCUMENTS_A_SHARD < 2_147_483_519 / 10
    assert "2,147,483,519" in _TEXT
