"""Event ids: a retry keeps its id, a new event gets a new one."""

import os
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from audit_schemas import LineIds, new_event_id, uuid5_text
from audit_schemas.event import ID_PATTERN
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import some

lines = st.lists(st.sampled_from([b"a", b"b", b"c"]) | st.binary(max_size=4), max_size=12)


def ids_of(found: list[bytes]) -> list[str]:
    """Return the ids of a file's lines."""
    ids = LineIds()
    return [ids.next_id(line) for line in found]


def test_new_id_is_a_uuid_of_version_7() -> None:
    """RFC 9562: version, variant, and the time in milliseconds in front."""
    before = time.time_ns() // 1_000_000
    found = uuid.UUID(new_event_id())
    after = time.time_ns() // 1_000_000
    assert (7, uuid.RFC_4122) == (found.version, found.variant)
    assert before <= found.int >> 80 <= after


def test_new_ids_are_ordered_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later milliseconds sort behind earlier ones, which keeps the index's ids compact."""
    ids = []
    for milliseconds in (0, 1, 1_764_000_000_000, 1_764_000_000_001, 2**48 - 1):
        monkeypatch.setattr(time, "time_ns", lambda now=milliseconds: now * 1_000_000)
        ids.append(new_event_id())
    assert sorted(ids) == ids


def test_new_ids_are_unique_and_valid() -> None:
    """Ten thousand in one go share no id, and each is one that the model takes."""
    ids = [new_event_id() for _ in range(10_000)]
    assert 10_000 == len(set(ids))
    assert all(re.fullmatch(ID_PATTERN, found) for found in ids)


@pytest.mark.filterwarnings("ignore:.*fork")
def test_forked_child_makes_ids_of_its_own() -> None:
    """Randomness that its parent had taken already is not used twice."""
    new_event_id()
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(sender, " ".join(new_event_id()[-17:] for _ in range(300)).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as answer:
        theirs = answer.read().split()
    assert os.waitpid(child, 0)[1] == 0
    assert len(theirs) == 300
    assert set(theirs).isdisjoint(new_event_id()[-17:] for _ in range(300))


def test_threads_share_no_id() -> None:
    """Also while one of them fetches more randomness."""
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda _: [new_event_id() for _ in range(1000)], range(8)))
    assert len({made for batch in batches for made in batch}) == 8000


def test_ids_of_lines_never_change() -> None:
    """A file that was published by an earlier version is not doubled by this one."""
    assert [
        "60117892-fe45-50ce-bf45-fbc2b9555906",
        "3ce5a4fa-1090-5654-b850-55ce93a244f7",
        "a5ad86c0-be5e-5cf6-805c-4e2ac45288b7",
    ] == ids_of([b"login alice", b"logout alice", b"login alice"])


@some
@given(lines)
def test_lines_get_the_same_ids_at_every_reading(found: list[bytes]) -> None:
    """A second run adds nothing."""
    assert ids_of(found) == ids_of(found)
    assert all(re.fullmatch(ID_PATTERN, identity) for identity in ids_of(found))


@some
@given(lines)
def test_equal_lines_are_different_events(found: list[bytes]) -> None:
    """No two lines of a file share an id."""
    assert len(found) == len(set(ids_of(found)))


@some
@given(lines, lines, st.data())
def test_lines_inserted_elsewhere_change_no_other_id(
    found: list[bytes], inserted: list[bytes], data: st.DataObject
) -> None:
    """A file may grow anywhere: the ids that it had, it keeps."""
    where = data.draw(st.integers(0, len(found)))
    grown = [*found[:where], *inserted, *found[where:]]
    assert set(ids_of(found)) <= set(ids_of(grown))
    others = [line for line in inserted if line.strip() not in {known.strip() for known in found}]
    grown = [*found[:where], *others, *found[where:]]
    assert ids_of(found) == ids_of(grown)[:where] + ids_of(grown)[where + len(others) :]


@pytest.mark.parametrize("line", [b"a\n", b"a\r\n", b"  a\t"])
def test_white_space_around_a_line_does_not_count(line: bytes) -> None:
    """An editor that changes line ends makes no new events."""
    assert ids_of([b"a"]) == ids_of([line])


@pytest.mark.parametrize("name", ["", "a", "Zoë \N{SNOWMAN}", "x" * 1000, *map(str, range(16))])
def test_uuid_of_a_name_is_that_of_the_standard_library(name: str) -> None:
    """All four variants occur among them."""
    assert uuid5_text(uuid.NAMESPACE_URL, name) == str(uuid.uuid5(uuid.NAMESPACE_URL, name))
