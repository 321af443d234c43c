"""All secrets of a deployment: created once, and distributed to the services that need them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from audit_secrets.authority import SERVER_DAYS, Authority, expiry_warnings
from audit_secrets.folder import Folder
from audit_secrets.logins import (
    curl_config,
    kafka_client,
    kafka_logins,
    kibana_config,
    new_password,
    new_witness_key,
    user_hashes,
    user_roles,
    witness_verifier,
)
from audit_secrets.roster import ELASTICSEARCH_USERS, KAFKA_USERS, SERVED, SERVICES, Service

__all__ = ["Secrets"]

_KIBANA_KEYS = ("encryptedSavedObjects", "reporting", "security")
_KAFKA_AUTHORITY = "/etc/kafka/secrets/ca.crt"
_TOKENS = Service("tokens", uid=next(one.uid for one in SERVICES if one.name == "page"))


class Secrets:
    """A folder with all of them, and in it a folder for each service. Raises SecretsError.

    Existing secrets are never replaced, so this can run before each start. The folders of services are
    derived from the files above them: remove a password there, and the next run creates another one
    and distributes it.
    """

    def __init__(
        self,
        folder: Path,
        announce: Callable[[str], object],
        *,
        owners: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """With `owners`, a service's files are owned by the account of its image."""
        self._vault = Folder(folder, announce)
        self._announce = announce
        self._owners = owners
        self._now = clock()

    def create(self, *, renew: bool = False) -> None:
        """Create what is missing; with `renew`, reissue every certificate. One process at a time."""
        with self._vault.locked():
            self._create(renew=renew)

    def _create(self, *, renew: bool) -> None:
        authority = Authority(self._vault, self._now, renews=renew)
        if renew:
            authority.renew()
        for name in SERVED:
            authority.issue(name) if renew else authority.ensure(name)
        for service in SERVICES:
            self._share(service, authority)
        self._share_kafka()
        self._share_elasticsearch()
        self._share_kibana()
        self._share_witness()
        self._first_token()

    def warnings(self) -> Iterator[str]:
        """Yield a warning for each certificate that expires soon."""
        return expiry_warnings(self._vault, chain(["ca"], SERVED), self._now)

    def _share(self, service: Service, authority: Authority) -> None:
        """Give a service the authority's certificate, its own one, and the passwords of its users."""
        folder = self._folder(service.name)
        folder.update("ca.crt", authority.certificate)
        if service.name in SERVED:
            folder.update("tls.crt", self._vault.read(f"{service.name}.crt"))
            folder.update("tls.key", self._vault.read(f"{service.name}.key"))
        if service.kafka is not None:
            folder.update("kafka.password", self._password("kafka", service.kafka))
        if service.elasticsearch is not None:
            password = self._password("elasticsearch", service.elasticsearch)
            folder.update("elasticsearch.password", password)

    def _share_kafka(self) -> None:
        folder = self._folder("kafka")
        passwords = {user: self._password("kafka", user) for user in KAFKA_USERS}
        folder.update("keystore.pem", self._vault.read("kafka.key") + self._vault.read("kafka.crt"))
        folder.update("logins.jaas", kafka_logins(passwords, "audit-broker"))
        health = kafka_client("audit-health", passwords["audit-health"], _KAFKA_AUTHORITY)
        folder.update("health.properties", health)
        admin = kafka_client("audit-admin", passwords["audit-admin"], _KAFKA_AUTHORITY)
        self._folder("quotas").update("client.properties", admin)

    def _share_elasticsearch(self) -> None:
        folder = self._folder("elasticsearch")
        passwords = {user: self._password("elasticsearch", user) for user in ELASTICSEARCH_USERS}
        held = folder.read("users") if folder.has("users") else b""
        folder.update("users", user_hashes(passwords, held))
        folder.update("users_roles", user_roles(ELASTICSEARCH_USERS))
        folder.update("health.curl", curl_config("audit-health", passwords["audit-health"]))

    def _share_kibana(self) -> None:
        keys = {
            name: self._vault.read_or_create(f"kibana.{name}.key", new_password)
            for name in _KIBANA_KEYS
        }
        password = self._password("elasticsearch", "audit-kibana")
        self._folder("kibana").update("kibana.yml", kibana_config("audit-kibana", password, keys))

    def _share_witness(self) -> None:
        """Give the witness its key, and the sealer the public one."""
        made = self._vault.read_or_create("witness.key", new_witness_key)
        self._folder("witness").update("witness.key", made)
        self._folder("sealer").update("witness.pub", witness_verifier(made))

    def _first_token(self) -> None:
        """Create the page's token file with one token; after that, its contents are the operator's."""
        folder = self._folder(_TOKENS.name)
        if not folder.has("tokens.json"):
            from audit_server import TokenFile  # noqa: PLC0415 - slow to import, and needed once

            # In the vault at first: in its service's folder, the path could become a link.
            with TemporaryDirectory(dir=self._vault.path) as scratch:
                path = Path(scratch, "tokens.json")
                end = self._now + timedelta(days=SERVER_DAYS)
                token = TokenFile(path, clock=lambda: self._now).create("analyst", expires=end)
                # The token first: no later run could tell what is in the file.
                self._vault.write("analyst.token", token.encode())
                folder.write("tokens.json", path.read_bytes())
        folder.change_owner("tokens.json")
        folder.change_owner()

    def _password(self, server: str, user: str) -> bytes:
        return self._vault.read_or_create(f"{server}.{user}.password", new_password)

    def _folder(self, service: str) -> Folder:
        uid = {one.name: one.uid for one in (*SERVICES, _TOKENS)}[service]
        return Folder(self._vault.path / service, self._announce, uid=uid if self._owners else None)
