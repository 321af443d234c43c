"""The table of docs/sizing.md is what its formula and its measured bytes give."""

import math
import re

from support.servers import ROOT

_TEXT = (ROOT / "docs" / "sizing.md").read_text()
_DOCUMENTS_A_SHARD = 170_000_000


def measured(what: str) -> int:
    """Return the bytes of a row of the first table."""
    (found,) = re.findall(rf"^\| {what}[^|]*\| (\d+) \|$", _TEXT, re.MULTILINE)
    return int(found)


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


def test_no_shard_comes_near_lucenes_limit() -> None:
    """Every row leaves a shard less than a tenth of the documents that it could have."""
    assert _DOCUMENTS_A_SHARD < 2_147_483_519 / 10
    assert "2,147,483,519" in _TEXT
