"""What a step of the runner takes, as a table. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.sheet import Sheet

__all__ = ["alerts_sheets"]


def alerts_sheets(section: Mapping[str, Any]) -> Iterator[Sheet]:
    """Yield the times of the rules, and of a step with all of them."""
    rules = sorted(section["rules"].items(), key=lambda item: -item[1]["p50"])
    rows = [[name, *_times(found)] for name, found in rules]
    yield Sheet(
        f"A step of {len(rules)} rules over {section['events']:,} events, in ms",
        ("", "p50", "p95", "longest"),
        [["a whole step", *_times(section["step"])], *rows],
        f"{section['steps']} steps of five minutes, each with {section['new_events']:.0f} new events, "
        "among them two attacks; what there was is 90 days in one segment a month. A whole step reads "
        "and writes the rules' state and stores alerts too; of the rules, four look at a time.",
    )


def _times(found: Mapping[str, float]) -> list[str]:
    return [f"{found[name]:.1f}" for name in ("p50", "p95", "max")]
