"""A time-stamping authority for tests: OpenSSL's, behind HTTP on the loopback address."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["StampAuthorityFiles", "openssl", "serving"]

_CONFIGURATION = """
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.13762.3
digests = sha256
ess_cert_id_alg = sha256
"""


def openssl(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run OpenSSL."""
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


@dataclass(frozen=True)
class StampAuthorityFiles:
    """A folder with a root, and with the certificate below it that signs time stamps."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> "StampAuthorityFiles":
        """Make keys and certificates."""
        folder.mkdir()
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _certificate(f"{name} Root", f"{name} Root", root_key, root_key)
        own = _certificate(name, f"{name} Root", key, root_key)
        for file, certificate in (("root.pem", root), ("tsa.pem", own)):
            (folder / file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "tsa.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(_CONFIGURATION.format(folder=folder))
        return cls(folder)

    @property
    def root(self) -> Path:
        """Return the file of the root certificate."""
        return self.folder / "root.pem"

    def reply(self, query: bytes) -> bytes:
        """Return the answer to a query."""
        files = self.folder / "query.tsq", self.folder / "reply.tsr"
        files[0].write_bytes(query)
        made = openssl(
            *("ts", "-reply", "-config", self.folder / "openssl.cnf", "-queryfile", files[0]),
            *("-signer", self.folder / "tsa.pem", "-inkey", self.folder / "tsa.key", "-out", files[1]),
        )
        assert made.returncode == 0, made.stderr
        return files[1].read_bytes()


class _Server(ThreadingHTTPServer):
    authority: StampAuthorityFiles

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        query = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.authority.reply(query)
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(authority: StampAuthorityFiles, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run it; give its address."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.authority = authority
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()


def _certificate(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    is_root = key is issuer_key
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
    )
    if not is_root:
        use = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(use, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
