"""Partitions that give nothing after a resume (librdkafka#5591)."""

from audit_consumer.stalled_partitions import StalledPartitions


def test_partition_that_stays_silent_for_a_minute_is_overdue_once() -> None:
    """It is named, and then has another minute."""
    stalled = StalledPartitions()
    stalled.expect([0, 1], now=100.0)
    assert stalled.overdue(now=159.0) == []
    stalled.delivered([1])
    assert stalled.overdue(now=160.0) == [0]
    assert stalled.overdue(now=161.0) == []
    assert stalled.overdue(now=220.0) == [0]


def test_partition_that_was_heard_from_is_not_looked_at() -> None:
    """Most reads have nothing to look for."""
    stalled = StalledPartitions()
    assert not stalled
    stalled.expect([3], now=0.0)
    assert stalled
    stalled.delivered([3, None])
    assert not stalled
