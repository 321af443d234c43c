"""Time stamps of RFC 3161: an authority's word that a signed checkpoint existed at a time. Pure.

What is stamped is the checkpoint as it is stored, with all its signatures: the file that
`openssl ts -verify -data` takes. A stamp counts for ever if its authority's certificate was valid then.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import SealError, StampError
from audit_seal.note import Note

__all__ = ["MAX_STAMP_BYTES", "Roots", "TimeStamp", "read_roots", "stamp_request"]

MAX_STAMP_BYTES = 64 * 1024
"""An authority's answer with its chain of certificates has about 6 KiB."""

_NOT_TRUSTED = re.compile('Verify error: ([^"]+)')

Roots = Sequence[x509.Certificate]


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A checkpoint, and the authority's answer, which has not been verified."""

    note: Note
    response: bytes

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what the note says. Raises FormatError."""
        return Checkpoint.parse(self.note.text)

    @property
    def time(self) -> datetime:
        """Return the time that the answer claims. Raises StampError if it has none."""
        try:
            return self._decoded().tst_info.gen_time.astimezone(UTC)
        except ValueError:
            raise StampError("There is no time stamp in the authority's answer") from None

    @property
    def authority(self) -> str:
        """Return the name in the certificate that signed; empty if the answer has none."""
        with suppress(ValueError):
            signed = self._decoded().signed_data
            signers = {(each.issuer, each.serial_number) for each in signed.signer_infos}
            for certificate in map(x509.load_der_x509_certificate, signed.certificates):
                if (certificate.issuer, certificate.serial_number) in signers:
                    return certificate.subject.rfc4514_string()
        return ""

    def verify(self, roots: Roots, nonce: int | None = None) -> None:
        """Raise StampError unless an authority below one of these certificates has stamped the note."""
        found = self._decoded()
        if found.status != PKIStatus.GRANTED:
            why = "; ".join(found.status_string) or f"status {found.status}"
            raise StampError(f"The authority refuses: {why}")
        verifier = VerifierBuilder(roots=list(roots), nonce=nonce).build()
        try:
            verifier.verify_message(found, str(self.note).encode())
        except VerificationError as error:
            raise StampError(_reason(str(error))) from None
        except Exception:  # noqa: BLE001 - whatever the libraries make of forged certificates
            raise StampError("The authority's answer is malformed") from None

    def _decoded(self) -> TimeStampResponse:
        if len(self.response) > MAX_STAMP_BYTES:
            raise StampError(f"The authority's answer has more than {MAX_STAMP_BYTES} bytes")
        try:
            return decode_timestamp_response(self.response)
        except ValueError:
            raise StampError("The authority's answer is not one of RFC 3161") from None


def stamp_request(note: Note) -> TimeStampRequest:
    """Return what to ask an authority: for a SHA-256, with a nonce, and with its certificates."""
    return TimestampRequestBuilder(str(note).encode(), HashAlgorithm.SHA256).build()


def read_roots(path: Path) -> Roots:
    """Return the certificates in a PEM file. Raises SealError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise SealError(f"{path} can't be read: {error.strerror}") from None
    except ValueError:
        raise SealError(f"{path} has no certificates in PEM form") from None


def _reason(detail: str) -> str:
    """Say in plain words what the library says of OpenSSL's errors."""
    if "Mismatch between messages" in detail:
        return "The time stamp is of something else"
    if refused := _NOT_TRUSTED.search(detail):
        return f"The time stamp is not of an authority whose certificates were given ({refused[1]})"
    if "Nonce" in detail:
        return "The time stamp is an answer to another request"
    return f"The time stamp is not validly signed: {detail.split(': ErrorStack', maxsplit=1)[0]}"
