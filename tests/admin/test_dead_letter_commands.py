"""`auditlog dead-letters list | show`, on real servers."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from audit_admin.dead_letters.dead_letter import DeadLetter, Selection
from audit_admin.dead_letters.reader import DeadLetterReader
from audit_admin.topic_reader import TopicReader
from audit_consumer.record import Refusal
from audit_schemas import Reason
from audit_schemas.dead_letter import MESSAGE_HEADER, SIZE_HEADER, TOPIC_HEADER
from confluent_kafka import Producer
from support.consumed import consume_all
from support.dead_letters import refuse, send, source_records
from support.events import chat_opened, raw
from support.in_process import call
from support.servers import Deployment

pytestmark = pytest.mark.servers

DEAD_LETTERS = "dead-letters"
HOSTILE = b"\x1b[2J\x1b]0;title\x07 [bold]x[/bold] [/] :smile: \xff\xfe\x00 \xc2\x9b31m \xe2\x80\xae"


def test_list_groups_by_reason_with_counts_times_and_an_example(deployment: Deployment) -> None:
    """What a consumer refused is counted by reason; the example says path and sentence."""
    deployment.publish_raw(
        b"poison", b"", raw(action="frobnicated"), raw(surprise=1), chat_opened(1), key=b"k"
    )
    consume_all(deployment)
    groups = {
        group["reason"]: group
        for group in json.loads(call(deployment, DEAD_LETTERS, "list", "--json").stdout)
    }
    assert {reason: group["records"] for reason, group in groups.items()} == {
        "malformed": 2,
        "unknown-activity": 1,
        "invalid": 1,
    }
    assert groups["invalid"]["path"] == "surprise"
    for group in groups.values():
        assert group["first_received"] <= group["last_received"] <= group["last"]
        assert group["first"] <= group["last"]
        assert (group["copies"], group["replayed"], group["refused_again"]) == (0, 0, 0)
    text = call(deployment, DEAD_LETTERS, "list").stdout
    assert "malformed: 2 records\n" in text
    assert "example    surprise: is not a field of an audit event" in text
    assert "4 records in total; times are in UTC" in text


def test_copies_of_one_record_count_once(deployment: Deployment) -> None:
    """Dead letters are written at least once; by how many consumers, does not matter."""
    refuse(deployment, b"one", b"two", copies=3)
    (group,) = json.loads(call(deployment, DEAD_LETTERS, "list", "--json").stdout)
    assert (group["records"], group["copies"]) == (2, 4)
    shown = call(deployment, DEAD_LETTERS, "show", "--json").stdout.splitlines()
    assert [json.loads(line)["value"] for line in shown] == ["one", "two"]
    assert (
        "unknown-activity: 2 records, 4 additional copies"
        in call(deployment, DEAD_LETTERS, "list").stdout
    )


def test_record_of_a_topic_made_again_is_no_copy(deployment: Deployment) -> None:
    """Other bytes at the same offset are another record."""
    (record,) = refuse(deployment, b"before")
    after = type(record)(record.origin, record.received, record.key, b"after")
    send(deployment, [Refusal(after, Reason.MALFORMED, "", "not JSON")])
    groups = json.loads(call(deployment, DEAD_LETTERS, "list", "--json").stdout)
    assert [(group["records"], group["copies"]) for group in groups] == [(1, 0), (1, 0)]


def offsets(deployment: Deployment, **filters: Any) -> list[int]:
    """Return the source offsets of the dead letters that pass the filters."""
    settings = deployment.consumer
    chosen = Selection(settings.topic, **filters)
    with TopicReader(settings) as reader:
        entries = DeadLetterReader(reader, settings.dead_letter_topic).read()
        return [e.origin.offset for e in entries if isinstance(e, DeadLetter) and chosen.matches(e)]


def test_each_filter_narrows(deployment: Deployment) -> None:
    """Reason, activity, id, time, partition and offset; together, what passes all of them."""
    refuse(deployment, raw(action="a-one"), raw(action="a-two"))
    half_a_character = chat_opened(3, message="X").replace(b'"X"', b'"\\ud800"')
    named = json.loads(half_a_character.replace(b"\\ud800", b""))["event"]["id"]
    cut_off = chat_opened(4)[:-10]
    refuse(deployment, b"poison", half_a_character, None, cut_off, reason=Reason.MALFORMED)
    assert offsets(deployment) == [0, 1, 2, 3, 4, 5]
    assert offsets(deployment, reasons=("malformed",)) == [2, 3, 4, 5]
    assert offsets(deployment, reasons=("malformed", "unknown-activity")) == [0, 1, 2, 3, 4, 5]
    assert offsets(deployment, activities=("a-two",)) == [1]
    assert offsets(deployment, activities=("chat-opened",)) == [3, 5]
    assert offsets(deployment, ids=(named,)) == [3]
    assert offsets(deployment, ids=("0123456789abcdef",)) == [0, 1]
    assert offsets(deployment, offset=4) == [4]
    partition = source_records(deployment)[0].origin.partition
    assert offsets(deployment, partition=partition, offset=2) == [2]
    assert offsets(deployment, partition=partition + 1) == []
    assert offsets(deployment, reasons=("malformed",), activities=("a-one",)) == []
    first, *_, last = deployment.dead_letters()
    assert offsets(deployment, start=first.received) == [0, 1, 2, 3, 4, 5]
    assert offsets(deployment, end=first.received) == []
    assert offsets(deployment, start=last.received + timedelta(milliseconds=1)) == []
    assert 5 not in offsets(deployment, end=last.received)


def test_options_are_the_filters(deployment: Deployment) -> None:
    """Each option of the command line narrows by what it is called."""
    refuse(deployment, raw(action="a-one"), raw(action="a-two"), b"poison")
    every = ["--reason", "unknown-activity", "--id", "0123456789abcdef", "--from", "-1h", "--to", "now"]
    place = ["--partition", str(source_records(deployment)[0].origin.partition), "--offset", "1"]

    def shown(*options: str) -> list[int]:
        lines = call(deployment, DEAD_LETTERS, "show", "--json", *options).stdout.splitlines()
        return [json.loads(line)["origin"]["offset"] for line in lines]

    assert shown(*every) == [0, 1]
    assert shown(*every, *place, "--activity", "a-one", "--activity", "a-two") == [1]
    assert shown(*every, *place, "--activity", "a-one") == []
    assert shown("--limit", "1") == [0]


def test_show_does_nothing_to_the_terminal(deployment: Deployment) -> None:
    """Escapes, markup, bidirectional controls and bytes that are no text are shown, never obeyed."""
    producer = Producer({"bootstrap.servers": deployment.servers.kafka})
    topic = f"{deployment.name}.events"
    producer.produce(topic, HOSTILE, key=HOSTILE, headers={"[red]h\x1b": HOSTILE, "none": None})
    assert producer.flush(30) == 0
    (record,) = source_records(deployment)
    send(deployment, [Refusal(record, Reason.INVALID, "a\x1b[31m[red]", "is \x1b[31m[red] wrong")])
    for command in ("list", "show"):
        text = call(deployment, DEAD_LETTERS, command).stdout
        assert set(text) & {*map(chr, range(32)), *map(chr, range(127, 160)), "\u202e"} == {"\n"}
        assert "a\\u001b[31m[red]: is \\u001b[31m[red] wrong" in text
    escaped = (
        r"\u001b[2J\u001b]0;title\u0007 [bold]x[/bold] [/] :smile: \xff\xfe\u0000 \u009b31m \u202e"
    )
    assert text.count(escaped) == 3
    assert f"[red]h\\u001b: {escaped}" in text
    assert "none: none" in text
    line = call(deployment, DEAD_LETTERS, "show", "--json").stdout
    assert line.isascii()
    letter = json.loads(line)
    assert base64.b64decode(letter["value_base64"]) == HOSTILE
    assert base64.b64decode(letter["key_base64"]) == HOSTILE
    (hostile, none) = letter["headers"]
    assert base64.b64decode(hostile["value_base64"]) == HOSTILE
    assert none == {"name": "none", "value": None}


def test_show_cuts_what_is_long_unless_told_not_to(deployment: Deployment) -> None:
    """A megabyte of poison does not scroll everything away."""
    refuse(deployment, b"x" * 900_000, reason=Reason.MALFORMED)
    text = call(deployment, DEAD_LETTERS, "show").stdout
    assert len(text) < 2000
    assert "value          900,000 bytes" in text
    assert "--full shows the rest" in text
    assert "x" * 900_000 in call(deployment, DEAD_LETTERS, "show", "--full").stdout


def test_headers_that_a_publisher_forged_are_his_own(deployment: Deployment) -> None:
    """A record with our headers on it can't say where it stood, or that it was cut."""
    forged = {
        TOPIC_HEADER: b"somewhere.else",
        MESSAGE_HEADER: b"all is well",
        SIZE_HEADER: b"5",
        "audit.replay.origin": f"{deployment.name}.events/0/0".encode(),
        "x": b"\xff",
    }
    deployment.publish_raw(b"poison", headers=forged)
    send(deployment, [Refusal(source_records(deployment)[0], Reason.MALFORMED, "", "not JSON")])
    letter = json.loads(call(deployment, DEAD_LETTERS, "show", "--json").stdout)
    assert letter["origin"]["topic"] == f"{deployment.name}.events"
    assert (letter["message"], letter["is_truncated"], letter["replay_of"]) == ("not JSON", False, None)
    assert {header["name"] for header in letter["headers"]} == set(forged)
    assert call(deployment, "verify").returncode == 0


