"""Modules of libraries that hardly a command uses, imported when something in them is first used.

A library imports all that it has: Elasticsearch's client its asynchronous twin and fifty groups of
APIs, its transport each HTTP client that is installed. That was a third of a command's start. So the
command's own process finds stand-ins for these modules, whose names are placeholders: what is made
of one imports the real module when it is first used. From Python 3.15 on, PEP 810 does as much.

A library also imports what it could do without, if it is installed: that is not found by it.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import Any

__all__ = ["defer_modules"]

_DEFERRED = {
    "elastic_transport._async_transport",
    "elastic_transport._node._http_aiohttp",
    "elastic_transport._node._http_httpx",
    "elastic_transport._node._http_requests",
    "elasticsearch._async.client",
    "rich.markdown",
    "rich.traceback",
}
_APIS = "elasticsearch._sync.client."
_SHARED = {f"{_APIS}_base", f"{_APIS}utils"}
"""What all of Elasticsearch's groups of APIs are made from."""
_OPTIONAL = {
    "elasticsearch.serializer": "pyarrow",
    "rich.pretty": "attr",
    "structlog.dev": "rich.console",
    "structlog.tracebacks": "rich.pretty",
}
"""A module -> what it tries to import, and has no use for here. Who else imports that finds it."""


def defer_modules() -> None:
    """Defer the import of these modules, where they are not imported yet."""
    sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder, Loader):
    """Finds stand-ins, but for modules that are wanted by now."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._optional: set[str] = set()
        """What the next to seek it does not find: the module that could do without it comes first."""
        self._lock = RLock()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        del path, target
        if fullname in self._optional:
            self._optional.remove(fullname)
            raise ModuleNotFoundError(f"{fullname} is left out", name=fullname)
        if fullname in _OPTIONAL:
            self._optional.add(_OPTIONAL[fullname])
        deferred = fullname in _DEFERRED or (fullname.startswith(_APIS) and fullname not in _SHARED)
        return ModuleSpec(fullname, self) if deferred and fullname not in self._wanted else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, self)

    def exec_module(self, module: ModuleType) -> None:
        pass

    def real(self, module: str, name: str) -> Any:
        """Import the module, and return what it has by this name."""
        with self._lock:
            if module not in self._wanted:
                self._wanted.add(module)
                del sys.modules[module]
        return getattr(import_module(module), name)


class _StandIn(ModuleType):
    def __init__(self, name: str, finder: _Finder) -> None:
        super().__init__(name)
        self._finder = finder

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        finder, module = self._finder, self.__name__

        class Placeholder:
            """Makes the real object when it is first used."""

            def __init__(self, *positional: Any, **named: Any) -> None:
                self._given = positional, named

            def __getattr__(self, attribute: str) -> Any:
                if "_real" not in self.__dict__:
                    positional, named = self._given
                    self._real = finder.real(module, name)(*positional, **named)
                return getattr(self._real, attribute)

        return Placeholder
