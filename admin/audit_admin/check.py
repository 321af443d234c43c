"""The result of one of the doctor's checks."""

from dataclasses import dataclass

__all__ = ["Check"]


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `fix` says what to do if it failed."""

    subject: str
    ok: bool
    message: str
    fix: str = ""
