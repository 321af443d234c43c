"""`auditlog kibana export` and `import`."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from audit_alerts import load_rules
from audit_runtime.terminal import Json, new_console, print_json
from audit_schemas import printable
from rich.markup import escape
from rich.table import Table

from audit_kibana.bundle import Bundle, bundle_of
from audit_kibana.client import Kibana
from audit_kibana.importing import ImportResult, imported
from audit_kibana.settings import KibanaSettings
from audit_kibana.target import ExportTarget

__all__ = ["register"]

Detection = Annotated[
    bool,
    typer.Option(
        help="Use detection rules of Elastic Security where a rule needs one; else its alerts come "
        "from our own runner."
    ),
]
Space = Annotated[str | None, typer.Option(help="The space, by its identifier.")]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    kibana = typer.Typer(
        no_args_is_help=True, help="Data views, searches, a dashboard and all rules, for Kibana."
    )
    kibana.command(epilog="Example: auditlog kibana export kibana")(export)
    kibana.command("import", epilog="Example: auditlog kibana import --url https://kibana:5601")(
        import_all
    )
    app.add_typer(kibana, name="kibana")


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.")],
    space: Space = None,
    detection: Detection = True,
    json_output: Json = False,
) -> None:
    """Write saved-objects.ndjson and rules/*.json, and show what each rule becomes."""
    settings = _settings({"kibana_space": space})
    bundle = _bundle(settings, detection=detection)
    bundle.write(folder)
    if json_output:
        _print_json(
            {
                "rule": rule.rule,
                "type": rule.type,
                "id": rule.id,
                "request": f"POST {rule.path}",
                "note": rule.note,
            }
            for rule in bundle.rules
        )
        return
    console = new_console()
    console.print(_table(("Rule", "In Kibana", "Note"), _forms(bundle)))
    console.print(
        f"{len(bundle.objects)} objects and {len(bundle.rules)} rules in {escape(str(folder))}"
    )


def import_all(
    url: Annotated[str | None, typer.Option(help="Kibana, with its base path if it has one.")] = None,
    space: Space = None,
    api_key_file: Annotated[Path | None, typer.Option(help="File that holds an API key.")] = None,
    username: Annotated[str | None, typer.Option(help="User, instead of an API key.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File that holds the password.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="CA certificates (PEM) of Kibana.")] = None,
    detection: Detection = True,
    json_output: Json = False,
) -> None:
    """Import it all into Kibana, and show what became of each. Exit status 1 if anything failed."""
    given = {"kibana_url": url, "kibana_space": space, "kibana_ca_file": ca_file}
    settings = _settings(given, _credentials(api_key_file, username, password_file))
    bundle = _bundle(settings, detection=detection)
    with Kibana(settings) as kibana:
        done = list(imported(bundle, kibana))
    if json_output:
        _print_json(
            {
                "what": each.what,
                "name": each.name,
                "outcome": each.outcome,
                "reason": each.reason or None,
            }
            for each in done
        )
    else:
        new_console().print(_table(("What", "Name", "Outcome", "Reason"), map(_row, done)))
    if not all(each.outcome.is_done for each in done):
        raise typer.Exit(1)


def _settings(given: Mapping[str, Any], credentials: Mapping[str, Any] | None = None) -> KibanaSettings:
    """Return the settings, with what the command line gives in the place of the environment's."""
    options = {name: value for name, value in given.items() if value is not None}
    return KibanaSettings(**options, **(credentials or {}))


def _credentials(
    api_key_file: Path | None, username: str | None, password_file: Path | None
) -> Mapping[str, Any]:
    """Return the credentials of the command line; none there: those of the environment."""
    if api_key_file is not None and username is not None:
        raise typer.BadParameter("an API key or a user, not both", param_hint="--api-key-file")
    if password_file is not None and username is None:
        raise typer.BadParameter("needs --username", param_hint="--password-file")
    found: dict[str, Any] = {}
    if api_key_file is not None or username is not None:
        found = {"kibana_api_key": None, "kibana_api_key_file": api_key_file}
        found |= {"kibana_username": username}
    if password_file is not None:
        found |= {"kibana_password": None, "kibana_password_file": password_file}
    return found


def _bundle(settings: KibanaSettings, *, detection: bool) -> Bundle:
    target = ExportTarget(settings.index_prefix, settings.alerts_index, settings.kibana_space)
    return bundle_of(load_rules(settings), target, detection=detection)


def _forms(bundle: Bundle) -> Iterator[tuple[str, ...]]:
    return ((rule.rule, rule.type, rule.note) for rule in bundle.rules)


def _row(done: ImportResult) -> tuple[str, ...]:
    return done.what, done.name, done.outcome, done.reason


def _table(headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    """Return a table; what Kibana said is shown, never obeyed."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    return table


def _print_json(lines: Iterable[Mapping[str, Any]]) -> None:
    for line in lines:
        print_json(line)
