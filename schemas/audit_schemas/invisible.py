"""Characters that nobody sees, or that change the direction of others: shown as escapes. Pure.

The contract lets them pass, since a publisher's other text may need them, and a name must not get an
event refused. But `Ada` with a zero-width space behind it looks like Ada. So the log counts by, finds
by and shows names in the form of `visible_name`; what was published stays as it is, with its hash.
"""

import json
import re
import unicodedata

__all__ = ["visible_name", "visible_text"]

_HIDDEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
    "\U000e01f0-\U000e0fff"
)
"""Unicode's default ignorable and format characters that show nothing; the blank of Braille."""
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Choose between forms of the character before: emoji in texts, variants of ideographs."""
_MARKS = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001343f"
"""Format characters of scripts that do show, such as the Arabic number signs."""
_JOINED = "\u0600-\u109f\u1780-\u18af\ua800-\uabff"
"""Scripts that can't be written without joiners, such as Arabic and those of India."""

_IN_TEXT = re.compile(f"[{_HIDDEN}]")
_IN_NAMES = re.compile(f"[{_HIDDEN}{_SELECTORS}{_MARKS}]|(?<![{_JOINED}])[\u200c\u200d]")


def visible_text(text: str) -> str:
    r"""Return text with characters that show nothing as \uXXXX; joiners and selectors are left.

    Emoji are made of these, and several scripts can't be written without.
    """
    return text if text.isascii() else _IN_TEXT.sub(_escape, text)


def visible_name(name: str) -> str:
    r"""Return a name such that what looks the same is the same: in NFC, with what is hidden as \uXXXX.

    Joiners are left behind a letter of a script that needs them, as in Persian names.
    """
    if name.isascii():
        return name
    return _IN_NAMES.sub(_escape, unicodedata.normalize("NFC", name))


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]  # two of them for those beyond U+FFFF, as JSON has it
