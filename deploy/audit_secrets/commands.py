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
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for all secrets.")],
    owners: Annotated[
        bool, typer.Option("--owners", help="Change owners to the accounts of the images; needs root.")
    ] = False,
    renew: Annotated[
        bool, typer.Option("--renew", help="Reissue every certificate; passwords stay.")
    ] = False,
) -> None:
    """Create the missing certificates, passwords and tokens of a deployment.

    DIR/SERVICE has what that service needs; DIR itself has everything, so keep it private. The
    authority's certificate is DIR/ca.crt, the first token for the page is DIR/analyst.token. Existing
    files are not overwritten. Secrets are written to files, never printed.
    """
    secrets = Secrets(folder, lambda path: sys.stdout.write(f"{path}\n"), owners=owners)
    secrets.create(renew=renew)
    for warning in secrets.warnings():
        sys.stderr.write(f"auditlog: {warning}\n")
