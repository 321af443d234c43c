"""Lists that a deployment keeps: what a file may hold, what is refused, and reading it again."""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from audit_runtime import DENIED_LIST, ListError, ListFolder, ReferenceList
from audit_runtime.reference_list import LIST_ENTRIES_MAX, parse_list

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)

TOR = """\
# title: Exit nodes of Tor
# valid until: 2026-12-31
# Valid until: whatever a later comment says is a comment

198.51.100.7        # one address
192.0.2.0/25
192.0.2.128/25
::ffff:203.0.113.9
2001:db8::/32
AS64500
64501
Example Hosting GmbH
# title: not at the top
"""


def read(text: str) -> ReferenceList:
    """Return a list of this text."""
    return parse_list("tor", text, "tor.txt")


def test_entries_are_sorted_by_what_they_are() -> None:
    """Addresses, numbers and names of one file; ranges that meet are one, mapped IPv4 is IPv4."""
    found = read(TOR.replace("# Valid until", "# Note: valid until"))
    networks = ["192.0.2.0/24", "198.51.100.7/32", "203.0.113.9/32", "2001:db8::/32"]
    assert tuple(map(ip_network, networks)) == found.networks
    assert (64500, 64501) == found.numbers
    assert ("Example Hosting GmbH",) == found.names
    assert "Exit nodes of Tor" == found.title


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.0", True),
        ("192.0.2.255", True),
        ("::ffff:192.0.2.255", True),
        ("192.0.3.0", False),
        ("192.0.1.255", False),
        ("198.51.100.7", True),
        ("198.51.100.8", False),
        ("2001:db8:ffff::1", True),
        ("2001:db9::", False),
        ("0.0.0.0", False),  # noqa: S104
        ("no address", False),
    ],
)
def test_an_address_is_on_a_list_by_its_range(address: str, *, expected: bool) -> None:
    """Both families, the ends of a range, and what is beside it."""
    text = "2001:db8::/32\n192.0.2.0/24\n198.51.100.7\n"
    assert expected is read(text).has_address(address)


def test_a_day_of_validity_is_good_until_it_is_over() -> None:
    """A list of the 31st is out of date on the 1st, not before."""
    found = read("# valid until: 2026-12-31\nAS1")
    assert datetime(2027, 1, 1, tzinfo=UTC) == found.expires
    assert found.is_valid(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert not found.is_valid(datetime(2027, 1, 1, tzinfo=UTC))
    at = read("# valid until: 2026-12-31T12:00:00+02:00\nAS1").expires
    assert datetime(2026, 12, 31, 10, tzinfo=UTC) == at


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# a list\n10.1.2.3/8", "tor.txt:2: 10.1.2.3/8 has host bits set; write such as"),
        ("192.0.2.300", "tor.txt:1: '192.0.2.300' does not appear to be"),
        ("192.0.2.0/33", "tor.txt:1: '192.0.2.0/33' does not appear to be"),
        ("2001:db8:::1", "tor.txt:1: '2001:db8:::1' does not appear to be"),
        ("fe80::1%eth0", "tor.txt:1: 'fe80::1%eth0' has a zone"),
        ("AS4294967296", "tor.txt:1: 4294967296 is not the number of an autonomous system"),
        ("x" * 257, "tor.txt:1: a name has at most 256 characters"),
        ("a\u202eb", "tor.txt:1: 'a\\u202eb' has characters that can't be seen"),
        ("# valid until: soon\nAS1", "tor.txt:1: 'soon' is not a day such as 2026-12-31"),
        ("# valid until: 2026-12-31T12:00\nAS1", "nor a time with its zone"),
        ("# nothing\n\n", "tor.txt: holds no entry"),
    ],
)
def test_a_bad_line_is_named(text: str, said: str) -> None:
    """What looks like an address is not taken for a name, and a cut file is not an empty list."""
    with pytest.raises(ListError) as refused:
        read(text)
    assert said in str(refused.value)


def test_entries_are_bounded() -> None:
    """A file of too many is refused before it fills the memory."""
    with pytest.raises(ListError, match="more than 200,000 entries"):
        read("AS1\n" * (LIST_ENTRIES_MAX + 1))


def test_one_bad_file_leaves_the_others(tmp_path: Path) -> None:
    """Each file for itself; what is no list is not read."""
    (tmp_path / "tor.txt").write_text("192.0.2.1")
    (tmp_path / "cut.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "bad.txt").write_text("192.0.2.1/8")
    (tmp_path / "Own Offices.txt").write_text("192.0.2.1")
    (tmp_path / "README.md").write_text("10.0.0.0/8")
    (tmp_path / "..data.txt").mkdir()  # as a mounted ConfigMap has it
    found = ListFolder(tmp_path).current()
    assert ["tor"] == list(found.lists)
    assert {"cut", "bad", "Own Offices.txt"} == set(found.problems)
    with pytest.raises(ListError, match="is not UTF-8 text"):
        found.find("cut", NOW)


def test_a_list_that_is_missing_or_out_of_date_says_so(tmp_path: Path) -> None:
    """In one sentence, with what to do."""
    (tmp_path / "vpn.txt").write_text("# valid until: 2026-11-26\nAS64500")
    found = ListFolder(tmp_path).current()
    with pytest.raises(
        ListError, match=r"put tor.txt into the folder of AUDITLOG_LISTS; there are vpn"
    ):
        found.find("tor", NOW)
    with pytest.raises(ListError, match="'vpn' was valid until 2026-11-27 00:00 UTC"):
        found.find("vpn", NOW)
    assert (64500,) == found.find("vpn", NOW - timedelta(days=1)).numbers


def test_lists_are_read_again_when_they_change(tmp_path: Path) -> None:
    """A new file, a changed one, one that broke and was fixed, one that went; nothing else is read."""
    folder = ListFolder(tmp_path)
    assert {} == folder.current().lists
    file = tmp_path / "tor.txt"
    file.write_text("192.0.2.1")
    first = folder.current().lists["tor"]
    assert folder.current().lists["tor"] is first
    file.write_text("192.0.2.0/8")
    assert {"tor"} == set(folder.current().problems)
    file.write_text("192.0.2.2")
    os.utime(file, ns=(1, 1))
    second = folder.current()
    assert second.lists["tor"].has_address("192.0.2.2")
    assert second.lists["tor"].digest != first.digest
    assert {} == second.problems
    file.unlink()
    assert {} == folder.current().lists


def test_a_folder_that_is_missing_is_a_problem_and_no_stop(tmp_path: Path) -> None:
    """None named is none missing."""
    assert {} == ListFolder(None).current().problems
    (said,) = ListFolder(tmp_path / "gone").current().problems.values()
    assert "can't be read: No such file or directory; set AUDITLOG_LISTS" in said


def test_the_file_of_denied_ranges_is_the_list_of_that_name(tmp_path: Path) -> None:
    """Wherever it is; it stands above a list of the folder."""
    (tmp_path / "denied.txt").write_text("192.0.2.1")
    named = tmp_path / "ranges"
    named.write_text("192.0.2.2")
    assert ListFolder(tmp_path).current().lists[DENIED_LIST].has_address("192.0.2.1")
    assert ListFolder(tmp_path, named).current().lists[DENIED_LIST].has_address("192.0.2.2")
    assert ListFolder(None, named).current().lists[DENIED_LIST].has_address("192.0.2.2")
