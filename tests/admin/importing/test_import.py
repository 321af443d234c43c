"""`auditlog import`: another log's rows become events; those that can't are told, one by one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from admin.importing.imported import SIMPLE, events, rows, simple
from audit_admin.importing.errors import ImportFileError, MappingError
from audit_admin.importing.mapping import load_mapping
from audit_admin.importing.row import LINE_MAX
from audit_admin.importing.rows import FileFormat
from audit_schemas import AuditEvent, Catalogue
from support.consumed import consume_all
from support.in_process import auditlog_in_process, call
from support.servers import ROOT, Deployment

EXAMPLES = ROOT / "deploy" / "importing"
SAAS = (
    "Event ID,Date,Actor,Actor email,Action,Conversation,Account,Setting,Old value,New value,"
    "IP address,Result\n"
)


def saas(*rows: str) -> bytes:
    """Return a file of the first example's kind; WHEN is a while ago."""
    when = (datetime.now(UTC) - timedelta(days=9)).strftime("%d/%m/%Y 09:30:00")
    return (SAAS + "".join(f"{row}\n" for row in rows)).replace("WHEN", when).encode()


GOOD = (
    "e-1,WHEN,Ada,ada@example.com,User signed in,,,,,,192.0.2.7,OK",
    "e-2,WHEN,Bü,,User sign-in failed,,,,,,,Failed",
    'e-3,WHEN,Ada,,Setting changed,,,"Password, minimum",8,12,192.0.2.7,OK',
    "e-4,WHEN,Ada,,Conversation assigned,c-7,Bü,,,,,OK",
)


def test_example_of_a_saas_log() -> None:
    """Zone, words, changes and accounts are as its rows mean them."""
    mapping = load_mapping(EXAMPLES / "saas-admin-log.toml")
    catalogue = Catalogue.load()
    found = [e for e in events(saas(*GOOD), mapping) if isinstance(e, AuditEvent)]
    for event in found:
        catalogue.check(event)
    assert [e.event.action for e in found] == [
        "login",
        "login-failed",
        "settings-changed",
        "chat-assigned-to-user",
    ]
    assert found[0].timestamp.endswith("T06:30:00.000Z"), "Istanbul is three hours ahead"
    assert [e.event.outcome for e in found] == ["success", "failure", "success", "success"]
    assert found[2].audit.changes is not None
    (change,) = found[2].audit.changes
    assert (change.field, change.before, change.after) == ("Password, minimum", "***", "***")
    assert found[3].user is not None
    assert found[3].user.target is not None
    assert (found[3].user.name, found[3].user.target.name) == ("Ada", "Bü")


def test_example_of_another_systems_ndjson() -> None:
    """Nested objects, lists, numbers and truth values; equal lines are two events."""
    mapping = load_mapping(EXAMPLES / "auth-service.toml")
    line = {
        "ts": 1795424400250,
        "type": "SESSION_START",
        "ok": True,
        "actor": {"id": 7, "login": "ada", "groups": ["agent", "lead"]},
        "client": {"addr": "2001:db8::7"},
    }
    data = json.dumps(line).encode() + b"\n"
    first, second = events(data + data, mapping)
    assert isinstance(first, AuditEvent)
    assert isinstance(second, AuditEvent)
    assert first.event.id != second.event.id
    assert [first.event.id, second.event.id] == [
        e.event.id for e in events(data + b"\n" + data, mapping) if isinstance(e, AuditEvent)
    ]
    assert first.timestamp == "2026-11-23T09:00:00.250Z"
    assert first.user is not None
    assert (first.user.id, first.user.roles) == ("7", ["agent", "lead"])
    assert (first.event.outcome, first.audit.actor.kind) == ("success", "user")


HEAD = b"when,what,who\n"
LINE = b"2026-11-01T09:30:00Z,login,Ada\n"