def test_what_is_no_dead_letter_is_passed_over_and_told(deployment: Deployment) -> None:
    """Somebody wrote to the topic by hand; another topic's dead letters are in it too."""
    refuse(deployment, b"ours")
    producer = Producer({"bootstrap.servers": deployment.servers.kafka})
    topic = f"{deployment.name}.dead-letter"
    producer.produce(topic, b"by hand")
    producer.produce(topic, None, headers={"audit.errors.reason": b"\xff"})
    assert producer.flush(30) == 0
    deployment.extra["AUDITLOG_TOPIC"] = f"{deployment.name}.alerts"
    text = call(deployment, DEAD_LETTERS, "list").stdout
    assert f"1 more dead letters are of topic {deployment.name}.events" in text
    assert "2 records skipped that auditlog did not write" in text
    assert call(deployment, DEAD_LETTERS, "replay").stdout.startswith("There are no dead letters\n")
    assert len(source_records(deployment)) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--from", "soon"], "use one such as"),
        (["show", "--from", "now", "--to", "-1h"], "must be before"),
        (["replay", "--reason", "malfromed"], "did you mean malformed?"),
    ],
)
def test_what_is_asked_wrong_is_one_sentence(
    deployment: Deployment, arguments: list[str], says: str
) -> None:
    """Exit status 1, and nothing is published."""
    refuse(deployment, b"poison", reason=Reason.MALFORMED)
    done = call(deployment, DEAD_LETTERS, *arguments, check=False)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("auditlog: ")
    assert says in sentence
    assert len(source_records(deployment)) == 1


