"""The folder of a deployment's lists, read again when its files change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock

from audit_runtime.file_state import FileState
from audit_runtime.reference_list import LIST_NAME, ListError, ReferenceList, parse_list

__all__ = ["DENIED_LIST", "ListFolder", "ReferenceLists"]

DENIED_LIST = "denied"
"""The list of ranges that nobody may log in from."""

_FILES_MAX = 100
_BYTES_MAX = 16 * 1024 * 1024
_SUFFIX = ".txt"


@dataclass(frozen=True)
class ReferenceLists:
    """The lists that can be used, by name, and a sentence for each that can't."""

    lists: Mapping[str, ReferenceList] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    """By the list's name, or the file's where that is no name of a list."""

    def find(self, name: str, at: datetime) -> ReferenceList:
        """Return a list that is valid at a time. Raises ListError, which says why there is none."""
        found = self.lists.get(name)
        if found is None:
            raise ListError(self.problems.get(name) or self._missing(name))
        if not found.is_valid(at):
            raise ListError(
                f"the list {name!r} was valid until {found.expires:%Y-%m-%d %H:%M} UTC; bring it up to "
                "date"
            )
        return found

    def _missing(self, name: str) -> str:
        known = f"; there are {', '.join(sorted(self.lists))}" if self.lists else ""
        return (
            f"there is no list {name!r}; put {name}{_SUFFIX} into the folder of AUDITLOG_LISTS{known}"
        )


class ListFolder:
    """Reads lists from a folder; safe to use from several threads.

    `denied` is a file that is the list of that name, wherever it is.
    """

    def __init__(self, folder: Path | None, denied: Path | None = None) -> None:
        self._folder = folder
        self._denied = denied
        self._lock = Lock()
        self._read: dict[str, tuple[FileState | None, ReferenceList | str]] = {}

    def current(self) -> ReferenceLists:
        """Return the lists as they are now; reads only files that changed. Never raises for a file.

        Blocks for as long as that takes: a `stat` a file where none did.
        """
        with self._lock:
            problems: dict[str, str] = {}
            files = dict(self._files(problems))
            read = {name: self._file(name, file) for name, file in files.items()}
            self._read = read
            lists: dict[str, ReferenceList] = {}
            for name, (_, found) in read.items():
                if isinstance(found, ReferenceList):
                    lists[name] = found
                else:
                    problems[name] = found
            return ReferenceLists(lists, problems)

    def _files(self, problems: dict[str, str]) -> Iterator[tuple[str, Path]]:
        if self._denied is not None:
            yield DENIED_LIST, self._denied
        if self._folder is None:
            return
        try:
            files = sorted(each for each in self._folder.iterdir() if _is_list(each))
        except OSError as error:
            problems[""] = f"{self._folder}: can't be read: {error.strerror}; set AUDITLOG_LISTS"
            return
        for count, file in enumerate(files):
            if count >= _FILES_MAX:
                problems[""] = f"{self._folder}: has more than {_FILES_MAX} lists; {file} is left out"
                return
            if LIST_NAME.fullmatch(file.stem) is None:
                problems[file.name] = f"{file}: name it in lowercase letters, digits, - and _"
            elif file.stem != DENIED_LIST or self._denied is None:
                yield file.stem, file

    def _file(self, name: str, file: Path) -> tuple[FileState | None, ReferenceList | str]:
        """Return a file's list, or why there is none."""
        try:
            state = FileState.of(file)
            known = self._read.get(name)
            if known is not None and known[0] == state:
                return known
            if state.size > _BYTES_MAX:
                return state, f"{file}: is larger than {_BYTES_MAX // 1024**2} MiB"
            return state, parse_list(name, file.read_text("utf-8-sig"), str(file))
        except ListError as error:
            return state, str(error)
        except OSError as error:
            return None, f"{file}: can't be read: {error.strerror}"
        except UnicodeDecodeError:
            return state, f"{file}: is not UTF-8 text"


def _is_list(file: Path) -> bool:
    return file.suffix == _SUFFIX and not file.name.startswith(".")