@pytest.mark.parametrize(
    ("data", "whys"),
    [
        (b"2026-11-01T09:30:00Z,login\n", ["has 2 fields instead of 3"]),
        (b'2026-11-01T09:30:00Z,login,"Ada"x\n', ["not CSV"]),
        (b"2026-11-01 09:30,login,Ada\n", ["has no time zone"]),
        (b"yesterday,login,Ada\n", ['"yesterday" is not a time in the format RFC 3339']),
        (b",login,Ada\n", ["has no time"]),
        (b"2026-11-01T09:30:00Z,,Ada\n", ["has no activity"]),
        (b"2026-11-01T09:30:00Z,log\x00in,Ada\n", ["must be a name of letters"]),
        (b'2026-11-01T09:30:00Z,login,"Ada\n,,\n', ["(to line 4) not CSV: unexpected end of data"]),
        (b"2026-11-01T09:30:00Z,log\xffin,Ada\n", ["has bytes that are not utf-8"]),
    ],
)
def test_row_that_is_none_is_told_and_stops_nothing(
    tmp_path: Path, data: bytes, whys: list[str]
) -> None:
    """The rows before and after it are imported."""
    found = events(HEAD + LINE + data, simple(tmp_path))
    assert isinstance(found[0], AuditEvent)
    assert len(found) == 1 + len(whys)
    for why, said in zip(whys, found[1:], strict=True):
        assert isinstance(said, str)
        assert why in said
        assert said.startswith("3 ")
    if b'"Ada\n' not in data:  # that one swallows what comes after it, and says so
        after = events(HEAD + data + LINE, simple(tmp_path))
        assert isinstance(after[-1], AuditEvent)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b'"a ""b""\nc, d"', 'a "b"\\u000ac, d'),
        (b"a\x00b", "a\\u0000b"),
        (b"\xff\xfe", "\\udcff\\udcfe"),
        (b"=1+1", "=1+1"),
        (b'"' + b"x" * 200_000 + b'"', None),
    ],
)
def test_hostile_name_is_mended_as_anywhere(tmp_path: Path, name: bytes, shown: str | None) -> None:
    """Nobody keeps a row out of the log by a strange name."""
    mapping = simple(tmp_path, SIMPLE.replace("[time]", 'invalid_bytes = "escape"\n[time]'))
    (event,) = events(HEAD + b"2026-11-01T09:30:00Z,login-failed," + name, mapping)
    assert isinstance(event, AuditEvent)
    assert event.user is not None
    if shown is None:
        assert event.audit.altered == ["user.name"]
    else:
        assert event.user.name == shown


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    """As spreadsheets write it; without one, the mapping says it."""
    text = (HEAD + LINE).decode().replace("Ada", "Zoë")
    said = SIMPLE.replace('format = "csv"', f'format = "csv"\nencoding = "{encoding}"')
    for mapping in (simple(tmp_path), simple(tmp_path, said)):
        data = text.encode(encoding)
        if not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe")) and mapping.file_format.encoding is None:
            continue
        (event,) = events(data, mapping)
        assert isinstance(event, AuditEvent)
        assert event.user is not None
        assert event.user.name == "Zoë"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"a,b,a\n", "'a' occurs twice"),
        (b'"a\n', "header is not CSV"),
        (b"a," + b"x" * LINE_MAX, "more than"),
        ("a,b\n".encode("utf-16")[:-1], "not utf-16"),
    ],
)
def test_file_that_is_none_is_one_sentence(data: bytes, why: str) -> None:
    """What can't be read at all stops the import."""
    with pytest.raises(ImportFileError, match=why):
        rows(data)


def test_ndjson_lines_that_are_none_are_told() -> None:
    """By number; empty lines are passed over."""
    data = b'{"a": 1}\n\nnonsense\n[1]\n' + b'{"a":' * 5000 + b"\n" + b'{"a": 2}'
    found = rows(data, FileFormat("ndjson"))
    assert [(row.number, row.problem is None) for row in found] == [
        (1, True),
        (3, False),
        (4, False),
        (5, False),
        (6, True),
    ]


