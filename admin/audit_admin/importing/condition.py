"""Conditions on a row: `when = { type = "login", status = ["fail", "denied"] }`. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from audit_admin.importing.row_path import RowPath, text_of

__all__ = ["ALWAYS", "Condition", "Selection", "Test"]

Test = Callable[[Mapping[str, Any]], bool]
"""Tells whether something holds for a row."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds if each path has one of its texts; True asks for any value, False for none."""

    tests: tuple[tuple[RowPath, frozenset[str] | bool], ...]

    def compiled(self) -> Test:
        """Return the function that tells whether it holds."""
        tests = [_test(path, wanted) for path, wanted in self.tests]
        return reduce(_both, tests) if tests else lambda _: True


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows for which one condition holds and another does not."""

    when: Condition | None = None
    unless: Condition | None = None

    def compiled(self) -> Test | None:
        """Return the function that tells whether a row is one of them; None: every row is."""
        when = self.when.compiled() if self.when is not None else None
        unless = self.unless.compiled() if self.unless is not None else None
        if unless is None:
            return when
        others: Test = lambda row: not unless(row)  # noqa: E731 - as the other tests
        return others if when is None else _both(when, others)

    def paths(self) -> list[RowPath]:
        """Return what is asked about."""
        return [path for one in (self.when, self.unless) if one is not None for path, _ in one.tests]


ALWAYS = Selection()
"""Takes every row."""


def _both(first: Test, second: Test) -> Test:
    return lambda row: first(row) and second(row)


def _test(path: RowPath, wanted: frozenset[str] | bool) -> Test:  # noqa: FBT001 - as a mapping has it
    of = path.of
    if isinstance(wanted, bool):
        return lambda row: (text_of(of(row)) is not None) == wanted
    return lambda row: text_of(of(row)) in wanted