def test_missing_topic_and_missing_kafka_are_told(bare: Deployment) -> None:
    """Which topic can't be read, or which broker does not answer."""
    done = call(bare, DEAD_LETTERS, "list", check=False)
    assert done.returncode == 1
    assert f"{bare.name}.dead-letter" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_dead_letters_is_no_error(deployment: Deployment) -> None:
    """An empty topic, and a filter that nothing passes."""
    for command in ("list", "show"):
        assert call(deployment, DEAD_LETTERS, command).stdout == "There are no dead letters\n"
    refuse(deployment, b"x", reason=Reason.MALFORMED)
    for command in ("show", "replay"):
        text = call(deployment, DEAD_LETTERS, command, "--reason", "invalid").stdout
        assert text == "No dead letter matches; there are some with reason malformed\n"
    assert (
        json.loads(call(deployment, DEAD_LETTERS, "list", "--reason", "invalid", "--json").stdout) == []
    )


def test_times_are_read_and_shown_in_the_zone_that_is_set(deployment: Deployment) -> None:
    """As the queries do."""
    refuse(deployment, b"x")
    deployment.extra["AUDITLOG_TIME_ZONE"] = "Asia/Kathmandu"
    assert "times are in Asia/Kathmandu" in call(deployment, DEAD_LETTERS, "list").stdout
    deployment.extra["AUDITLOG_TIME_ZONE"] = "Mars/Base"
    done = call(deployment, DEAD_LETTERS, "list", check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "is not a time zone" in done.stderr


def test_digest_of_what_is_shown_is_that_of_the_bytes(deployment: Deployment) -> None:
    """So that what somebody exports can be checked."""
    refuse(deployment, b"\xff\x00")
    letter = json.loads(call(deployment, DEAD_LETTERS, "show", "--json").stdout)
    assert letter["sha256"] == hashlib.sha256(b"\xff\x00").hexdigest()
    assert (letter["size"], letter["is_truncated"]) == (2, False)
