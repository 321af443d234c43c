"""What stands at one field of a hostile event, and what must become of that event: data.

Bytes are JSON text, put there as they are; all else is written as JSON.
"""

from datetime import UTC, datetime, timedelta

from audit_schemas import Reason, format_timestamp

__all__ = ["HOSTILE_VALUES", "INDEXED", "MENDED", "nested", "time_from_now"]

MENDED = "mended"
"""Indexed, with the field that it stands in named in `audit.altered`."""
INDEXED = "indexed"
INVALID, MALFORMED, TWICE = Reason.INVALID, Reason.MALFORMED, Reason.DUPLICATE_KEY
UNHEARD, LACKING = Reason.UNKNOWN_ACTIVITY, Reason.MISSING_CONTEXT


def nested(depth: int) -> bytes:
    """Return so many JSON lists, each inside the one before."""
    return b"[" * depth + b"]" * depth


def time_from_now(days: float = 0, minutes: float = 0) -> str:
    """Return a time that lies so far from this moment."""
    return format_timestamp(datetime.now(UTC) + timedelta(days=days, minutes=minutes))


HOSTILE_VALUES: tuple[tuple[str, str, object, str], ...] = (
    # Keys that stand twice, at several depths, and spelled in escapes.
    ("id-twice", "event", rb'{"id":"0123456789abcdef","id":"0123456789abcdeg"}', TWICE),
    ("ip-twice-in-escapes", "source", rb'{"ip":"192.0.2.1","\u0069p":"192.0.2.9"}', TWICE),
    ("label-twice", "labels", b'{"a":"1","a":"2"}', TWICE),
    ("label-twice-in-escapes", "labels", rb'{"a":"1","\u0061":"1"}', TWICE),
    ("key-twice-in-a-list", "audit.changes.0", b'{"field":"a","after":"1","after":"2"}', TWICE),
    ("key-twice-deep-in-a-label", "labels", b'{"a":{"b":[{"c":1,"c":1}]}}', TWICE),
    ("label-in-both-cases", "labels", {"a": "1", "A": "2"}, INDEXED),
    # Numbers that JSON or a machine word has no room for.
    ("nan", "event.sequence", b"NaN", MALFORMED),
    ("nan-in-a-label", "labels.channel", b"NaN", MALFORMED),
    ("infinity", "event.sequence", b"Infinity", MALFORMED),
    ("minus-infinity", "message", b"-Infinity", MALFORMED),
    ("sequence-largest", "event.sequence", 2**63 - 1, INDEXED),
    ("sequence-too-large", "event.sequence", 2**63, INVALID),
    ("sequence-of-5000-digits", "event.sequence", b"9" * 5000, INVALID),
    ("sequence-1e400", "event.sequence", b"1e400", INVALID),
    ("sequence-1e2", "event.sequence", b"1e2", INVALID),
    ("sequence-negative", "event.sequence", -1, INVALID),
    ("sequence-leading-zero", "event.sequence", b"007", MALFORMED),
    ("sequence-in-hex", "event.sequence", b"0x10", MALFORMED),
    ("label-of-5000-digits", "labels.channel", b"9" * 5000, MENDED),
    ("label-1e400", "labels.channel", b"1e400", MENDED),
    ("label-nested-deeply", "labels.channel", nested(200), MENDED),
    ("label-nested-very-deeply", "labels.channel", nested(50_000), MALFORMED),
    ("user-nested-deeply", "user.id", nested(200), INVALID),
    # Characters that are none: lone surrogates, NUL, bytes of other encodings.
    ("lone-surrogate-in-a-name", "user.name", rb'"\ud800"', MENDED),
    ("lone-surrogate-in-a-message", "message", rb'"\udfff and \ud83d"', MENDED),
    ("lone-surrogate-in-an-id", "user.id", rb'"\ud800"', INVALID),
    ("lone-surrogate-in-an-action", "event.action", rb'"login\ud800"', INVALID),
    ("lone-surrogate-in-a-change", "audit.changes.0.after", rb'"\ud800"', INVALID),
    ("lone-surrogate-in-a-label-key", "labels", rb'{"\ud800":"x"}', MENDED),
    ("surrogates-in-the-wrong-order", "user_agent.original", rb'"\ude00\ud83d"', MENDED),
    ("surrogate-pair", "user.name", rb'"\ud83d\ude00"', INDEXED),
    ("raw-surrogate-in-a-name", "user.target.name", b'"\xed\xa0\x80"', MENDED),
    ("raw-surrogate-in-an-id", "audit.chat.id", b'"\xed\xa0\x80"', INVALID),
    ("nul-in-a-name", "user.name", rb'"root\u0000"', MENDED),
    ("nul-in-an-id", "user.id", rb'"root\u0000"', INVALID),
    ("nul-in-a-change", "audit.changes.0.before", rb'"\u0000"', INDEXED),
    ("raw-nul-in-a-message", "message", b'"a\x00b"', MALFORMED),
    ("raw-line-feed-in-a-message", "message", b'"a\nb"', MALFORMED),
    ("latin-1-in-a-name", "user.name", b'"J\xf6rg"', MENDED),
    ("latin-1-in-an-id", "user.id", b'"J\xf6rg"', INVALID),
    ("overlong-utf-8-in-a-user-agent", "user_agent.original", b'"\xc0\x80"', MENDED),
    ("byte-beyond-unicode-in-a-label", "labels.channel", b'"\xf5\x80\x80\x80"', MENDED),
    ("non-character", "message", "\uffff\ufdd0", INDEXED),
    ("replacement-character", "user.name", "J\ufffdrg", INDEXED),
    ("emoji", "user.name", "\U0001f600" * 256, INDEXED),
    ("stacked-accents", "message", "a" + "\u0301" * 9000, MENDED),
    # Texts that something behind us might run. They are texts, and stay as they are.
    ("jndi", "user_agent.original", "${jndi:ldap://192.0.2.66/x}", INDEXED),
    ("script", "user.name", "<script>alert(1)</script>", INDEXED),
    ("sql", "user.name", "'; DROP TABLE users; --", INDEXED),
    ("markup", "message", "[bold red]all is well[/]", INDEXED),
    ("bulk-lines", "message", '\n{"delete":{"_index":"audit-events-*","_id":"1"}}\n', MENDED),
    ("placeholder", "labels", {"{{x}}": "%s%n${x}", "a.b.c": ".", "$ref": "#"}, INDEXED),
    # Times.
    ("time-now-in-nanoseconds", "@timestamp", time_from_now()[:-1] + "456789Z", INDEXED),
    ("time-four-minutes-ahead", "@timestamp", time_from_now(minutes=4), INDEXED),
    ("time-hours-ahead", "@timestamp", time_from_now(days=0.5), Reason.TOO_NEW),
    ("time-399-days-ago", "@timestamp", time_from_now(days=-399), INDEXED),
    ("time-401-days-ago", "@timestamp", time_from_now(days=-401), Reason.TOO_OLD),
    ("time-epoch", "@timestamp", "1970-01-01T00:00:00Z", Reason.TOO_OLD),
    ("time-before-the-epoch", "@timestamp", "1969-12-31T23:59:59Z", INVALID),
    ("time-year-0", "@timestamp", "0000-01-01T00:00:00Z", INVALID),
    ("time-year-2999", "@timestamp", "2999-12-31T23:59:59Z", Reason.TOO_NEW),
    ("time-year-3000", "@timestamp", "3000-01-01T00:00:00Z", INVALID),
    ("time-year-10000", "@timestamp", "10000-01-01T00:00:00Z", INVALID),
    ("time-leap-second", "@timestamp", "2026-06-30T23:59:60Z", INVALID),
    ("time-hour-24", "@timestamp", "2026-06-30T24:00:00Z", INVALID),
    ("time-30-february", "@timestamp", "2026-02-30T00:00:00Z", INVALID),
    ("time-without-zone", "@timestamp", "2026-06-30T12:00:00", INVALID),
    ("time-offset-of-19-hours", "@timestamp", "2026-06-30T12:00:00+19:00", INVALID),
    ("time-named-zone", "@timestamp", "2026-06-30T12:00:00[Europe/Istanbul]", INVALID),
    ("time-in-picoseconds", "@timestamp", "2026-06-30T12:00:00.123456789012Z", INVALID),
    ("time-lower-case", "@timestamp", "2026-06-30t12:00:00z", INVALID),
    ("time-with-a-space", "@timestamp", "2026-06-30 12:00:00Z", INVALID),
    ("time-of-a-week", "@timestamp", "2026-W26-2T12:00:00Z", INVALID),
    ("time-in-other-digits", "@timestamp", "\u0662\u0660\u0662\u0666-06-30T12:00:00Z", INVALID),
    ("time-seconds", "@timestamp", 1782820800, INVALID),
    ("time-seconds-as-text", "@timestamp", "1782820800", INVALID),
    ("time-line-feed-at-the-end", "@timestamp", "2026-06-30T12:00:00Z\n", INVALID),
    ("time-date-math", "@timestamp", "now-1d", INVALID),
    # Addresses.
    ("ip-empty", "source.ip", "", INDEXED),
    ("ip-blank", "source.ip", " \t", INDEXED),
    ("ip-null", "source.ip", None, INDEXED),
    ("ip-mapped", "source.ip", "::ffff:192.0.2.1", INDEXED),
    ("ip-upper-case", "source.ip", "2001:DB8::A", INDEXED),
    ("ip-zone-id", "source.ip", "fe80::1%eth0", INVALID),
    ("ip-leading-zero", "source.ip", "192.0.02.1", INVALID),
    ("ip-integer", "source.ip", 16909060, INVALID),
    ("ip-integer-as-text", "source.ip", "16909060", INVALID),
    ("ip-in-hex", "source.ip", "0x7f.0.0.1", INVALID),
    ("ip-of-three-parts", "source.ip", "192.0.2", INVALID),
    ("ip-of-256", "source.ip", "192.0.2.256", INVALID),
    ("ip-network", "source.ip", "192.0.2.0/24", INVALID),
    ("ip-with-port", "source.ip", "192.0.2.1:443", INVALID),
    ("ip-in-brackets", "source.ip", "[::1]", INVALID),
    ("ip-forwarded-for", "source.ip", "192.0.2.1, 198.51.100.1", INVALID),
    ("ip-line-feed-at-the-end", "source.ip", "192.0.2.1\n", INVALID),
    ("ip-nul-at-the-end", "source.ip", "192.0.2.1\x00", INVALID),
    ("ip-other-digits", "source.ip", "\u0661.2.3.4", INVALID),
    ("ip-host-name", "source.ip", "localhost", INVALID),
    # Ids and actions.
    ("id-of-15", "event.id", "a" * 15, INVALID),
    ("id-of-128", "event.id", "a" * 128, INDEXED),
    ("id-of-129", "event.id", "a" * 129, INVALID),
    ("id-of-signs", "event.id", "_-_-_-_-_-_-_-_-", INDEXED),
    ("id-empty", "event.id", "", INVALID),
    ("id-null", "event.id", None, INVALID),
    ("id-with-a-path", "event.id", "../../_cluster/settings", INVALID),
    ("id-with-a-quotation-mark", "event.id", '0123456789abcdef"},{"', INVALID),
    ("id-with-a-line-feed", "event.id", "0123456789abcdef\n", INVALID),
    ("id-with-an-umlaut", "event.id", "0123456789abcdéf", INVALID),
    ("action-unheard-of", "event.action", "no-such-activity", UNHEARD),
    ("action-upper-case", "event.action", "LOGIN", UNHEARD),
    ("action-empty", "event.action", "", INVALID),
    ("action-with-a-space", "event.action", "login ", INVALID),
    ("action-of-129", "event.action", "a" * 129, INVALID),
    ("outcome-unheard-of", "event.outcome", "maybe", INVALID),
    ("actor-unheard-of", "audit.actor.kind", "robot", INVALID),
    ("altered-unheard-of", "audit.altered", ["user.id"], INVALID),
    # What is missing, blank, or too much.
    ("user-null", "user", None, LACKING),
    ("user-of-nothing", "user", {}, LACKING),
    ("user-id-empty", "user.id", "", INVALID),
    ("user-name-empty", "user.name", "", INDEXED),
    ("user-id-too-long", "user.id", "x" * 257, INVALID),
    ("user-name-of-300000", "user.name", "x" * 300_000, MENDED),
    ("user-agent-too-long", "user_agent.original", "x" * 1025, MENDED),
    ("message-of-900000", "message", "x" * 900_000, MENDED),
    ("roles-too-many", "user.roles", ["x"] * 101, INVALID),
    ("changes-too-many", "audit.changes", [{"field": "x"}] * 201, INVALID),
    ("change-too-long", "audit.changes.0.after", "x" * 8193, INVALID),
    ("change-without-field", "audit.changes.0", {"after": "x"}, INVALID),
    ("labels-too-many", "labels", {f"k{n}": "v" for n in range(65)}, MENDED),
    ("labels-in-thousands", "labels", {f"k{n}": "v" for n in range(20_000)}, MENDED),
    ("label-key-empty", "labels", {"": "v"}, MENDED),
    ("label-key-too-long", "labels", {"k" * 129: "v"}, MENDED),
    ("label-too-long", "labels.channel", "v" * 1025, MENDED),
    ("label-null", "labels.channel", None, MENDED),
    ("label-of-objects", "labels.channel", {"a": [1, None, {}]}, MENDED),
    # What only the consumer may say.
    ("forged-hash", "event.hash", "0" * 64, INVALID),
    ("forged-ingestion", "event.ingested", time_from_now(), INVALID),
    ("forged-origin", "audit.kafka", {"topic": "t", "partition": 0, "offset": 0}, INVALID),
    ("forged-index", "_index", "other", INVALID),
)
