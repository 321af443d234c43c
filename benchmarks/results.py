"""The results as JSON: a section a part of the bench, each with the machine it was measured on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.children import ROOT
from benchmarks.errors import BenchError

__all__ = ["FOLDER", "FULL_EVENTS", "FULL_ROUNDS", "Results"]

FOLDER = ROOT / "benchmarks" / "results"

FULL_EVENTS, FULL_ROUNDS = 1_000_000, 3
"""What a figure has to rest on to be published; smaller runs are kept apart, as quick ones."""


class Results:
    """A folder's `latest.json` or `quick.json`, and the picture beside it."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.is_quick = quick
        self._path = folder / ("quick.json" if quick else "latest.json")
        self.picture = folder / ("quick.svg" if quick else "speed.svg")

    def sections(self) -> dict[str, Any]:
        """Return what was measured so far; nothing, if there is no file. Raises BenchError."""
        if not self._path.exists():
            return {}
        try:
            found: dict[str, Any] = json.loads(self._path.read_text())
        except ValueError as error:
            raise BenchError(f"{self._path.name} is damaged; delete it and measure again") from error
        return found

    def put(self, name: str, machine: Mapping[str, Any], section: Mapping[str, Any]) -> None:
        """Write a section in the place of an older one; the others stay."""
        sections = self.sections() | {name: {"machine": dict(machine), **_rounded(section)}}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(sections, indent=1) + "\n")
        fresh.replace(self._path)


def _rounded(value: Any) -> Any:
    """Return the same with four significant digits: more would be noise, and large diffs."""
    if isinstance(value, float):
        return float(f"{value:.4g}") if abs(value) < 1000 else round(value)  # noqa: PLR2004
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
