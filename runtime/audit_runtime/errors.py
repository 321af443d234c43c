"""What is wrong with the settings of a process, and what keeps a check from being made.

::

    ConfigurationError
    ├── CredentialsError  credentials can't be read, or would cross a network in plain text
    └── MonitorError      metrics and health can't be served
    UncheckedError        what was to be checked could not be
"""

__all__ = ["ConfigurationError", "CredentialsError", "MonitorError", "UncheckedError"]


class ConfigurationError(Exception):
    """Base of all that `audit_runtime` raises; the message says which setting to change."""


class CredentialsError(ConfigurationError):
    """Credentials would cross a network in plain text, or can't be read from their file."""


class MonitorError(ConfigurationError):
    """Metrics and health can't be served where the settings say."""


class UncheckedError(Exception):
    """A check could not be made, because of its `__cause__`: the exit status is 2.

    Of a command whose status 1 means that something was found.
    """
