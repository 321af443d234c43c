"""One event and one alert in each form of a stream, as files to read.

    PYTHONPATH=tests python tests/support/written_forms.py

writes them again, after a change of a form that is meant.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from audit_forward.forms import FORMS, form
from audit_schemas import Place
from support.servers import ROOT
from support.stored_alerts import made_alert
from support.stored_documents import example

__all__ = ["GOLDEN", "written_forms"]

GOLDEN = ROOT / "tests" / "forward" / "forms" / "golden"
_PLACE = Place("DE", "Berlin", 52.5, 13.4, 64496, "Example Net")


@cache
def written_forms() -> Mapping[str, str]:
    """Return the files' texts by their names; this product's version is written as VERSION."""
    _, alert = made_alert(organizations=("acme",))
    return {
        f"{name}-{kind}.{'txt' if name == 'cef' else 'json'}": _text(made)
        for name in FORMS
        for kind, made in (
            ("event", form(name).event(example("every-field", _PLACE))),
            ("alert", form(name).alert(alert)),
        )
    }


def _text(made: Mapping[str, Any] | str) -> str:
    """Return JSON as it is read best; the version as VERSION, which is another with each release."""
    ours = version("chat-auditlog")
    if isinstance(made, str):
        return made.replace(f"|auditlog|{ours}|", "|auditlog|VERSION|") + "\n"
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    vendor = '"vendor_name": "chat-auditlog",\n      "version": '
    return text.replace(f'{vendor}"{ours}"', f'{vendor}"VERSION"')


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for file, text in written_forms().items():
        (GOLDEN / file).write_text(text)
