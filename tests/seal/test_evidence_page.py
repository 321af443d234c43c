"""The program that docs/evidence.md prints: it accepts what is proven, and nothing else."""

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from audit_seal import COSIGNATURE, Kind, SigningKey
from audit_seal.bundle import prove
from handbook.block import blocks_of
from seal.test_bundle import FIRST, PLACE, TIME_MS, VALUES, source
from support.sealed_bundles import SealedLog, mutations, write_bundle
from support.sealing import SealedLogMaker
from support.servers import ROOT

PAGE = ROOT / "docs" / "evidence.md"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Copy the program from the page, as a reader does."""
    (printed,) = [block.text for block in blocks_of(PAGE) if block.language == "python"]
    path = tmp_path / "check.py"
    path.write_text(printed)
    return path


class Reader:
    """Somebody who copied the program, and runs it on what they are given."""

    def __init__(self, program: Path, output: pytest.CaptureFixture[str]) -> None:
        self._folder = program.parent
        self._program = compile(program.read_text(), str(program), "exec")
        self._output = output

    def check(self, policy: str, bundle: Mapping[str, bytes]) -> str:
        """Return what the program says; of a refusal, what it exits with."""
        paths = self._folder / "policy.txt", self._folder / "evidence.zip"
        paths[0].write_text(policy)
        write_bundle(paths[1], bundle)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["check.py", *map(str, paths)])
            try:
                exec(self._program, {})  # noqa: S102 - of our own page
            except SystemExit as end:
                return str(end.code)
            return self._output.readouterr().out


@pytest.fixture
def reader(program: Path, capsys: pytest.CaptureFixture[str]) -> Reader:
    """Give a reader of the page."""
    return Reader(program, capsys)


def test_the_program_is_short_and_stands_alone(program: Path) -> None:
    """Sixty lines, Python and cryptography: what an auditor can read before they trust it."""
    text = program.read_text()
    assert len(text.splitlines()) <= 60
    nodes = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    used = {name.split(".")[0] for name in names}
    assert {"cryptography"} == used - sys.stdlib_module_names


def test_the_printed_program_accepts_what_is_proven(
    program: Path, sealed_log: SealedLog, tmp_path: Path
) -> None:
    """With the command of the page, and the output that the page shows."""
    (tmp_path / "policy.txt").write_text(sealed_log.policy)
    write_bundle(tmp_path / "evidence.zip", sealed_log.bundle(57))
    (command,) = [block.text for block in blocks_of(PAGE) if block.text.startswith("python3 check.py")]
    (printed,) = [block.text for block in blocks_of(PAGE) if block.text.startswith("PROVEN")]
    done = subprocess.run(
        [sys.executable, "-I", *command.split()[1:]],
        cwd=program.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (0, "", printed) == (done.returncode, done.stderr, done.stdout)


def test_events_of_all_blocks_are_accepted(reader: Reader, sealed_log: SealedLog) -> None:
    """At their own offsets."""
    for offset in sealed_log.offsets[::23]:
        found = reader.check(sealed_log.policy, sealed_log.bundle(offset))
        assert f"partition 0, offset {offset};" in found


def test_what_seal_prove_gives_is_accepted(reader: Reader, tmp_path: Path) -> None:
    """The evidence of documents as the consumer makes them, in a log without a witness."""
    maker = SealedLogMaker(tmp_path)
    maker.seal(PLACE, FIRST, [(Kind.RECORD, TIME_MS, value) for value in VALUES])
    maker.checkpoint()
    policy = f"log {maker.log_key.verifier}\nquorum none\n"
    for offset, value in enumerate(VALUES, FIRST):
        bundle = prove(maker.folder, source(value, offset)).files()
        assert f"partition 3, offset {offset};" in reader.check(policy, bundle)


def test_every_kind_of_mutation_is_refused(reader: Reader, sealed_log: SealedLog) -> None:
    """Each with a reason, and never with half a success."""
    bundles = dict(mutations(sealed_log))
    assert len(bundles) >= 20
    for what, bundle in bundles.items():
        assert reader.check(sealed_log.policy, bundle).startswith("NOT PROVEN: "), what


def test_the_policy_decides_whose_signatures_are_needed(reader: Reader, sealed_log: SealedLog) -> None:
    """Groups, as in C2SP tlog-policy; and a policy that demands nothing of anybody is none."""
    bundle = sealed_log.bundle(0)
    log, witness, _ = sealed_log.policy.splitlines()
    absent = SigningKey.generate("absent.example/witness", COSIGNATURE).verifier

    def found(*lines: str) -> str:
        policy = "\n".join([log, witness, f"witness absent {absent}", *lines])
        return reader.check(policy, bundle).split(" ")[0]

    assert found("group g any auditor absent", "quorum g") == "PROVEN:"
    assert found("# a comment", "group g 1 auditor absent", "", "quorum g") == "PROVEN:"
    assert found("group g all auditor absent", "quorum g") == "NOT"
    assert found("quorum absent") == "NOT"
    assert found("quorum none") == "PROVEN:"
    assert found() == "NOT"
    assert found("quorum none", "quorum absent") == "NOT"
    assert reader.check("quorum none", bundle).startswith("NOT PROVEN: ")
