"""`python -m audit_cli.healthy`: is what runs in this container ready? For its health check.

The standard library alone, since it is asked every few seconds, and the whole command takes a
second to load. What runs here, the variables say that it was started with: AUDITLOG_METRICS_PORT,
else AUDITLOG_SERVE_PORT. A container with neither does a job and ends; there is nothing to ask.
"""

import os
import ssl
import sys
import urllib.request

__all__ = ["is_ready"]

_SECONDS = 5.0


def is_ready() -> bool:
    """Ask `/readyz` on the loopback address."""
    asked = _address()
    if asked is None:
        return True
    url, certificate = asked
    try:
        # A proxy of the environment is for others: it would ask its own loopback address.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_trusting(certificate))
        )
        with opener.open(url, timeout=_SECONDS):
            return True
    except OSError:
        return False


def _address() -> tuple[str, str | None] | None:
    port = os.environ.get("AUDITLOG_METRICS_PORT")
    if port:
        return f"http://127.0.0.1:{port}/readyz", None
    port = os.environ.get("AUDITLOG_SERVE_PORT")
    certificate = os.environ.get("AUDITLOG_SERVE_CERT_FILE")
    if port:
        return f"{'https' if certificate else 'http'}://127.0.0.1:{port}/readyz", certificate
    return None


def _trusting(certificate: str | None) -> ssl.SSLContext | None:
    """Trust our own certificate and no other; it need not name the loopback address."""
    if certificate is None:
        return None
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


if __name__ == "__main__":
    sys.exit(0 if is_ready() else 1)
