"""`auditlog reindex`."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings, EventIndex, SetupFaultError
from audit_runtime.terminal import Json, print_json, print_lines, report_progress
from audit_schemas import IndexNaming, index_template, lifecycle_of

from audit_admin.indices.inventory import IndexInfo, take_inventory
from audit_admin.indices.reindex import Reindexer, old_copies, outdated
from audit_admin.indices.reindex_job import is_unfinished
from audit_admin.indices.shard_reader import ShardReader
from audit_admin.settings import SetupSettings
from audit_admin.setup import stored_template

__all__ = ["preview", "register"]

_EXAMPLE = (
    "Example: auditlog reindex --dry-run; then: auditlog reindex; later: auditlog reindex --delete-old"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reindex", epilog=_EXAMPLE)(reindex_command)


def reindex_command(
    indices: Annotated[
        list[str] | None,
        typer.Option("--index", help="Rebuild this index, whatever its mapping; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be rebuilt.")
    ] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Undo a reindex that was not finished.")
    ] = False,
    delete_old: Annotated[
        bool, typer.Option("--delete-old", help="Delete the old indices that were kept.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --delete-old deletes.")] = False,
    grace: Annotated[
        float,
        typer.Option(min=0, help="Seconds to let searches that run on the old index finish."),
    ] = 30.0,
    json_output: Json = False,
) -> None:
    """Rebuild indices with the mapping of the index template, while events keep arriving.

    Run auditlog setup first: it stores this version's template. Each index is copied while consumers
    run. At the end they wait briefly while the last events are copied, both indices are compared by
    count and hash, and the names are switched. Readers see every event exactly once throughout. The old
    index is kept until --delete-old. If it is interrupted, run it again or use --abandon.
    """
    settings, setup = ConsumerSettings(), SetupSettings()
    naming = _naming(settings)
    reader = ShardReader(settings, settings.request_seconds)
    done: list[str] = []

    def announce(line: str) -> None:
        done.append(line)
        if not json_output:
            print_lines(line)

    with reader.client, report_progress(hidden=json_output) as report:
        template = stored_template(reader.client, naming.prefix)
        body = index_template(naming, setup.index_settings(lifecycle_of(template)))["template"]
        reindexer = Reindexer(reader, naming, body, report, grace=grace, announce=announce)
        inventory = take_inventory(reader.client, naming).indices
        if delete_old:
            for line in _delete(reader, old_copies(inventory), yes=yes):
                announce(line)
        elif abandon:
            for line in reindexer.abandon():
                announce(line)
        else:
            for name in indices or [info.name for info in outdated(inventory, body)]:
                announce(preview(name, inventory)) if dry_run else reindexer.reindex(name)
    if not done:
        announce(
            "There is no unfinished reindex"
            if abandon
            else "Nothing to do: every index has the mapping of this version"
        )
    if json_output:
        print_json({"done": done})


def _naming(settings: ConsumerSettings) -> IndexNaming:
    index = EventIndex(settings, settings.request_seconds)
    try:
        return index.naming()
    finally:
        index.close()


def preview(name: str, inventory: Sequence[IndexInfo]) -> str:
    """Say what would be copied. Raises SetupFaultError if there is no such index."""
    live = next((one for one in inventory if one.is_live and name in (one.name, one.index)), None)
    if live is None:
        raise SetupFaultError(f"There is no index {name}. List the indices with: auditlog retention")
    is_begun = any(is_unfinished(info) and info.name == live.name for info in inventory)
    return f"{name}: {live.documents or 0:,} events would be copied" + (
        " (already begun)" if is_begun else ""
    )


def _delete(reader: ShardReader, old: Sequence[IndexInfo], *, yes: bool) -> Sequence[str]:
    if old and not yes:
        if not sys.stdin.isatty():
            raise SetupFaultError(
                "Deleting needs confirmation, and this is not a terminal: add --yes to confirm"
            )
        names = ", ".join(info.index for info in old)
        if not typer.confirm(f"Delete {names}?", err=True):
            return ["Nothing was deleted"]
    for info in old:
        reader.client.indices.delete(index=info.index)
    return [f"deleted {info.index}" for info in old] or ["There are no old indices"]
