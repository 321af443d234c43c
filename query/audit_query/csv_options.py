"""The options of commands that write CSV."""

from typing import Annotated

import typer

from audit_query.csv_format import Delimiter

__all__ = ["CsvDelimiter", "Excel"]

CsvDelimiter = Annotated[
    Delimiter, typer.Option("--delimiter", help="Of CSV; Excel takes the semicolon in most of Europe.")
]
Excel = Annotated[bool, typer.Option("--excel", help="CSV whose encoding Excel recognises.")]
