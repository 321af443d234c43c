"""Writing dead letters: none is held up, or harmed, by another."""

import hashlib
from datetime import UTC, datetime

import pytest
from audit_consumer.dead_letters import DeadLetters
from audit_consumer.record import Record, Refusal
from audit_schemas import Origin, Reason
from audit_schemas.dead_letter import DIGEST_HEADER, SIZE_HEADER, origin_of
from support.servers import Deployment

pytestmark = pytest.mark.servers

NOISE = hashlib.shake_256(b"seed").digest(3_500_000)


def refusal(offset: int, **record: bytes | None) -> Refusal:
    """Return a refused record with a header."""
    fields = {"key": b"k", "value": b"poison"} | record
    headers = (("x", fields.pop("header", b"1")),)
    found = Record(Origin("t", 0, offset), datetime.now(UTC), fields["key"], fields["value"], headers)
    return Refusal(found, Reason.MALFORMED, "", "not JSON")


def written(deployment: Deployment, *refusals: Refusal) -> dict[int, Record]:
    """Write dead letters; return what is in the topic, by where it stood."""
    dead_letters = DeadLetters(deployment.consumer)
    assert dead_letters.send(refusals, 30) == []
    dead_letters.close()
    found = {}
    for record in deployment.dead_letters():
        origin = origin_of(record.headers)
        assert origin is not None
        found[origin.offset] = record
    return found


def test_letter_beside_one_that_is_too_large_is_written_whole(deployment: Deployment) -> None:
    """The broker refuses a batch for one record in it; the others are not cut for that."""
    letters = written(deployment, refusal(0), refusal(1, value=NOISE), refusal(2), refusal(3))
    assert sorted(letters) == [0, 1, 2, 3]
    assert letters[1].header(SIZE_HEADER) == b"3500000"
    for offset in (0, 2, 3):
        assert (letters[offset].value, letters[offset].header("x")) == (b"poison", b"1")
        assert letters[offset].header(SIZE_HEADER) is None


def test_letter_that_is_too_large_without_a_value_holds_up_nothing(deployment: Deployment) -> None:
    """A record may be all key, or all headers."""
    letters = written(
        deployment,
        refusal(0, value=None, header=NOISE),
        refusal(1, value=None, key=NOISE),
        refusal(2, value=b"v", header=NOISE),
        refusal(3),
    )
    assert sorted(letters) == [0, 1, 2, 3]
    assert [letters[offset].value for offset in range(3)] == [None, None, b"v"]
    assert (letters[0].key, letters[1].key) == (b"k", NOISE[:65536])
    for offset, size in ((0, b"0"), (1, b"0"), (2, b"1")):
        assert letters[offset].header(SIZE_HEADER) == size
        assert letters[offset].header(DIGEST_HEADER) is not None


def test_letter_that_was_cut_has_no_key_where_the_record_had_none(deployment: Deployment) -> None:
    """No key and an empty one are not the same."""
    letters = written(deployment, refusal(0, value=NOISE, key=None))
    assert letters[0].key is None
