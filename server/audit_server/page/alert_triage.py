"""What a posted form does to alerts, and what came of it in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from audit_alerts import CloseReason, Step, Triaged, TriageError, TriageStep

from audit_server.access import Caller
from audit_server.errors import ProblemError
from audit_server.page.alert_rows import Pick, picked
from audit_server.page.alert_view import alert_path
from audit_server.page.forms import Form

__all__ = ["Failure", "Outcome", "taken", "triage_all", "triage_one"]

_DONE = {
    Step.ACKNOWLEDGE: "acknowledged",
    Step.ASSIGN: "assigned",
    Step.CLOSE: "closed",
    Step.REOPEN: "reopened",
    Step.NOTE: "noted",
}
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Failure:
    """An alert for which a step was not taken, and why."""

    title: str
    link: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many alerts a step was taken on, and for which not; `unrecorded`: without their event."""

    step: Step
    count: int = 0
    failed: Sequence[Failure] = ()
    unrecorded: int = 0

    @property
    def done(self) -> str:
        """What was done, as a sentence; nothing for nothing."""
        if not self.count:
            return ""
        said = f"{self.count} alert{'' if self.count == 1 else 's'} {_DONE[self.step]}."
        if self.unrecorded:
            said += f" {self.unrecorded} of these steps could not be published as events."
        return said

    def told_in(self, address: str) -> str:
        """Return an address that tells it: as a step and numbers, so that no link can say more."""
        told = f"did={self.step.value}.{self.count}.{self.unrecorded}"
        return f"{address}{'&' if urlsplit(address).query else '?'}{told}"


def taken(text: str) -> Outcome | None:
    """Read what `told_in` wrote; None for anything else."""
    step, *numbers = text.split(".")
    if step not in set(Step) or len(numbers) != 2 or not all(map(_is_number, numbers)):  # noqa: PLR2004
        return None
    count, unrecorded = map(int, numbers)
    return Outcome(Step(step), count, unrecorded=unrecorded)


def triage_one(caller: Caller, alert_id: str, form: Form) -> Outcome:
    """Take the step of a form on an alert. Raises ProblemError (400) for what is no form of ours."""
    step = _step(form)
    pick = picked(form.value("pick"))
    if pick is None or pick.alert != alert_id:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The form names another alert; reload the page")
    try:
        result = caller.alerts.triage(alert_id, _steps(step, form, pick), caller.actor)
    except TriageError as error:
        return Outcome(step, failed=[Failure("", "", str(error))])
    return Outcome(step, 1, unrecorded=int(not result.is_recorded))


def triage_all(caller: Caller, form: Form) -> Outcome:
    """Take the step of a form on all alerts that it names. Raises ProblemError as `triage_one`."""
    step = _step(form)
    picks = [pick for value in form.values("pick") if (pick := picked(value)) is not None]
    if not picks:
        return Outcome(step, failed=[Failure("", "", "No alert is chosen: tick some first")])
    try:
        steps = {pick.alert: _steps(step, form, pick) for pick in picks}
        results = caller.alerts.triage_all(steps, caller.actor)
    except TriageError as error:
        return Outcome(step, failed=[Failure("", "", str(error))])
    done = [result for result in results if result.error is None]
    failed = [_failure(caller, result) for result in results if result.error is not None]
    unrecorded = sum(not result.is_recorded for result in done)
    return Outcome(step, len(done), failed, unrecorded)


def _step(form: Form) -> Step:
    try:
        return Step(form.value("do"))
    except ValueError:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"do must be one of {', '.join(Step)}", parameter="do"
        ) from None


def _steps(step: Step, form: Form, pick: Pick) -> TriageStep:
    """Return the step with what belongs to it. Raises TriageError."""
    reason = _reason(form.value("reason")) if step is Step.CLOSE else None
    is_duplicate = reason is CloseReason.DUPLICATE
    return TriageStep(
        step,
        note=form.value("note") or None,
        assignee=form.value("assignee") or None if step is Step.ASSIGN else None,
        reason=reason,
        duplicate_of=form.value("duplicate_of") or None if is_duplicate else None,
        version=pick.version,
    )


def _reason(text: str) -> CloseReason | None:
    try:
        return CloseReason(text) if text else None
    except ValueError:
        raise TriageError(f"a reason must be one of {', '.join(CloseReason)}") from None


def _failure(caller: Caller, result: Triaged) -> Failure:
    try:
        title = caller.alerts.alert(result.id).title
    except TriageError:
        title = result.id[:128]
    return Failure(title, alert_path(result.id), str(result.error))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:6]) <= _MOST and len(text) < 6  # noqa: PLR2004
