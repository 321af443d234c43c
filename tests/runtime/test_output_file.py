"""Files that appear whole or not at all."""

import os
import stat
from pathlib import Path

import pytest
from audit_runtime import output_file
from support.full_disk import full_after


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


def test_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    """Until then what was there stays, and can be read."""
    path = tmp_path / "log.csv"
    path.write_text("before")
    with output_file(path) as out:
        out.write(b"after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert names(tmp_path) == ["log.csv"]


def test_what_is_not_whole_leaves_nothing(tmp_path: Path) -> None:
    """Whatever ends it."""
    path = tmp_path / "log.csv"
    with pytest.raises(ZeroDivisionError), output_file(path) as out:
        out.write(b"half" * (1 // 0))
    assert names(tmp_path) == []


@pytest.mark.parametrize("size", [5_000, 100_000])
def test_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    """Also if it shows at the end only, when the last bytes leave the buffer."""
    path = tmp_path / "log.csv"
    with full_after(1000), pytest.raises(OSError, match=str(path)), output_file(path) as out:
        out.write(b"x" * size)
    assert names(tmp_path) == []


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_file_is_its_owner_s_alone_unless_told(tmp_path: Path, *, private: bool, mode: int) -> None:
    """What is exported of the log is as sensitive as the log, also where a public file was."""
    path = tmp_path / "log.csv"
    path.write_text("public")
    path.chmod(0o644)
    before = os.umask(0o022)
    try:
        with output_file(path, private=private):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("exists", [True, False])
def test_link_is_not_followed(tmp_path: Path, *, exists: bool) -> None:
    """Whoever may write in the folder does not choose what root writes over."""
    target, path = tmp_path / "precious", tmp_path / "log.csv"
    if exists:
        target.write_text("precious")
    path.symlink_to(target)
    with pytest.raises(FileExistsError, match="is a link"), output_file(path):
        pass
    assert (target.read_text() if exists else not target.exists()) in ("precious", True)


def test_link_in_place_of_the_part_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even by whoever guesses its name."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / ".auditlog-guessed.part").symlink_to(target)
    with pytest.raises(FileExistsError), output_file(tmp_path / "log.csv"):
        pass
    assert target.read_text() == "precious"


def test_device_is_written_to_and_stays() -> None:
    """Or root would put a file in the place of /dev/null."""
    with output_file(Path("/dev/null")) as out:
        out.write(b"x")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(OSError, match="/dev/full"), output_file(Path("/dev/full")) as out:
        out.write(b"x")
