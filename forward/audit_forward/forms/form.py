"""A form: how the log's documents are written for a receiver."""

from collections.abc import Callable, Mapping
from importlib.metadata import version as distribution_version
from typing import Any, Protocol

from audit_forward.forms.auditlog_form import AuditlogForm
from audit_forward.forms.cef_form import CefForm
from audit_forward.forms.ecs_form import EcsForm
from audit_forward.forms.ocsf_form import OCSF_VERSION, OcsfForm

__all__ = ["FORMS", "Form", "FormError", "form"]


class FormError(Exception):
    """There is no such form, or not in that version; the message says which there are."""


class Form(Protocol):
    """Writes documents for a receiver. Every stored document has an answer; nothing is refused.

    What is answered is new, or shares parts with the document: change neither. What the log has masked
    stays masked.
    """

    @property
    def name(self) -> str:
        """auditlog, ecs, ocsf or cef."""
        ...

    def event(self, document: Mapping[str, Any]) -> dict[str, Any] | str:
        """Return an event's stored document (`_source`) in this form: JSON, or one line of text."""
        ...

    def alert(self, document: Mapping[str, Any]) -> dict[str, Any] | str:
        """Return an alert's stored document in this form."""
        ...


FORMS: Mapping[str, Callable[[str], Form]] = {
    "auditlog": lambda _: AuditlogForm(),
    "ecs": lambda _: EcsForm(),
    "ocsf": OcsfForm,
    "cef": CefForm,
}
"""Each form by its name, made for a version of this product."""

_VERSIONS: Mapping[str, str] = {"ocsf": OCSF_VERSION}


def form(name: str, *, version: str | None = None) -> Form:
    """Return a form by its name. `version` is that of the form's schema, None: the one that there is.

    Raises FormError if there is no such form, or not in that version.
    """
    if name not in FORMS:
        raise FormError(f"{name!r} is not a form; use one of {', '.join(FORMS)}")
    known = _VERSIONS.get(name)
    if version is not None and known is None:
        raise FormError(f"the form {name} has no versions; leave the version out")
    if version not in (None, known):
        raise FormError(f"{name} {version} is not supported; use {known}, or leave the version out")
    return FORMS[name](distribution_version("chat-auditlog"))
