"""The log's folder, read while a sealer writes it."""

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest
from audit_seal.log_folder import LogReader, LogWriter


def test_partial_files_may_go_while_they_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sealer removes them once the full one is there, which is read then."""
    writer = LogWriter(tmp_path)
    writer.append(b"first")
    writer.sync()
    for number in range(255):
        writer.append(b"%d" % number)  # the full bundle is there, and its parts still are
    list_folder = Path.iterdir

    def remove_before(folder: Path) -> Iterator[Path]:
        rmtree(folder)
        return list_folder(folder)

    monkeypatch.setattr(Path, "iterdir", remove_before)
    assert LogReader(tmp_path).entry(0).entry == b"first"
