"""Passwords and keys, in the formats that each server reads."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from audit_seal import COSIGNATURE, FormatError, SigningKey

from audit_secrets.errors import SecretsError

__all__ = [
    "curl_config",
    "kafka_client",
    "kafka_logins",
    "kibana_config",
    "new_password",
    "new_witness_key",
    "user_hashes",
    "user_roles",
    "witness_verifier",
]

_WITNESS = "auditlog.local/witness"

_ROUNDS = 10_000
"""Elasticsearch's default for PBKDF2; the passwords are random, so more would not help."""
_BYTES = 32
_SASL = "org.apache.kafka.common.security.plain.PlainLoginModule required"


def new_password() -> bytes:
    """Return 256 random bits as letters, digits, - and _, which need no quoting anywhere."""
    return secrets.token_urlsafe(_BYTES).encode()


def new_witness_key() -> bytes:
    """Return a key that cosigns checkpoints."""
    return f"{SigningKey.generate(_WITNESS, COSIGNATURE).encode()}\n".encode()


def witness_verifier(key: bytes) -> bytes:
    """Return the public key of a witness's key. Raises SecretsError."""
    try:
        return f"{SigningKey.parse(key.decode('ascii').strip()).verifier}\n".encode()
    except (FormatError, UnicodeDecodeError):
        raise SecretsError("witness.key is not the key of a witness: restore it") from None


def user_hashes(passwords: Mapping[str, bytes], existing: bytes) -> bytes:
    """Return Elasticsearch's file `users`; an existing hash that still fits is kept."""
    known = dict(line.split(b":", 1) for line in existing.splitlines() if b":" in line)
    lines = []
    for user, password in passwords.items():
        line = known.get(user.encode(), b"")
        lines.append(user.encode() + b":" + (line if _matches(password, line) else _hashed(password)))
    return b"\n".join(lines) + b"\n"


def user_roles(users: Mapping[str, Sequence[str]]) -> bytes:
    """Return Elasticsearch's file `users_roles`: the users of each role."""
    of_role: dict[str, list[str]] = {}
    for user, roles in users.items():
        for role in roles:
            of_role.setdefault(role, []).append(user)
    return "".join(f"{role}:{','.join(names)}\n" for role, names in sorted(of_role.items())).encode()


def kafka_logins(passwords: Mapping[str, bytes], broker: str) -> bytes:
    """Return the broker's JAAS file: its own login, and the passwords of all users."""
    users = "".join(f'\n  user_{user}="{word.decode()}"' for user, word in passwords.items())
    own = f'\n  username="{broker}"\n  password="{passwords[broker].decode()}"'
    return f"KafkaServer {{\n  {_SASL}{own}{users};\n}};\n".encode()


def kafka_client(user: str, password: bytes, authority: str) -> bytes:
    """Return the configuration of a client of Kafka's own tools."""
    return (
        "security.protocol=SASL_SSL\n"
        "sasl.mechanism=PLAIN\n"
        f'sasl.jaas.config={_SASL} username="{user}" password="{password.decode()}";\n'
        "ssl.truststore.type=PEM\n"
        f"ssl.truststore.location={authority}\n"
    ).encode()


def curl_config(user: str, password: bytes) -> bytes:
    """Return curl's configuration with a user, so that no command line shows the password."""
    return f'user = "{user}:{password.decode()}"\n'.encode()


def kibana_config(user: str, password: bytes, keys: Mapping[str, bytes]) -> bytes:
    """Return the secret part of kibana.yml; the rest is in its environment."""
    lines = [f'elasticsearch.username: "{user}"', f'elasticsearch.password: "{password.decode()}"']
    lines += [f'xpack.{name}.encryptionKey: "{key.decode()}"' for name, key in keys.items()]
    return ("\n".join(lines) + "\n").encode()


def _hashed(password: bytes, salt: bytes | None = None) -> bytes:
    salt = salt or secrets.token_bytes(_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password, salt, _ROUNDS, _BYTES)
    parts = (base64.b64encode(part) for part in (salt, digest))
    return b"{PBKDF2}%d$" % _ROUNDS + b"$".join(parts)


def _matches(password: bytes, existing: bytes) -> bool:
    try:
        salt = base64.b64decode(existing.split(b"$")[1])
    except (IndexError, ValueError):
        return False
    return bool(salt) and hmac.compare_digest(_hashed(password, salt), existing)
