"""A private certificate authority, and the certificates that it signs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from audit_secrets.errors import SecretsError
from audit_secrets.folder import Folder

__all__ = ["AUTHORITY_DAYS", "SERVER_DAYS", "Authority", "expiry_warnings"]

AUTHORITY_DAYS = 3650
SERVER_DAYS = 825
"""The longest validity that browsers and operating systems accept from a private authority."""
_SOON = timedelta(days=60)
_NAME = "auditlog authority"
_CLOCKS_DIFFER = timedelta(hours=1)


class Authority:
    """Keeps `ca.crt` and `ca.key`, `NAME.crt` and `NAME.key` in a folder. Raises SecretsError."""

    def __init__(self, folder: Folder, now: datetime, *, renews: bool = False) -> None:
        """Read the authority, or create one; with `renews`, also where a renewal was cut short."""
        self._folder = folder
        self._now = now
        if folder.has("ca.crt") and not folder.has("ca.key"):
            raise SecretsError(
                f"{folder.path}: ca.key is missing, and nothing can be signed without it. Restore it, "
                "or remove ca.crt too, run this with --renew, and restart every service"
            )
        self._begin()
        if renews and not self._is_pair():
            self._folder.write("ca.crt", self._self_signed())
        self._read()

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, which is public."""
        return self._certificate.public_bytes(Encoding.PEM)

    def ensure(self, name: str) -> None:
        """Create a server's certificate and key, if one is missing."""
        if not (self._folder.has(f"{name}.crt") and self._folder.has(f"{name}.key")):
            self.issue(name)
        certificate = _certificate_of(self._folder, f"{name}.crt")
        if _key_of(self._folder, f"{name}.key").public_key() != certificate.public_key():
            raise SecretsError(
                f"{name}.key is not the key of {name}.crt: reissue all certificates with --renew"
            )
        if not self._has_signed(certificate):
            raise SecretsError(
                f"{name}.crt is not signed by ca.crt: reissue all certificates with --renew"
            )

    def issue(self, name: str) -> None:
        """Issue a new certificate and key for a server."""
        self._folder.write(f"{name}.key", _new_key())
        key = _key_of(self._folder, f"{name}.key")
        builder = _builder(self._now, SERVER_DAYS, name, self._certificate.subject, key)
        names = x509.SubjectAlternativeName(
            [x509.DNSName(name), x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
        )
        certificate = (
            builder.add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(self._issuer(), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self._folder.write(f"{name}.crt", certificate.public_bytes(Encoding.PEM))

    def renew(self) -> None:
        """Replace the authority if it would expire before the certificates that it signs."""
        if self._certificate.not_valid_after_utc - self._now < timedelta(days=SERVER_DAYS):
            self._folder.write("ca.key", _new_key())
            self._folder.write("ca.crt", self._self_signed())
            self._read()

    def _begin(self) -> None:
        """Create what is missing: another certificate of the same key is just as good."""
        self._folder.read_or_create("ca.key", _new_key)
        self._folder.read_or_create("ca.crt", self._self_signed)

    def _self_signed(self) -> bytes:
        key = _key_of(self._folder, "ca.key")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
        certificate = (
            _builder(self._now, AUTHORITY_DAYS, _NAME, subject, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM)

    def _read(self) -> None:
        self._certificate = _certificate_of(self._folder, "ca.crt")
        self._key = _key_of(self._folder, "ca.key")
        if not self._is_pair():
            raise SecretsError(
                f"{self._folder.path}: ca.key is not the key of ca.crt. Restore it, or run this with "
                "--renew, and restart every service"
            )

    def _is_pair(self) -> bool:
        key = _key_of(self._folder, "ca.key")
        return key.public_key() == _certificate_of(self._folder, "ca.crt").public_key()

    def _has_signed(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def _issuer(self) -> x509.AuthorityKeyIdentifier:
        identifier = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def expiry_warnings(folder: Folder, names: Iterator[str], now: datetime) -> Iterator[str]:
    """Yield a warning for each certificate that expires soon, or has expired."""
    for name in names:
        end = _certificate_of(folder, f"{name}.crt").not_valid_after_utc
        if end - now < _SOON:
            verb = "expired" if end <= now else "expires"
            yield (
                f"{name}.crt {verb} on {end:%Y-%m-%d}: reissue all certificates with --renew, and "
                "restart every service"
            )


def _certificate_of(folder: Folder, name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(folder.read(name))
    except ValueError:
        raise SecretsError(f"{folder.path / name} is not a PEM certificate") from None


def _key_of(folder: Folder, name: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(folder.read(name), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SecretsError(f"{folder.path / name} is not a PEM private key on an elliptic curve")
    return key


def _builder(
    now: datetime, days: int, name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    begin = now.astimezone(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _CLOCKS_DIFFER)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
