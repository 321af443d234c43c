"""Which colour an activity has: the same one on every page, as far as ten colours go. Pure."""

from collections.abc import Iterable, Mapping
from zlib import crc32

__all__ = ["COLOURS", "FAILURE", "colours_of", "usual_colour"]

COLOURS = 10
"""`log.css` has as many, for light and for dark."""

FAILURE = 9
"""Red is for what failed: nothing else has it."""

_USUAL = {
    "chat-opened": 0,
    "user-joined-to-chat": 1,
    "settings-changed": 2,
    "chat-assigned-to-user": 3,
    "login": 4,
    "password-changed": 5,
    "role-granted": 6,
    "logout": 7,
    "chat-closed": 8,
    "login-failed": FAILURE,
}
_FAILS = ("-failed", "-refused", "-denied", "-rejected")


def usual_colour(activity: str) -> int:
    """Return the colour that an activity has where no other one needs it."""
    if activity in _USUAL:
        return _USUAL[activity]
    if activity.endswith(_FAILS):
        return FAILURE
    return crc32(activity.encode()) % FAILURE


def colours_of(activities: Iterable[str]) -> Mapping[str, int]:
    """Return a colour for each, no two alike among the first ten; the first ones choose first.

    Those that come with the catalogue keep theirs before others get what is left.
    """
    names = list(dict.fromkeys(activities))
    taken: dict[str, int] = {}
    for name in sorted(names, key=lambda name: name not in _USUAL):
        usual = usual_colour(name)
        free = [colour for colour in range(COLOURS) if colour not in taken.values()]
        calm = [colour for colour in free if colour != FAILURE] or free
        taken[name] = usual if usual in free or not free else calm[0] if calm else usual
    return {name: taken[name] for name in names}
