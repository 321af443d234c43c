"""The filter options that all commands share, made from the one table of a query's names."""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

import typer

from audit_query.query_spec import EXCLUDE, PARAMETERS, QuerySpec
from audit_query.shared_options import with_shared_options

__all__ = ["with_filter_options"]

_HELP = {
    "user": "A user's whole id or name; may be repeated, as all of these.",
    "effective_user": "A user as whom somebody else acted, by whole id or name.",
    "activity": "An activity, such as chat-opened.",
    "outcome": "success, failure or unknown.",
    "ip": "An address, a range such as 192.0.2.0/24, or none.",
    "country": "A country's two letters, such as DE, where databases of places are in use.",
    "asn": "A network, by its number, such as AS64500.",
    "list": "Addresses and networks on a list of AUDITLOG_LISTS.",
    "org": "An organization's id.",
    "service": "The service that published it.",
    "chat": "A chat's id.",
    "session": "A session's id.",
    "text": "Words of the message, or how a label's value begins.",
}
_FROM = "From then on: 2026-11-23, 2026-11-23T09:30Z, -24h, today."
_TO = "Up to, but not including, then; forms as --from."


def with_filter_options(
    command: Callable[..., None], names: Collection[str] = PARAMETERS
) -> Callable[..., None]:
    """Add filter options, all or those named, to a command, which gets them as its argument `spec`.

    Raises ParameterError when the command is called.
    """
    options = {name: (kind, None) for name, kind in _options(names).items()}
    return with_shared_options(command, "spec", options, _spec)


def _spec(given: Mapping[str, Any]) -> QuerySpec:
    pairs = [(name, value) for name, values in given.items() for value in _values(values)]
    return QuerySpec.parse((name.removesuffix("_"), value) for name, value in pairs)


def _options(names: Collection[str]) -> dict[str, Any]:
    """Return a parameter a name; `from` is a word of Python's, and has an underscore behind."""
    included = {
        name: Annotated[list[str] | None, typer.Option(_option(name), help=_HELP[name])]
        for name in names
    }
    excluded = {
        f"{EXCLUDE}{name}": Annotated[
            list[str] | None,
            typer.Option(
                _option(f"{EXCLUDE}{name}"), help=f"Leave out what has this {name.replace('_', ' ')}."
            ),
        ]
        for name in names
    }
    times = {
        "from_": Annotated[str | None, typer.Option("--from", help=_FROM)],
        "to": Annotated[str | None, typer.Option("--to", help=_TO)],
    }
    return {**included, **times, **excluded}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _values(given: list[str] | str | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else given
