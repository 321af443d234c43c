"""Whose network an address is in, in the tables of the command line."""

import io
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import pytest
from audit_query.reports.event_tables import session_table
from audit_query.tables import events_table
from rich.console import Console
from rich.table import Table


def event(number: int, **source: Any) -> Mapping[str, Any]:
    """Return an event from an address."""
    return {
        "event": {"action": "chat-assigned-to-user", "id": f"event-{number}"},
        "@timestamp": "2026-11-23T09:30:00.000Z",
        "audit": {"user": "Ada Lovelace"},
        "source": {"ip": "192.0.2.7", **source},
    }


def lines(table: Table, width: int) -> list[str]:
    """Return what a terminal of so many columns shows."""
    console = Console(emoji=False, width=width, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text().splitlines()


PLACED = event(1, geo={"country_iso_code": "DE"}, **{"as": {"organization": {"name": "[b]Telekom AG"}}})


@pytest.mark.parametrize(
    ("table", "narrow"),
    [(events_table([PLACED], UTC, "UTC"), 80), (session_table([PLACED], UTC), 70)],
)
def test_place_stands_beside_the_address_where_there_is_room(table: Table, narrow: int) -> None:
    """In one line, whatever the width; before anything else is cut, it is."""
    assert "[b]Telekom AG, DE" in lines(table, 120)[-1]
    cut = lines(table, narrow)
    assert len(cut) == len(lines(table, 120))
    assert cut[-1].rstrip().endswith("…  chat-assigned-to-user")


def test_without_places_there_is_no_column_for_them() -> None:
    """As before there were any."""
    assert "Network" not in lines(events_table([event(1)], UTC, "UTC"), 120)[0]
