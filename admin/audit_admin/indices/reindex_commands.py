"""`auditlog reindex`."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings, EventIndex, SetupFaultError
from audit_runtime.terminal import print_lines, report_progress
from audit_schemas import IndexNaming, index_template, lifecycle_of

from audit_admin.indices.inventory import Held, take_inventory
from audit_admin.indices.reindex import Reindexing, kept, outdated
from audit_admin.indices.reindex_job import is_making
from audit_admin.indices.shard_reader import Sweep
from audit_admin.settings import SetupSettings
from audit_admin.setup import stored_template

__all__ = ["register"]

_EXAMPLE = "Example: auditlog reindex --dry-run; then: auditlog reindex; later: the same with --forget"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reindex", epilog=_EXAMPLE)(reindex_command)


def reindex_command(
    indices: Annotated[
        list[str] | None,
        typer.Option("--index", help="Make this one anew, whatever its mapping; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be made anew.")
    ] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Take back what was begun and not finished.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete the old indices that were kept.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before --forget deletes.")] = False,
    grace: Annotated[
        float,
        typer.Option(min=0, help="Seconds that searches on the old index may take to their end."),
    ] = 30.0,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Bring indices to the mapping of the index template, while events keep coming.

    Run auditlog setup first, which writes this version's template. Each index is copied beside the
    running consumers; they wait a moment at the end, while the last events are copied, both are
    compared by count and hash, and the names move. Readers see every event once at every moment. The
    old index is kept until --forget. Killed at any moment: run it again, or --abandon.
    """
    settings, setup = ConsumerSettings(), SetupSettings()
    naming = _naming(settings)
    sweep = Sweep(settings, settings.request_seconds)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if not json_output:
            print_lines(line)

    with sweep.client, report_progress(hidden=json_output) as report:
        found = stored_template(sweep.client, naming.prefix)
        body = index_template(naming, setup.index_settings(lifecycle_of(found)))["template"]
        work = Reindexing(sweep, naming, body, report, grace=grace, say=say)
        held = take_inventory(sweep.client, naming).held
        if forget:
            for line in _forget(sweep, kept(held), yes=yes):
                say(line)
        elif abandon:
            for line in work.abandon():
                say(line)
        else:
            names = indices or [one.name for one in outdated(held, body)]
            for name in names:
                say(_plan(name, held)) if dry_run else work.make_anew(name)
    if not said:
        say(
            "Nothing was begun that is not finished"
            if abandon
            else "Nothing to do: every index has the mapping of this version"
        )
    if json_output:
        sys.stdout.write(json.dumps({"done": said}) + "\n")


def _naming(settings: ConsumerSettings) -> IndexNaming:
    index = EventIndex(settings, settings.request_seconds)
    try:
        return index.naming()
    finally:
        index.close()


def _plan(name: str, held: Sequence[Held]) -> str:
    documents = sum(one.documents or 0 for one in held if one.is_live and name in (one.name, one.index))
    begun = any(is_making(one) and one.name == name for one in held)
    return f"{name}: {documents:,} events would be copied" + (", which was begun" if begun else "")


def _forget(sweep: Sweep, old: Sequence[Held], *, yes: bool) -> Sequence[str]:
    if old and not yes:
        if not sys.stdin.isatty():
            raise SetupFaultError("Nobody is there to ask before deleting: say --yes if it is meant")
        names = ", ".join(one.index for one in old)
        if not typer.confirm(f"Delete {names}?", err=True):
            return ["Nothing is deleted"]
    for one in old:
        sweep.client.indices.delete(index=one.index)
    return [f"deleted {one.index}" for one in old] or ["No old index is kept"]
