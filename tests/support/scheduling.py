"""Which worker of pytest-xdist runs what, and in which order.

A file is run by one worker, and so is a folder whose tests break the servers that they share. What
takes longest begins first, so that the workers end together.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler", "unit_of"]

_TOGETHER = ("tests/faults/broken_servers/",)
_LONGEST = (
    "tests/clusters/",
    "tests/faults/broken_servers/",
    "tests/faults/",
    "tests/handbook/",
    "tests/local/",
    "tests/security/",
    "tests/alerts/",
    "tests/server/page/",
    "tests/admin/",
    "tests/consumer/",
)


def unit_of(nodeid: str) -> str:
    """Return the file of a test, or the folder that has to be run by one worker."""
    path = nodeid.partition("::")[0]
    return next((folder for folder in _TOGETHER if path.startswith(folder)), path)


def _rank(item: pytest.Item) -> int:
    return next((n for n, path in enumerate(_LONGEST) if item.nodeid.startswith(path)), len(_LONGEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first."""
    items.sort(key=_rank)


class _Scheduler(LoadScopeScheduling):  # type: ignore[misc]  # its base has no types
    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Return one that gives out whole units, in the order of collection; None: xdist's own."""
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return _Scheduler(config, log)
