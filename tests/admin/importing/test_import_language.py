"""What a mapping can say about a row, and what it must not do without a word."""

import json
import re
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from admin.importing.imported import events, simple
from audit_admin.importing.errors import MappingError
from audit_schemas import AuditEvent
from support.servers import ROOT

TIME = "2026-11-01T09:30:00Z"
JSON = """
[source]
name = "test"
format = "ndjson"
SOURCE
[time]
from = "at"
TIME
ACTIVITY
[fields]
FIELDS
"""
LOGIN = '[activity]\nconstant = "login"'


def mapped(
    tmp_path: Path,
    row: object,
    fields: str = "",
    activity: str = LOGIN,
    *,
    source: str = "",
    time: str = "",
    more: str = "",
) -> list[AuditEvent | str]:
    """Return the events of one row of JSON, or of several in a list."""
    text = JSON.replace("SOURCE", source).replace("TIME", time).replace("ACTIVITY", activity)
    given: list[Any] = row if isinstance(row, list) else [row]
    lines = [json.dumps({"at": TIME, **one}) for one in given]
    return events("\n".join(lines).encode(), simple(tmp_path, text.replace("FIELDS", fields) + more))


def one(found: list[AuditEvent | str]) -> AuditEvent:
    """Return the only event."""
    (event,) = found
    assert isinstance(event, AuditEvent), event
    return event


def told(found: list[AuditEvent | str]) -> str:
    """Return why the only row was rejected."""
    (why,) = found
    assert isinstance(why, str), why
    return why


BY_CONDITION = """
[[activity]]
constant = "login-failed"
when = { event = "login", status = ["fail", "denied"] }
[[activity]]
constant = "login"
when = { event = "login", status = true }
[[activity]]
from = "event"
map = { bye = "logout" }
"""


@pytest.mark.parametrize(
    ("row", "activity"),
    [
        ({"event": "login", "status": "fail"}, "login-failed"),
        ({"event": "login", "status": "denied"}, "login-failed"),
        ({"event": "login", "status": "ok"}, "login"),
        ({"event": "bye"}, "logout"),
        ({"event": "login"}, None),
    ],
)
def test_activity_comes_from_several_fields(tmp_path: Path, row: object, activity: str | None) -> None:
    """The first rule that holds for a row counts; a row that none knows is rejected."""
    found = mapped(tmp_path, row, activity=BY_CONDITION)
    if activity is None:
        assert told(found) == '1 "login" is not in the mapping\'s table'
    else:
        assert one(found).event.action == activity


def test_entry_of_a_list_is_an_event_each(tmp_path: Path) -> None:
    """With its own fields, those of its row, and an id of its own; the other row has no entry."""
    row = {"id": 7, "who": "ada", "events": [{"name": "challenge"}, {"name": "success", "n": 1}]}
    rows = [row, {"id": 8, "who": "ben", "events": []}]
    activity = (
        '[activity]\nfrom = "events.name"\nmap = { challenge = "login-failed", success = "login" }'
    )
    for source in ('each = "events"\nid = "id"', 'each = "events"'):
        first, second, none = mapped(tmp_path, rows, '"user.name" = "who"', activity, source=source)
        assert isinstance(first, AuditEvent)
        assert isinstance(second, AuditEvent)
        assert (first.event.action, second.event.action) == ("login-failed", "login")
        assert first.user is not None
        assert first.user.name == "ada"
        assert first.event.id != second.event.id
        assert none == "2 has no entries in events"


