"""The fenced blocks of all documents: what a reader would type or paste."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.servers import ROOT

__all__ = ["DOCUMENTS", "Block", "blocks_of", "name_of"]

DOCUMENTS: tuple[Path, ...] = (
    *(ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(path for part in ("deploy", "benchmarks", "tests") for path in (ROOT / part).rglob("*.md")),
)

_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<excuse>[^\n]*) -->\n\n?)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the reason given before it if it is not run."""

    language: str
    text: str
    excuse: str | None

    def commands(self) -> Iterator[str]:
        """Yield each command, with its continued lines or its here-document, without comments."""
        lines = iter(self.text.splitlines())
        for line in lines:
            command = line
            while command.endswith("\\"):
                command += "\n" + next(lines)
            if here := re.search(r"<<'(\w+)'$", command):
                for more in lines:
                    command += "\n" + more
                    if more == here[1]:
                        break
            elif "\n" not in command:
                command = re.sub(r"(^|\s+)#.*$", "", command)
            if command.strip():
                yield command


def blocks_of(document: Path) -> list[Block]:
    """Return a document's blocks in their order."""
    return [
        Block(found["language"], found["text"], found["excuse"])
        for found in _FENCE.finditer(document.read_text())
    ]


def name_of(document: Path) -> str:
    """Return a document's path relative to the project's root."""
    return document.relative_to(ROOT).as_posix()
