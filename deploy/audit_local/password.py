"""The password of the embedded Elasticsearch: random, in a file that only its owner reads.

Elasticsearch answers whatever a Host header says, so without a password a web page whose name
suddenly means 127.0.0.1 (DNS rebinding) could read the log; and so could anyone on this machine.
"""

import hashlib
import os
import secrets
from base64 import b64encode
from pathlib import Path

__all__ = ["USER", "new_password", "password_file", "realm_files", "realm_settings"]

USER = "auditlog"
_ROUNDS = 10_000


def password_file(home: Path) -> Path:
    """Return where the password is, in the server's folder, once it was made."""
    return home / "password"


def new_password(home: Path) -> str:
    """Return the password, which is made the first time."""
    path = password_file(home)
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return path.read_text()
    password = secrets.token_urlsafe(32)
    with os.fdopen(number, "w") as file:
        file.write(password)
    return password


def realm_settings() -> dict[str, str]:
    """Return the lines of elasticsearch.yml that let in by password alone."""
    return {
        "xpack.security.enabled": "true",
        "xpack.security.autoconfiguration.enabled": "false",
        "xpack.security.authc.realms.file.file1.order": "0",
    }


def realm_files(password: str) -> dict[str, str]:
    """Return the files of the realm, by name; the password is in them as its hash."""
    salt = os.urandom(32)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 32)
    salted, hashed = (b64encode(part).decode() for part in (salt, digest))
    return {
        "users": f"{USER}:{{PBKDF2}}{_ROUNDS}${salted}${hashed}\n",
        "users_roles": f"superuser:{USER}\n",
    }
