"""How what we post to others is signed."""

import hashlib
import hmac
import time

__all__ = ["SIGNATURE", "TIMESTAMP", "signed_headers"]

SIGNATURE = "X-Auditlog-Signature"
"""`v1=` and the HMAC-SHA256, in hex, of the timestamp, a full stop and the body."""
TIMESTAMP = "X-Auditlog-Timestamp"
"""Seconds since 1970, when this try was made: what is old is somebody's replay."""


def signed_headers(body: bytes, secret: bytes | None) -> dict[str, str]:
    """Return the headers of a body that is posted now; without a secret it is not signed."""
    stamp = str(int(time.time()))
    if secret is None:
        return {TIMESTAMP: stamp}
    digest = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {TIMESTAMP: stamp, SIGNATURE: f"v1={digest}"}
