"""The keys of a log: made once, whenever whoever makes them is killed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit_seal import SealError, keys
from audit_seal.keys import KeyFolder, create_keys, has_log
from audit_seal.policy import Policy

ORIGIN = "test.example/cluster"


class KilledError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("writes", range(5))
def test_keys_are_all_there_or_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Killed before any of its writes, `seal run --init` makes the log at the next start."""
    left = [writes]

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if not left[0]:
                raise KilledError
            left[0] -= 1
            return write(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in ("output_file", "write_durably"):
            patch.setattr(keys, name, counted(getattr(keys, name)))
        try:
            create_keys(tmp_path, ORIGIN)
        except KilledError:
            assert writes < 4
    if has_log(tmp_path):
        with pytest.raises(SealError, match="has a sealed log already"):
            create_keys(tmp_path, ORIGIN)
    else:
        create_keys(tmp_path, ORIGIN)
    folder = KeyFolder(tmp_path)
    log_key, period_key = folder.log_key().verifier, folder.period_key(1).verifier
    assert (log_key,) == Policy.parse((tmp_path / "policy").read_text()).logs
    assert f"{period_key}\n" == (tmp_path / "period-1.pub").read_text()
