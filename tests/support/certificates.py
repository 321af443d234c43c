"""A certificate for the loopback address, made anew for each run: no key lies in the repository."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import trustme

__all__ = ["Certificate", "loopback_certificate"]


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files: the certificate, its key, and the authority that signed it."""

    cert: str
    key: str
    authority: str


@cache
def loopback_certificate() -> Certificate:
    """Return a certificate for 127.0.0.1 and localhost; its files go with the process."""
    folder = Path(tempfile.mkdtemp(prefix="auditlog-test-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    made = Certificate(*(str(folder / name) for name in ("cert.pem", "key.pem", "authority.pem")))
    issued.cert_chain_pems[0].write_to_path(made.cert)
    issued.private_key_pem.write_to_path(made.key)
    authority.cert_pem.write_to_path(made.authority)
    return made
