"""`auditlog settings`: every setting, what it is for, and what is in force."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from rich.console import Console
from rich.text import Text

from audit_cli.setting_groups import ESSENTIAL, grouped

__all__ = ["Setting", "all_settings", "register"]

_LOGIN = re.compile(r"//\S*@")
"""A login in an address, which no setting may hold; whoever looks for it must not be shown it."""

_CLASSES = (
    ("audit_producer.publishing", "PublisherSettings"),
    ("audit_consumer.settings", "ConsumerSettings"),
    ("audit_admin.settings", "SetupSettings"),
    ("audit_query.settings", "QuerySettings"),
    ("audit_server.settings", "ServeSettings"),
    ("audit_alerts.settings", "AlertSettings"),
    ("audit_alerts.runner.settings", "RunnerSettings"),
    ("audit_forward.settings", "ForwardSettings"),
    ("audit_seal.settings", "SealSettings"),
    ("audit_kibana.settings", "KibanaSettings"),
    ("audit_seal.witness_settings", "WitnessSettings"),
    ("audit_local.settings", "LocalSettings"),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable of the environment."""

    variable: str
    default: str
    description: str
    is_secret: bool


def all_settings() -> Iterator[Setting]:
    """Yield each setting of the components that are installed, once, in their order."""
    seen = set()
    for module, name in _CLASSES:
        try:
            owner: type[BaseSettings] = getattr(import_module(module), name)
        except ModuleNotFoundError:
            continue  # an extra that is not installed
        prefix = owner.model_config.get("env_prefix", "")
        for field, info in owner.model_fields.items():
            variable = f"{prefix}{field}".upper()
            if variable not in seen:
                seen.add(variable)
                yield Setting(
                    variable, _default(info), _description(owner, field), _is_secret(info.annotation)
                )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: auditlog settings")(settings)


def settings(
    markdown: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--markdown", help="Print the tables of docs/settings.md.")
    ] = False,
    json_output: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--json", help="Print JSON, for machines.")
    ] = False,
) -> None:
    """List every setting with its default, and what is in force; secrets are hidden."""
    if markdown:
        sys.stdout.write("".join(f"{line}\n" for line in markdown_table()))
        return
    console = Console(emoji=False)
    if json_output:
        console.print_json(
            data=[
                {
                    "variable": setting.variable,
                    "default": setting.default,
                    "in_force": _in_force(setting),
                    "description": setting.description,
                }
                for setting in all_settings()
            ]
        )
        return
    for setting in all_settings():
        value = _in_force(setting)
        changed = f"  (default: {setting.default or 'none'})" if value != setting.default else ""
        line = Text(f"{setting.variable}={value}{changed}", style="bold" if changed else "")
        console.print(line, soft_wrap=True)
        console.print(Text(f"    {setting.description}"))


def _in_force(setting: Setting) -> str:
    given = os.environ.get(setting.variable)
    if given is None:
        return setting.default
    return "***" if setting.is_secret else _LOGIN.sub("//***@", given)


def markdown_table() -> Iterator[str]:
    """Yield the lines of docs/settings.md's tables: the essential settings, then all by group."""
    settings_by_name = {setting.variable: setting for setting in all_settings()}
    essential = [name for name in ESSENTIAL if name in settings_by_name]
    sections = {"The ten that matter first": essential} | grouped(settings_by_name)
    for title, names in sections.items():
        if names:
            yield from (
                "",
                f"## {title}",
                "",
                "| variable | default | description |",
                "| --- | --- | --- |",
            )
            yield from (_row(settings_by_name[name]) for name in names)


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else ""
    return f"| `{setting.variable}` | {default} | {setting.description} |"


def _default(info: FieldInfo) -> str:
    if info.default_factory is not None:
        return ""  # depends on the machine; the description says how
    return "" if info.default is None else str(info.default)


def _description(owner: type[Any], field: str) -> str:
    """Return the field's description, a base class's where the class only changes the default."""
    for base in owner.__mro__:
        info = getattr(base, "model_fields", {}).get(field)
        if info is not None and info.description:
            return str(info.description)
    raise AssertionError(f"{owner.__name__}.{field} has no description")


def _is_secret(annotation: object) -> bool:
    return "SecretStr" in str(annotation) or annotation is SecretStr
