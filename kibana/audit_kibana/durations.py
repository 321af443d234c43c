"""Time spans as Kibana writes them. Pure."""

__all__ = ["interval_of", "kibana_duration"]

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))
_MINUTE = 60_000
_SHORT = 15 * _MINUTE


def kibana_duration(millis: int) -> tuple[int, str]:
    """Return number and unit: the largest unit that gives a whole number."""
    for unit, length in _UNITS:
        if millis >= length and millis % length == 0:
            return millis // length, unit
    return -(-millis // 1000), "s"


def interval_of(span: int) -> int:
    """Return how often a rule about so long a span runs: each minute, or each five for long ones."""
    return _MINUTE if span <= _SHORT else 5 * _MINUTE
