"""Alerts as the runner would have stored them, with no events behind them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from audit_alerts import AlertDesk, AlertSettings
from audit_alerts.episodes import FiringSpan
from audit_alerts.evidence import Evidence
from audit_alerts.runner.alert import Circumstances, new_alert
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.changes import AlertChange, AlertTarget
from support.alert_runner import at, millis, shipped
from support.servers import Deployment

__all__ = ["NOW", "alert_settings", "made_alert", "stored_alerts"]

NOW = at(7200)


def made_alert(
    rule: str = "brute-force",
    *group: str,
    minutes: int = 0,
    users: tuple[str, ...] = ("Ada",),
    organizations: tuple[str, ...] = (),
    **more: Any,
) -> tuple[str, dict[str, Any]]:
    """Return an alert of a shipped rule so many minutes after the beginning, and its id."""
    (found,) = shipped(rule)
    first = millis(at(60 * minutes))
    values = group or ("203.0.113.66",)
    span = FiringSpan(first, first, first + 5000, 6)
    target = AlertTarget(values, (span,), (), None, ())
    evidence = Evidence(
        6, (f"e-{minutes}-1", f"e-{minutes}-2"), users, organizations=organizations, **more
    )
    given = Circumstances(found, "v", "http://localhost:8484", at(60 * minutes + 30), ["webhook"])
    return new_alert(AlertChange(target, (evidence,)), given)


def alert_settings(deployment: Deployment) -> AlertSettings:
    """Return the settings of a desk of the test's own."""
    return AlertSettings(
        elasticsearch_url=deployment.servers.elasticsearch, alerts_index=f"alerts-{deployment.name}"
    )


@contextmanager
def stored_alerts(
    deployment: Deployment, *alerts: tuple[str, dict[str, Any]], **desk: Any
) -> Iterator[AlertDesk]:
    """Give a desk with these alerts; its index is deleted afterwards."""
    settings = alert_settings(deployment)
    with deployment.client() as client:
        AlertStore(client, settings.alerts_index, "", list).prepare()
        for alert_id, document in alerts:
            client.create(index=settings.alerts_index, id=alert_id, document=document, refresh=True)
        try:
            with AlertDesk(settings, clock=lambda: NOW, **desk) as found:
                yield found
        finally:
            for name in client.indices.get(index=f"{settings.alerts_index}*"):
                client.indices.delete(index=name)
            client.indices.delete_index_template(name=f"{settings.alerts_index}")
