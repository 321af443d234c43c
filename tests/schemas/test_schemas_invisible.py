"""Names that look alike are told apart, or are one."""

import sys
import unicodedata

import pytest
from audit_schemas import printable, visible_name


def test_no_format_character_is_hidden_in_a_name() -> None:
    """Of all of Unicode's, and the other default ignorable ones of the Basic Multilingual Plane."""
    ignorable = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\ufe00\ufe0f"
    format_characters = [
        chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) == "Cf"
    ]
    assert "\u200b" in format_characters
    for character in (*format_characters, *ignorable, "\U000e0100"):
        assert character not in visible_name(f"Ada{character}"), hex(ord(character))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada\u200b", "Ada\\u200b"),
        ("\u061cAda\u200e", "\\u061cAda\\u200e"),
        ("A\xadda", "A\\u00adda"),
        ("Ad\u200da", "Ad\\u200da"),
        ("Ada\U000e0041", "Ada\\udb40\\udc41"),
        ("Jose\u0301", "Jos\xe9"),
        ("\u212bsa", "\xc5sa"),
        ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
        ("\u0639\u200c\u200c", "\u0639\u200c\\u200c"),
        ("\u5c71\u7530\u3000\u592a\u90ce", "\u5c71\u7530\u3000\u592a\u90ce"),
        ("Z\xfcbeyde", "Z\xfcbeyde"),
    ],
)
def test_names_are_shown_so_that_what_looks_the_same_is_the_same(name: str, shown: str) -> None:
    """Joiners stay where a script needs them, as in a Persian name."""
    assert shown == visible_name(name)
    assert shown == visible_name(shown)


def test_text_keeps_what_emoji_and_scripts_are_made_of() -> None:
    """Shown to people, it hides nothing else."""
    text = "\U0001f469\u200d\U0001f4bb \u2764\ufe0f \u06cc\u200c\u0631"
    assert text == printable(text)
    assert "a\\u200b\\u200fb" == printable("a\u200b\u200fb")
