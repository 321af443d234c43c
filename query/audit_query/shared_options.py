"""Options that several commands share, which they get as one argument."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["with_shared_options"]


def with_shared_options(
    command: Callable[..., None],
    argument: str,
    options: Mapping[str, tuple[Any, Any]],
    made_of: Callable[[Mapping[str, Any]], Any],
) -> Callable[..., None]:
    """Add options to a command, which gets what is made of their values as one argument.

    `options` are the annotation and the default of each. They come after the command's own.
    """
    own = [p for p in inspect.signature(command).parameters.values() if p.name != argument]

    @functools.wraps(command)
    def wrapper(**given: Any) -> None:
        values = {name: given.pop(name) for name in options}
        command(**{argument: made_of(values)}, **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(name, keyword, default=default, annotation=kind)
        for name, (kind, default) in options.items()
    ]
    kept = [p.replace(kind=keyword) for p in own]
    wrapper.__signature__ = inspect.Signature([*kept, *shared])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in (*kept, *shared)}
    return wrapper
