"""`auditlog secrets`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from audit_secrets.make import Secrets

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("secrets", epilog="Example: auditlog secrets /secrets --owners")(secrets_command)


def secrets_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of all secrets.")],
    owners: Annotated[
        bool, typer.Option("--owners", help="Give files to the accounts of the images; takes root.")
    ] = False,
    renew: Annotated[
        bool, typer.Option("--renew", help="Make every certificate anew; passwords stay.")
    ] = False,
) -> None:
    """Make what is missing of a deployment's certificates, passwords and tokens.

    DIR/SERVICE holds what that service needs, DIR itself everything: keep it to yourself. The
    authority's certificate is DIR/ca.crt, the first token of the page DIR/analyst.token. Nothing
    that is there is overwritten; secrets are written to files, never printed.
    """
    made = Secrets(folder, lambda path: sys.stdout.write(f"{path}\n"), owners=owners)
    made.make(renew=renew)
    for warning in made.warnings():
        sys.stderr.write(f"auditlog: {warning}\n")
