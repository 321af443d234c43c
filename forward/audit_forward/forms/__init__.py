"""What one document of the log becomes for a receiver: our own form, ECS, OCSF or CEF. Pure."""

from audit_forward.forms.form import FORMS, Form, FormError, form

__all__ = ["FORMS", "Form", "FormError", "form"]