def test_rows_are_left_out_on_purpose(tmp_path: Path) -> None:
    """Rows for which a condition holds, or for which one does not."""
    rows = [{"kind": "debug"}, {"kind": "auth", "who": "ada"}, {"kind": "auth"}]
    skips = '[[skip]]\nwhen = { kind = "debug" }\n[[skip]]\nunless = { who = true }'
    assert one(mapped(tmp_path, rows, '"user.name" = "who"', more=skips)).user is not None


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:5123", "192.0.2.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.7, 10.0.0.1", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("localhost", None),
        ("192.0.2.7:port", None),
        ("999.0.2.7:80", None),
    ],
)
def test_address_is_cleaned_or_kept_as_text(tmp_path: Path, raw: str, address: str | None) -> None:
    """A row is not lost because a proxy wrote a port."""
    rule = '"source.ip" = { from = "ip", clean = "address", keep = "labels.address" }'
    event = one(mapped(tmp_path, {"ip": raw}, rule))
    if address is not None:
        assert event.source is not None
        assert event.source.ip == address
    else:
        assert event.source is None
        assert event.labels == {"address": raw}
        without = rule.replace(', keep = "labels.address"', "")
        assert "can't be cleaned: set keep" in told(mapped(tmp_path, {"ip": raw}, without))


@pytest.mark.parametrize(
    ("fields", "row", "name"),
    [
        ('"user.name" = "who"', {"who": " ada "}, "ada"),
        ('"user.name" = "who"', {"who": "-"}, None),
        ('"user.name" = "who"', {"who": "NULL"}, None),
        ('"user.name" = "who"', {"who": "N/A"}, None),
        ('"user.name" = "who"', {"who": "Unknown"}, None),
        ('"user.name" = { from = "who", map = { "-" = "nobody" } }', {"who": "-"}, "nobody"),
        ('"user.name" = { from = "who", map = { a = "ada", b = "" } }', {"who": "b"}, None),
        ('"user.name" = { from = "who", map = { a = "ada" }, otherwise = "" }', {"who": "x"}, None),
        ('"user.name" = { from = ["who", "login"] }', {"who": "-", "login": "ada"}, "ada"),
        (
            '"user.name" = { from = ["first", "last"], join = " " }',
            {"first": "Ada", "last": "L"},
            "Ada L",
        ),
        ('"user.name" = { from = "who", clean = "lower" }', {"who": "ADA"}, "ada"),
        ('"user.name" = { from = "who", when = { kind = "person" } }', {"who": "ada"}, None),
        ('"user.name" = { from = "who", unless = { kind = "bot" } }', {"who": "ada"}, "ada"),
        ('"user.name" = "targets[type=User].name"', {"targets": [{"type": "App", "name": "x"}]}, None),
        (
            '"user.name" = "targets[type=User].name"',
            {"targets": [{"type": "App", "name": "x"}, {"type": "User", "name": "ada"}]},
            "ada",
        ),
    ],
)
def test_value_is_what_the_row_means(
    tmp_path: Path, fields: str, row: object, name: str | None
) -> None:
    """Trimmed, left out where it stands for nothing, from whichever field has it."""
    event = one(mapped(tmp_path, row, fields))
    assert (event.user.name if event.user else None) == name


def test_what_stands_for_nothing_is_a_setting(tmp_path: Path) -> None:
    """Somebody may be called Unknown."""
    found = mapped(tmp_path, {"who": "Unknown"}, '"user.name" = "who"', source='empty = ["-"]')
    user = one(found).user
    assert user is not None
    assert user.name == "Unknown"


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ('format = "key=value"', {"text": 'type="LOGIN", user="a \\"b\\" c", ip=192.0.2.7'}),
        ('format = "json"', {"text": '{"user": "a \\"b\\" c", "ip": "192.0.2.7"}'}),
        ("pattern = 'by (?P<user>.+) from (?P<ip>[0-9.]+)$'", {"text": 'by a "b" c from 192.0.2.7'}),
    ],
)
def test_text_inside_a_field_is_read(tmp_path: Path, table: str, row: object) -> None:
    """JSON, pairs, or a pattern with named groups."""
    fields = '"user.name" = "inner.user"\n"source.ip" = "inner.ip"'
    event = one(mapped(tmp_path, row, fields, more=f'[extract.inner]\nfrom = "text"\n{table}'))
    assert event.user is not None
    assert event.source is not None
    assert (event.user.name, event.source.ip) == ('a "b" c', "192.0.2.7")


