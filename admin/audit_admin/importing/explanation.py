"""What one row becomes, field by field, and why."""

import json
from collections.abc import Callable

from audit_runtime.terminal import new_console, print_lines
from audit_schemas import AuditEvent, EventRefusedError, encode, printable
from rich.markup import escape
from rich.table import Table

from audit_admin.importing.errors import RowError
from audit_admin.importing.row import Row
from audit_admin.importing.translate import Translator

__all__ = ["print_explanation"]

_SHOWN_MAX = 120


def print_explanation(row: Row, translator: Translator, check: Callable[[AuditEvent], None]) -> None:
    """Print how each event of a row comes about. `check` raises EventRefusedError."""
    records = translator.records_of(row)
    if not records:
        print_lines(f"{row.place} is left out: a [[skip]] of the mapping takes it")
    for record in records:
        print_lines(record.place)
        if record.problem is None:
            new_console().print(_steps_table(record, translator))
        print_lines(_verdict(record, translator, check))


def _steps_table(row: Row, translator: Translator) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("Field", "From", "In the row", "Becomes"):
        table.add_column(heading, overflow="fold")
    for step in translator.steps_of(row):
        found = "" if step.found is None else step.found
        value = step.value if step.value is not None else step.error or "(left out)"
        table.add_row(*(escape(_cut(text)) for text in (step.path, step.source, found, value)))
    return table


def _verdict(row: Row, translator: Translator, check: Callable[[AuditEvent], None]) -> str:
    try:
        event = translator.event_of(row)
        check(event)
    except RowError as error:
        return printable(f"rejected: {error.path + ': ' if error.path else ''}{error}")
    except EventRefusedError as refused:
        return printable(f"rejected: {refused}")
    return printable(json.dumps(json.loads(encode(event)), ensure_ascii=False))


def _cut(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _SHOWN_MAX else shown[: _SHOWN_MAX - 1] + "…"
