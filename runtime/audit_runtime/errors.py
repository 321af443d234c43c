"""What is wrong with the settings of a process.

::

    ConfigurationError
    ├── CredentialsError  credentials can't be read, or would cross a network in plain text
    └── MonitorError      metrics and health can't be served
"""

__all__ = ["ConfigurationError", "CredentialsError", "MonitorError"]


class ConfigurationError(Exception):
    """Base of all that `audit_runtime` raises; the message says which setting to change."""


class CredentialsError(ConfigurationError):
    """Credentials would cross a network in plain text, or can't be read from their file."""


class MonitorError(ConfigurationError):
    """Metrics and health can't be served where the settings say."""
