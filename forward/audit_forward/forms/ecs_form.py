"""Plain ECS: its fields, and what it has no name for under `auditlog`."""

from collections.abc import Mapping
from typing import Any

from audit_schemas import ECS_VERSION, related_of, shown_alert

from audit_forward.forms.stored import part

__all__ = ["EcsForm"]


class EcsForm:
    """The documents are ECS but for `audit`, which becomes `auditlog`, less where Kafka has the record.

    Labels are flat in ECS: an index that expands dots would refuse `a` beside `a.b`.
    """

    name = "ecs"

    def event(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event with `event.module`, `event.dataset`, and what ECS has copies for."""
        own = {name: value for name, value in part(document, "audit").items() if name != "kafka"}
        what = {"kind": "event", **part(document, "event")}
        related = document.get("related") or related_of(document)
        made = _renamed(
            {
                **document,
                "event": what,
                "ecs": document.get("ecs") or {"version": ECS_VERSION},
                **({"related": related} if related else {}),
            },
            own,
            "events",
        )
        if labels := part(document, "labels"):
            made["labels"] = _flat(labels)
        return made

    def alert(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return an alert; the page's address of it is `event.url`."""
        shown = shown_alert(document)
        own = dict(shown["audit"]["alert"])
        link = own.pop("link", None)
        made = _renamed(shown, {"alert": own}, "alerts")
        if link is not None:
            made["event"]["url"] = link
        made.setdefault("ecs", {"version": ECS_VERSION})
        return made


def _renamed(document: Mapping[str, Any], own: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    made = {name: value for name, value in document.items() if name != "audit"}
    made["event"] = {
        **part(document, "event"),
        "module": "auditlog",
        "dataset": f"auditlog.{dataset}",
    }
    made["auditlog"] = own
    return made


def _flat(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return labels without dots in their names; no two become one."""
    if not any("." in name for name in labels):
        return dict(labels)
    made = {name: value for name, value in labels.items() if "." not in name}
    for name in labels:
        if "." in name:
            flat = name.replace(".", "_")
            while flat in made:
                flat += "_"
            made[flat] = labels[name]
    return made
