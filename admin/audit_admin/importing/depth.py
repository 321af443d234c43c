"""How deeply JSON is nested: what is read must be written again, which takes more stack. Pure."""

from typing import Any

__all__ = ["is_too_deep"]

_DEPTH_MAX = 200


def is_too_deep(found: Any, text: str) -> bool:
    """Tell whether a value, which was read from this text, is nested too deeply to be worked with."""
    if text.count("{") + text.count("[") <= _DEPTH_MAX:  # as nearly all
        return False
    level = [found]
    for _ in range(_DEPTH_MAX):
        values = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for inside in values for one in inside if isinstance(one, dict | list)]
        if not level:
            return False
    return True