def test_examples_of_the_handbook_are_mappings(tmp_path: Path) -> None:
    """The ways to write a value, and rules for the activity."""
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "migrating.md").read_text(), re.DOTALL)
    text = "\n".join(blocks) + '[source]\nname = "a"\nformat = "ndjson"\n[time]\nfrom = "at"\n'
    mapping = simple(tmp_path, text)
    assert len(mapping.activities) == 2
    assert len(mapping.fields) == 11


@pytest.mark.parametrize("how", ["pattern = '^(?P<user>(a+)+)$'", 'format = "key=value"'])
def test_extraction_takes_linear_time(tmp_path: Path, how: str) -> None:
    """The texts of a log may be an attacker's: this one takes other engines longer than a life."""
    extract = f'[extract.inner]\nfrom = "text"\n{how}'
    begun = process_time()
    event = one(
        mapped(tmp_path, {"text": "a" * 200_000 + "!"}, '"user.name" = "inner.user"', more=extract)
    )
    assert event.user is None
    assert process_time() - begun < 10


def test_changes_of_a_whole_list(tmp_path: Path) -> None:
    """Each entry is a change; secrets are masked by the names that the entries give."""
    row = {"changes": [{"f": "role", "o": "agent", "n": "lead"}, {"f": "api_key", "o": "1", "n": "2"}]}
    more = (
        '[[changes]]\neach = "changes"\nfield = "changes.f"\nbefore = "changes.o"\nafter = "changes.n"'
    )
    changes = one(mapped(tmp_path, row, more=more)).audit.changes
    assert changes is not None
    assert [(c.field, c.before, c.after) for c in changes] == [
        ("role", "agent", "lead"),
        ("api_key", "***", "***"),
    ]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("reset with password=hunter2 by ada", "reset with password=*** by ada"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ('token: "a b", user: ada', "token: ***, user: ada"),
        ("https://ada:hunter2@example.com/", "https://ada:***@example.com/"),
        ({"user": "ada", "inner": {"password": "x"}}, '{"user": "ada", "inner": {"password": "***"}}'),
        ('{"secret": "x"}', '{"secret": "***"}'),
        ("user=ada", "user=ada"),
    ],
)
def test_secret_is_masked_in_labels_and_messages(tmp_path: Path, raw: object, shown: str) -> None:
    """Nobody looks for one there, and everybody can read it."""
    fields = (
        '"labels.text" = "text"\n"message" = "text"\n"labels.password" = "at"\n"labels.p" = "api_key"'
    )
    event = one(mapped(tmp_path, {"text": raw, "api_key": "k"}, fields))
    assert event.message == shown
    assert event.labels == {"text": shown, "password": "***", "p": "***"}


