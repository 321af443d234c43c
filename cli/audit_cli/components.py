"""The components and their commands; a component is imported when one of its commands is called.

So a command starts in the time that its own libraries take; help, completion and mistyped names
need none of them.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

__all__ = ["COMPONENTS", "LazyGroup", "component_commands"]

COMPONENTS: dict[str, dict[str, str]] = {
    "audit_producer.commands": {
        "publish": "Publish a file of events to Kafka.",
    },
    "audit_generator.commands": {
        "generate": "Make realistic traffic of a chat platform, and publish it.",
    },
    "audit_consumer.commands": {
        "consume": "Validate events from Kafka and index them into Elasticsearch, until SIGTERM or Ctrl-C.",
    },
    "audit_admin.importing": {
        "import": "Import a file of another audit log, by means of a mapping file; safe to repeat.",
    },
    "audit_admin.commands": {
        "setup": "Create or update the topics and the index template; print what changed. Safe to repeat.",
        "doctor": "Check connections, topics, index template and privileges; say how to fix what is wrong.",
    },
    "audit_admin.status_commands": {
        "status": "Show how far the consumers are behind, and how fast records are published and consumed.",
    },
    "audit_admin.verification": {
        "verify": "Verify that every record in Kafka is indexed, a duplicate, or dead-lettered.",
    },
    "audit_admin.indices": {
        "retention": "Show the indices with their age and size; delete those that a retention policy has expired.",
        "reindex": "Rebuild indices with the mapping of the index template, while events keep arriving.",
    },
    "audit_admin.dead_letters": {
        "dead-letters": "List, show and replay records that consumers refused.",
    },
    "audit_query.commands": {
        "search": "Show events: Date and Time, User, IP Address, Activity.",
        "show": "Show one event, whole: every field, and changes as before and after.",
        "buckets": "Count events over time, split by activity, user, address or another field.",
        "top": "Rank activities, users, addresses or another field's values by their number of events.",
        "seen": "Show how many events match, and when the first and the last happened.",
        "tail": "Show events as they arrive, until Ctrl-C; also those that happened long ago.",
    },
    "audit_query.export_commands": {
        "export": "Write all events that match to a file, however many: whole (ndjson) or as a table (csv).",
    },
    "audit_server.commands": {
        "serve": "Serve the Audit Logs page and the HTTP API, until SIGTERM or Ctrl-C.",
        "tokens": "Tokens: who may query the log over HTTP.",
        "sessions": "Sessions: who has signed in to the page.",
    },
    "audit_query.reports.commands": {
        "timeline": "Show what happened in a chat, or just before and after an event; oldest first.",
        "report": "Who did what, and how long chats waited.",
    },
    "audit_alerts.commands": {
        "alerts": "Alerts, and the rules that they come from.",
    },
    "audit_forward.commands": {
        "forward": "Send events and alerts to other systems.",
    },
    "audit_seal.commands": {
        "seal": "Proof that the log is whole and unchanged.",
    },
    "audit_seal.witness_commands": {
        "witness": "Cosign checkpoints of sealed logs, on a host apart from the log's.",
    },
    "audit_kibana.commands": {
        "kibana": "Data views, searches, a dashboard and all rules, for Kibana.",
    },
    "audit_local.commands": {
        "local": "Run Kafka and Elasticsearch on this machine without containers, for trying things out.",
    },
    "audit_secrets.commands": {
        "secrets": "Create the missing certificates, passwords and tokens of a deployment.",
    },
    "audit_cli.settings": {
        "settings": "List every setting with its default, and what is in force; secrets are hidden.",
    },
    "audit_cli.demo": {
        "demo": "Run everything end to end: servers, setup, consumer, events, and what an analyst sees first.",
    },
}
"""Each component's module, and what it registers: names in the order of the help, with a line each."""

_MODULES = {name: module for module, commands in COMPONENTS.items() for name in commands}


class LazyGroup(TyperGroup):
    """A group whose commands are names and lines of help until they are called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._waiting = dict(_MODULES)
        for commands in COMPONENTS.values():
            for name, help_line in commands.items():
                self.commands[name] = TyperCommand(name, help=help_line)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name of the command that is called, the command, and its arguments."""
        if (module := self._waiting.get(args[0])) is not None:
            for name, command in component_commands(module).items():
                self.commands[name] = command
                self._waiting.pop(name)
        return super().resolve_command(ctx, args)


def component_commands(module: str) -> dict[str, Any]:
    """Import a component and return its commands.

    Raises ModuleNotFoundError where its extra is not installed.
    """
    component = typer.Typer()
    component.callback()(_no_callback)
    import_module(module).register(component)
    commands: dict[str, Any] = get_command(component).commands  # type: ignore[attr-defined]
    return commands


def _no_callback() -> None:
    """Make a group even of a single command."""
