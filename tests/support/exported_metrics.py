"""What our processes export to Prometheus, read from their registries."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from audit_alerts.runner.metrics import RunnerMetrics
from audit_consumer.metrics import Metrics
from audit_forward.metrics import ForwardMetrics
from audit_seal.metrics import SealMetrics
from audit_seal.witness_metrics import WitnessMetrics
from audit_server.metrics import ServerMetrics

__all__ = ["Exported", "exported", "unknown_names"]

_OF_PROMETHEUS = {"job", "instance"}
_SELECTOR = re.compile(r"\b(auditlog_\w+|up)\b(?:\{([^}]*)\})?")
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


@dataclass(frozen=True, slots=True)
class Exported:
    """A metric: its series' names, and the labels that they have."""

    name: str
    series: frozenset[str]
    labels: frozenset[str]


@cache
def exported() -> tuple[Exported, ...]:
    """Return the metrics of every process of ours."""
    sources = (Metrics, RunnerMetrics, ServerMetrics, SealMetrics, WitnessMetrics, ForwardMetrics)
    return tuple(found for source in sources for found in _of(source()))


def _of(
    source: Metrics | RunnerMetrics | ServerMetrics | SealMetrics | WitnessMetrics | ForwardMetrics,
) -> Iterator[Exported]:
    # The library tells the labels of a metric only where one has values.
    for collector in source.registry._collector_to_names:  # noqa: SLF001
        (family,) = collector.describe()  # type: ignore[attr-defined]
        labels = frozenset(collector._labelnames)  # type: ignore[attr-defined]  # noqa: SLF001
        series = frozenset(f"{family.name}{suffix}" for suffix in _SUFFIXES[family.type])
        yield Exported(family.name, series, labels)


def unknown_names(expression: str) -> set[str]:
    """Return the names of series and labels in an expression of PromQL that nothing exports."""
    by_series = {series: found.labels for found in exported() for series in found.series}
    allowed: set[str] = set(_OF_PROMETHEUS)
    unknown: set[str] = set()
    for series, matchers in _SELECTOR.findall(expression):
        labels = by_series.get(series, set()) | _OF_PROMETHEUS
        labels |= {"le"} if series.endswith("_bucket") else set()
        allowed |= labels
        unknown |= {series} - {"up", *by_series}
        unknown |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) - labels
    for grouped in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression):
        unknown |= {name.strip() for name in grouped.split(",")} - allowed
    return unknown
