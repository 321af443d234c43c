"""What the sealed log says of an event, and how far it goes."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from audit_seal import (
    Bundle,
    PlaceIndex,
    ProofError,
    SealError,
    Sealing,
    SealSettings,
    SealState,
    prove,
    seal_state,
    sealing_of,
)
from fastapi import Request

from audit_server.errors import ProblemError

__all__ = ["SealedEvent", "Seals", "seals_of", "seals_of_environment"]

_WAIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event's evidence, and the checkpoint that covered it first."""

    bundle: Bundle
    sealing: Sealing


class Seals:
    """Reads a sealed log, which another process writes. For threads. Raises SealError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._places: PlaceIndex | None = None

    def state(self) -> SealState | None:
        """Return how far the log is sealed; None before its first checkpoint."""
        return seal_state(self._folder)

    def sealed(self, event: Mapping[str, Any]) -> SealedEvent:
        """Return the evidence of a stored event. Raises ProofError where it has none.

        Waits for two seconds at most for others who ask: the first one reads the whole log.
        """
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            raise SealError("Its index is being made, which takes minutes for a large log")
        try:
            return self._sealed(event)
        finally:
            self._lock.release()

    def _sealed(self, event: Mapping[str, Any]) -> SealedEvent:
        if self._places is None:
            self._places = PlaceIndex(self._folder)
        try:
            bundle = prove(self._folder, event, self._places)
        except ProofError:
            raise
        except SealError:
            self._places.close()  # if it is damaged, it is made again once its file is removed
            self._places = None
            raise
        return SealedEvent(bundle, sealing_of(self._folder, bundle.proof))

    def evidence(self, event: Mapping[str, Any]) -> bytes:
        """Return a stored event's evidence, an archive. Raises ProblemError (404, 503)."""
        try:
            return self.sealed(event).bundle.zip()
        except ProofError as error:
            raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None
        except SealError as error:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The sealed log can't be read at the moment",
                reason=str(error),
            ) from None


def seals_of_environment() -> Seals | None:
    """Return the log that the environment names; None where it names none."""
    folder = SealSettings().seal_folder
    return Seals(folder) if folder is not None else None


def seals_of(request: Request) -> Seals | None:
    """Return what reads the sealed log; None where the server has none."""
    seals: Seals | None = request.app.state.seals
    return seals