@pytest.mark.parametrize(
    "row",
    [
        b'{"who": "Ada", "who": "Ben"}',
        b'{"a": {"who": 1, "b": 2, "who": 1}}',
        b'{"a": [{"who": 1, "\\u0077ho": 2}]}',
    ],
)
def test_row_with_a_key_twice_is_refused(row: bytes) -> None:
    """Whoever reads the other log may see the other value."""
    (found,) = rows(row + b"\n", FileFormat("ndjson"))
    assert found.problem == "who appears twice in one object"


@pytest.mark.parametrize(
    ("form", "time", "meant"),
    [
        ("%d/%m/%Y %H:%M:%S %Z", "01/11/2026 10:00:00 UTC", "2026-11-01T10:00:00.000Z"),
        ("%d/%m/%Y %H:%M:%S %Z", "01/11/2026 10:00:00 gmt", "2026-11-01T10:00:00.000Z"),
        ("%d/%m/%Y %H:%M:%S%Z", "01/11/2026 10:00:00Z", "2026-11-01T10:00:00.000Z"),
        ("%d/%m/%Y %H:%M:%S UTC", "01/11/2026 10:00:00 UTC", "2026-11-01T10:00:00.000Z"),
        ("%Y-%m-%dT%H:%M:%SZ", "2026-11-01T10:00:00Z", "2026-11-01T10:00:00.000Z"),
        ("%b %d %Y %H:%M:%S GMT%z", "Nov 01 2026 10:00:00 GMT+0100", "2026-11-01T09:00:00.000Z"),
        ("%d/%m/%Y %H:%M:%S", "01/11/2026 10:00:00", "2026-11-01T07:00:00.000Z"),
        ("%d/%m/%Y %H:%M:%S %Z", "01/11/2026 10:00:00 CET", None),
        ("%d/%m/%Y %H:%M:%S %Z", "01/11/2026 10:00:00 EST", None),
        ("%d/%m/%Y %H:%M:%S %Z", "01/11/2026 10:00:00", None),
    ],
)
def test_zone_that_a_time_names_is_its_zone(
    tmp_path: Path, form: str, time: str, meant: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mapping's zone is for times without one; what this machine's zone is called is nothing."""
    monkeypatch.setattr("time.tzname", ("CET", "CEST"))
    zone = f'"when"\nformat = "{form}"\nzone = "Europe/Istanbul"'
    mapping = simple(tmp_path, SIMPLE.replace('"when"', zone))
    (found,) = events(HEAD + f"{time},login,Ada\n".encode(), mapping)
    if isinstance(found, AuditEvent):
        assert found.timestamp == meant
    else:
        assert meant is None
        assert "with UTC, GMT or Z for %Z" in found


def test_id_of_an_earlier_row_that_says_something_else_is_told() -> None:
    """An id that is none would make id-conflicts of the file; the same row twice is one event."""
    mapping = load_mapping(EXAMPLES / "saas-admin-log.toml")
    other = GOOD[0].replace("Ada", "Eve")
    first, same, said = events(saas(GOOD[0], GOOD[0], other), mapping)
    assert first == same
    assert said == "4 is also that of line 2, which has different contents"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('name = "test"', ""), "[source] name is missing"),
        (('"csv"', '"xml"'), '[source] format must be "csv" or "ndjson"'),
        (("[time]", 'encoding = "utf-88"\n[time]'), "[source] encoding is not a known encoding"),
        (("[time]", 'encoding = "base64"\n[time]'), "[source] encoding is not a known encoding"),
        (("[time]", 'encoding = "a\\u0000"\n[time]'), "[source] encoding is not a known encoding"),
        (("[time]", 'delimiter = ";;"\n[time]'), "[source] delimiter must be one character"),
        (('"when"', '"when"\nformat = "dd.mm."'), "[time] format must be one of rfc3339"),
        (('"when"', '"when"\nformat = "%H:%M CET"'), "[time] format has CET, which may mean several"),
        (('"when"', '"when"\nformat = "%H:%M %z %Z"'), "[time] format has both %z and %Z"),
        (('"when"', '"when"\nformat = "%d.%d.%Y"'), "[time] format has a directive twice"),
        (('"when"', '"when"\nformat = "%d.%Q"'), "[time] format is not valid: 'Q' is a bad directive"),
        (('"when"', '"when"\nzone = "Mars/Base"'), "[time] zone is not a time zone"),
        (('"user.name"', '"user.nam"'), "[fields] user.nam is not a field of an event"),
        (('"user.name"', '"event.id"'), "[fields] event.id is set by [source] id"),
        (('= "who"', "= 7"), "[fields] user.name must be the name of a field"),
        (('= "who"', '= { from = "a", constant = "b" }'), "must have either from or constant"),
        (('= "who"', '= { from = "a", frm = "b" }'), "[fields] user.name frm is not a known key"),
        (("[source]", "[[source"), "is not valid TOML"),
    ],
)
def test_mapping_that_is_wrong_says_where(tmp_path: Path, change: tuple[str, str], why: str) -> None:
    """One sentence, with what may stand there."""
    with pytest.raises(MappingError) as error:
        simple(tmp_path, SIMPLE.replace(*change))
    assert why in str(error.value)


def test_dry_run_needs_no_server_and_tells_all(tmp_path: Path) -> None:
    """The first events as they would be, the counts, and each reject with line and reason."""
    old = "e-9,01/02/2001 09:30:00,Ada,,User signed in,,,,,,,OK"
    strange = "e-8,WHEN,Ada,,Danced,,,,,,,OK"
    source, rejects = tmp_path / "admin.csv", tmp_path / "rejects.ndjson"
    source.write_bytes(saas(*GOOD, old, strange))
    done = auditlog_in_process(
        "import",
        str(source),
        "--mapping",
        str(EXAMPLES / "saas-admin-log.toml"),
        "--rejects",
        str(rejects),
        "--dry-run",
        "--show",
        "1",
    )
    assert done.returncode == 1
    assert done.stdout.count('"@timestamp"') == 1
    assert "4 rows would be published\n" in done.stdout
    assert "2 rows rejected" in done.stdout
    assert 'line 7: Action: "Danced" is not in the mapping' in done.stderr
    told = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(one["line"], one["row"]["Event ID"]) for one in told] == [(6, "e-9"), (7, "e-8")]
    assert "AUDITLOG_MAX_PAST_DAYS" in told[0]["reason"]


def test_rejects_do_not_replace_the_file_to_import(tmp_path: Path) -> None:
    """However its path is written."""
    source = tmp_path / "admin.csv"
    source.write_bytes(saas(*GOOD))
    mapping = str(EXAMPLES / "saas-admin-log.toml")
    same = f"{tmp_path}/../{tmp_path.name}/admin.csv"
    done = auditlog_in_process(
        "import", str(source), "--mapping", mapping, "--rejects", same, "--dry-run"
    )
    assert done.returncode != 0
    assert "would replace the file to import" in done.stderr
    assert source.read_bytes() == saas(*GOOD)


def test_columns_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    """Not a reject a row."""
    source = tmp_path / "other.csv"
    source.write_text("a,b\n1,2\n3,4\n")
    mapping = str(EXAMPLES / "saas-admin-log.toml")
    done = auditlog_in_process("import", str(source), "--mapping", mapping, "--dry-run")
    assert done.stderr == (
        "auditlog: the file has no column 'Account'; it has a, b. If lines stand above the header, set "
        "skip_lines in [source]\n"
    )


@pytest.mark.servers
def test_importing_again_adds_nothing(deployment: Deployment, tmp_path: Path) -> None:
    """Also where the first import came to half of the file only."""
    half, whole = tmp_path / "half.csv", tmp_path / "whole.csv"
    half.write_bytes(saas(*GOOD[:2]))
    whole.write_bytes(saas(*GOOD))
    mapping = str(EXAMPLES / "saas-admin-log.toml")
    for source in (half, whole, whole):
        call(deployment, "import", str(source), "--mapping", mapping)
    consume_all(deployment)
    assert deployment.count() == len(GOOD)
    assert deployment.dead_letters() == []
    assert call(deployment, "verify").stdout.splitlines()[-1] == (
        "published 10 = indexed 4 + duplicates 6 + dead-lettered 0"
    )
