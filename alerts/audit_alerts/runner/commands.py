"""`auditlog alerts run`."""

import re
from datetime import datetime
from typing import Annotated

import typer
from audit_query import parse_time, zone
from audit_runtime.logs import configure_logging

from audit_alerts.runner.service import run_alerts
from audit_alerts.runner.settings import RunnerSettings

__all__ = ["run"]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def run(
    once: Annotated[bool, typer.Option("--once", help="Cover what is there, and exit.")] = False,
    every: Annotated[str, typer.Option(help="How often: 60s, 5m.")] = "60s",
    since: Annotated[
        str | None, typer.Option(help="Where new rules begin: -1h, 2026-11-23; by default now.")
    ] = None,
) -> None:
    """Run the rules over new events, and send alerts; until Ctrl-C."""
    settings = RunnerSettings()
    configure_logging(settings.log_format)
    begin = None if since is None else parse_time(since, datetime.now(zone(settings.time_zone)))
    run_alerts(settings, every=_seconds(every), once=once, since=begin)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh])", text)
    if found is None or float(found[1]) <= 0:
        raise typer.BadParameter(f"{text!r} is not a duration such as 60s or 5m", param_hint="--every")
    return float(found[1]) * _UNITS[found[2]]
