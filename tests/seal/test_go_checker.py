"""Bundles before a program that shares no code with ours: Go's own notes, trees and proofs."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from audit_seal import SigningKey
from support.go_module import go_program
from support.sealed_bundles import SealedLog, mutations, write_bundle

CHECKER = Path(__file__).parent / "go" / "checker"


def answers(
    policy: str, log_key: SigningKey, bundles: Mapping[str, Mapping[str, bytes]], folder: Path
) -> dict[str, str]:
    """Return what the program says of each bundle; the folder is for files."""
    given = folder / "policy.txt"
    given.write_text(policy)
    paths = [folder / f"{number}.zip" for number in range(len(bundles))]
    for path, bundle in zip(paths, bundles.values(), strict=True):
        write_bundle(path, bundle)
    done = subprocess.run(
        [go_program(CHECKER), given, str(log_key.verifier)],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return dict(zip(bundles, done.stdout.splitlines(), strict=True))


def test_go_accepts_a_thousand_bundles(sealed_log: SealedLog, tmp_path: Path) -> None:
    """Every event of the log, and it finds out by itself which offset each one has."""
    bundles = {
        f"accepted audit.events topic-1 0 {offset}": sealed_log.bundle(offset)
        for offset in sealed_log.offsets
    }
    found = answers(sealed_log.policy, sealed_log.log_key, bundles, tmp_path)
    assert len(found) == 1_000
    assert list(found) == list(found.values())


def test_go_refuses_every_kind_of_mutation(sealed_log: SealedLog, tmp_path: Path) -> None:
    """Of the event, its block, the proof, the checkpoint and the signatures."""
    bundles = dict(mutations(sealed_log.samples))
    assert len(bundles) >= 20
    found = answers(sealed_log.policy, sealed_log.log_key, bundles, tmp_path)
    assert [] == [what for what, answer in found.items() if not answer.startswith("refused ")]