@pytest.mark.parametrize(
    ("time", "row", "meant"),
    [
        ('format = "epoch"', {"at": 1795424400}, "2026-11-23T09:00:00.000Z"),
        ('format = "epoch-ms"', {"at": 1795424400250}, "2026-11-23T09:00:00.250Z"),
        ('format = "epoch-us"', {"at": 1795424400250000}, "2026-11-23T09:00:00.250Z"),
        ('format = "epoch-ns"', {"at": "1795424400250000000"}, "2026-11-23T09:00:00.250Z"),
        ('format = "epoch-ms"', {"at": 1795424400}, 'not a time from 1990 on: set format = "epoch"'),
        ('format = "epoch"', {"at": 1795424400250}, 'not a time from 1990 on: set format = "epoch-ms"'),
        ("", {"at": "2026-11-01T09:30:00.123456789+01:00"}, "2026-11-01T08:30:00.123Z"),
        ("", {"at": "2026-11-01 09:30:00 UTC"}, "2026-11-01T09:30:00.000Z"),
        ("", {"at": "2026-W44-7"}, "is not a time in the format RFC 3339"),
        ("", {"at": "2026-11-01"}, "is not a time in the format RFC 3339"),
        ('format = "%Y-%m-%d %H:%M:%S.%f %z"', {"at": "2026-11-01 09:30:00.123456789 +0100"},
         "2026-11-01T08:30:00.123Z"),
        ('format = ["rfc3339", "%d.%m.%Y %H:%M"]\nzone = "UTC"', {"at": "01.11.2026 09:30"},
         "2026-11-01T09:30:00.000Z"),
        ('zone = "Europe/Berlin"', {"at": "2026-03-29T02:30:00"}, "does not exist in Europe/Berlin"),
        ('zone = "Europe/Berlin"', {"at": "2026-10-25T02:30:00"}, "2026-10-25T00:30:00.000Z"),
        ('format = "%b %d %H:%M:%S"\nyear = 2026\nzone = "UTC"', {"at": "Nov  1 09:30:00"},
         "2026-11-01T09:30:00.000Z"),
    ],
)  # fmt: skip
def test_time_is_what_the_row_means(tmp_path: Path, time: str, row: object, meant: str) -> None:
    """And what may mean something else is rejected, with what to set."""
    found = mapped(tmp_path, row, time=time)
    if meant.startswith("2026"):
        assert one(found).timestamp == meant
    else:
        assert meant in told(found)


def test_day_and_time_of_two_columns(tmp_path: Path) -> None:
    """The format is of both, with a space between."""
    time = ', "clock"]\nformat = "%d/%m/%Y %H:%M"\nzone = "UTC"'
    text = JSON.replace("SOURCE", "").replace('"at"\nTIME', f'["at"{time}').replace("ACTIVITY", LOGIN)
    row = b'{"at": "01/11/2026", "clock": "09:30"}'
    assert one(events(row, simple(tmp_path, text.replace("FIELDS", "")))).timestamp.startswith(
        "2026-11-01T09:30"
    )


def test_log_without_years_runs_past_a_new_year(tmp_path: Path) -> None:
    """Rows that are a little out of order don't go round the year."""
    rows = [
        {"at": at}
        for at in ("Dec 31 23:59", "Jan 1 00:00", "Dec 31 23:58", "Mar 1 00:00", "Feb 29 12:00")
    ]
    time = 'format = "%b %d %H:%M"\nyear = 2027\nzone = "UTC"'
    found = mapped(tmp_path, rows, time=time)
    assert [event.timestamp[:10] for event in found if isinstance(event, AuditEvent)] == [
        "2027-12-31",
        "2028-01-01",
        "2027-12-31",
        "2028-03-01",
        "2028-02-29",
    ]


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"time": 'format = "%d/%m/%Y"'}, "[time] format has no hour"),
        ({"time": 'format = "%b %d %H:%M"'}, "[time] format has no year"),
        ({"activity": ""}, "[activity] is missing"),
        ({"more": "[[skip]]"}, "[[skip]] must have when or unless"),
        ({"more": '[extract.a]\nfrom = "x"'}, "[extract] a must have either format or pattern"),
        ({"more": '[extract.a]\nfrom = "x"\npattern = "("'}, "a pattern is not valid: missing )"),
        ({"more": '[extract.a]\nfrom = "x"\npattern = "x"'}, "it names no group"),
        ({"fields": '"user.name" = { from = "x", clean = "ip" }'}, 'user.name clean must be "address"'),
        ({"fields": '"user.id" = { from = "x", keep = "user.name" }'}, "user.id keep must be a label"),
        ({"source": "skip_lines = -1"}, "[source] skip_lines is not valid"),
        ({"source": 'eahc = "x"'}, "[source] eahc is not a known key; known are name, format"),
    ],
)  # fmt: skip
def test_mapping_that_would_be_wrong_in_silence_says_so(
    tmp_path: Path, parts: dict[str, Any], why: str
) -> None:
    """One sentence, with what may stand there."""
    with pytest.raises(MappingError) as error:
        mapped(tmp_path, {}, **parts)
    assert why in str(error.value)
