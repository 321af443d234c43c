"""`auditlog secrets`: made once, for the eyes of those who need them, in forms that servers read."""

import os
import re
import ssl
import stat
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from audit_secrets import SERVICES, Secrets, SecretsError
from audit_secrets.authority import AUTHORITY_DAYS, SERVER_DAYS
from audit_secrets.folder import Folder
from audit_secrets.logins import user_hashes
from audit_server.tokens import TokenFile
from cryptography import x509
from support.in_process import auditlog_in_process

NOW = datetime.now(UTC).replace(microsecond=0)

OF_ELASTICSEARCH = (
    b"{PBKDF2}10000$pMTFL8LBS9rg0uec22mvy5vFti/s4Xj3ZkHWakCS4N0="
    b"$Xr2IwmVhV6Lb2wfdDYLwJRyUHu3k6dk/IaxihZME7n8="
)
"""Written by the `elasticsearch-users` of 9.5.3, for the password correct-horse."""


def made(folder: Path, *, now: datetime = NOW, renew: bool = False) -> list[str]:
    """Make what is missing in the folder, and return the names of what was written."""
    written: list[str] = []
    Secrets(folder, written.append, clock=lambda: now).create(renew=renew)
    return [str(Path(path).relative_to(folder)) for path in written]


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def certificate(path: Path) -> x509.Certificate:
    """Read a certificate."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def shakes_hands(folder: Path, server: str, name: str) -> bool:
    """Let a client that trusts ca.crt alone ask a server for a name."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(folder / server / "tls.crt", folder / server / "tls.key")
    ours = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_end = theirs.wrap_bio(to_server, to_client, server_side=True)
    client_end = ours.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for end in (client_end, server_end):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return client_end.getpeercert() is not None


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    """It runs before each start, and a password that changed would lock everybody out."""
    assert made(tmp_path)
    before = contents(tmp_path)
    assert made(tmp_path, now=NOW + timedelta(days=30)) == []
    assert before == contents(tmp_path)


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    """Files are their owner's alone, and so are the folders."""
    made(tmp_path / "secrets")
    for path in [tmp_path / "secrets", *(tmp_path / "secrets").rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert wanted == stat.S_IMODE(path.stat().st_mode), path


def test_no_two_secrets_are_alike(tmp_path: Path) -> None:
    """Who learns one password has learnt one; each has 256 bits."""
    made(tmp_path)
    found = [path.read_bytes() for path in tmp_path.glob("*.password")]
    assert len(found) == len(set(found)) > 10
    assert all(len(one) == 43 for one in found)


def test_a_service_knows_only_its_own_passwords(tmp_path: Path) -> None:
    """Kafka checks passwords itself, so it knows those of its users; Elasticsearch has only hashes."""
    made(tmp_path)
    own = {one.name: {f"kafka.{one.kafka}", f"elasticsearch.{one.elasticsearch}"} for one in SERVICES}
    own["kibana"].add("elasticsearch.audit-kibana")
    own["elasticsearch"].add("elasticsearch.audit-health")
    for path in tmp_path.glob("*.password"):
        name = path.name.removesuffix(".password")
        for service in SERVICES:
            holds = any(path.read_bytes() in one for one in contents(tmp_path / service.name).values())
            wanted = name in own[service.name] or (service.name, name[:6]) == ("kafka", "kafka.")
            assert wanted == holds, (name, service.name)


def test_no_service_gets_the_authoritys_key(tmp_path: Path) -> None:
    """It would let a service be any other one."""
    made(tmp_path)
    key = (tmp_path / "ca.key").read_bytes()
    assert [name for name, held in contents(tmp_path).items() if key in held] == ["ca.key"]


@pytest.mark.parametrize("server", ["kafka", "elasticsearch", "kibana", "page"])
def test_a_server_is_believed_under_its_own_names(tmp_path: Path, server: str) -> None:
    """In the network of the containers by the service's name, on the host by the loopback address."""
    made(tmp_path)
    for name in (server, "localhost", "127.0.0.1"):
        assert shakes_hands(tmp_path, server, name)
    assert not shakes_hands(tmp_path, server, "evil.example")


def test_certificates_pass_openssl(tmp_path: Path) -> None:
    """By the strict rules: purpose, key usage, identifiers."""
    made(tmp_path)
    subprocess.run(
        [
            "openssl",
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-CAfile",
            "ca.crt",
            "kafka.crt",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )


def test_kafkas_keystore_is_key_and_certificate(tmp_path: Path) -> None:
    """One PEM file, as ssl.keystore.type=PEM wants it."""
    made(tmp_path)
    held = (tmp_path / "kafka" / "keystore.pem").read_text()
    assert re.findall("BEGIN ([A-Z ]+)-", held) == ["PRIVATE KEY", "CERTIFICATE"]


def test_a_hash_of_elasticsearchs_own_is_kept() -> None:
    """So ours has its form; and another password, or none, gets another hash."""
    held = b"golden:" + OF_ELASTICSEARCH + b"\n"
    assert held == user_hashes({"golden": b"correct-horse"}, held)
    assert held != user_hashes({"golden": b"battery-staple"}, held)
    assert user_hashes({"golden": b"x"}, b"golden:{PBKDF2}nonsense\n\nmore").startswith(
        b"golden:{PBKDF2}10"
    )


def test_roles_of_users_exist(tmp_path: Path) -> None:
    """Elasticsearch passes over a role that it does not know, and the user could do nothing."""
    made(tmp_path)
    roles = yaml.safe_load((Path(__file__).parents[2] / "deploy/elasticsearch/roles.yml").read_text())
    lines = (tmp_path / "elasticsearch" / "users_roles").read_text().splitlines()
    given = {line.split(":")[0] for line in lines}
    assert given == {*roles, "kibana_admin", "kibana_system"}


def test_kibanas_configuration_is_whole(tmp_path: Path) -> None:
    """Without keys of its own Kibana makes others at each start, and its rules cannot run."""
    made(tmp_path)
    config = yaml.safe_load((tmp_path / "kibana" / "kibana.yml").read_text())
    assert config["elasticsearch.username"] == "audit-kibana"
    keys = [value for name, value in config.items() if name.endswith(".encryptionKey")]
    assert len(set(keys)) == 3
    assert all(len(key) >= 32 for key in keys)


def test_first_token_lets_an_analyst_in(tmp_path: Path) -> None:
    """The page has its hash; the token is in a file that no service has."""
    made(tmp_path)
    token = (tmp_path / "analyst.token").read_text()
    check = TokenFile(tmp_path / "tokens" / "tokens.json").check(token)
    assert check.token is not None
    assert check.token.name == "analyst"
    assert token not in (tmp_path / "tokens" / "tokens.json").read_text()


def test_first_token_is_known_however_a_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill, or on a full disk, before the file of either."""
    write = Folder.write
    for left_out in ("tokens.json", "analyst.token"):

        def cut_short(folder: Folder, name: str, content: bytes, left_out: str = left_out) -> None:
            if name == left_out:
                raise SecretsError("No space left on device")
            write(folder, name, content)

        with monkeypatch.context() as patch:
            patch.setattr(Folder, "write", cut_short)
            with pytest.raises(SecretsError, match="No space"):
                made(tmp_path)
    made(tmp_path)
    token = (tmp_path / "analyst.token").read_text()
    assert TokenFile(tmp_path / "tokens" / "tokens.json").check(token).token is not None


def test_tokens_that_people_changed_stay(tmp_path: Path) -> None:
    """Also where the first one was taken away."""
    made(tmp_path)
    tokens = TokenFile(tmp_path / "tokens" / "tokens.json")
    tokens.revoke("analyst")
    (tmp_path / "analyst.token").unlink()
    assert made(tmp_path) == []
    assert tokens.tokens() == ()


def test_a_password_that_was_removed_is_made_anew_and_told_to_all(tmp_path: Path) -> None:
    """So a password is changed: remove it, run this again, restart."""
    made(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "elasticsearch.audit-writer.password").unlink()
    (tmp_path / "kafka.audit-consumer.password").unlink()
    assert set(made(tmp_path)) == {
        "elasticsearch.audit-writer.password",
        "kafka.audit-consumer.password",
        "consumer/elasticsearch.password",
        "consumer/kafka.password",
        "kafka/logins.jaas",
        "elasticsearch/users",
    }
    hashes = [set(held["elasticsearch/users"].splitlines()) for held in (before, contents(tmp_path))]
    assert len(hashes[0] - hashes[1]) == 1  # the others' hashes stay


def test_certificates_are_told_before_they_end(tmp_path: Path) -> None:
    """Two months before, and after it."""
    made(tmp_path)

    def warnings(days: int) -> list[str]:
        now = NOW + timedelta(days=days)
        return list(Secrets(tmp_path, print, clock=lambda: now).warnings())

    assert warnings(SERVER_DAYS - 61) == []
    assert len(warnings(SERVER_DAYS - 59)) == 4
    end = f"{NOW + timedelta(days=SERVER_DAYS):%Y-%m-%d}"
    assert (
        f"kafka.crt expired on {end}: reissue all certificates with --renew"
        in warnings(SERVER_DAYS + 1)[0]
    )


def test_renewal_keeps_the_authority_while_it_lasts(tmp_path: Path) -> None:
    """Clients that trust it need not be told; passwords stay in any case."""
    made(tmp_path)
    before, later = contents(tmp_path), NOW + timedelta(days=700)
    written = made(tmp_path, now=later, renew=True)
    assert {"kafka.crt", "kafka/keystore.pem", "page/tls.key"} <= set(written)
    assert not {name for name in written if name.startswith("ca.") or name.endswith("password")}
    assert later + timedelta(days=SERVER_DAYS) == certificate(tmp_path / "page.crt").not_valid_after_utc
    assert before["ca.crt"] == (tmp_path / "ca.crt").read_bytes()


def test_renewal_makes_an_authority_anew_that_would_end_first(tmp_path: Path) -> None:
    """A certificate is worth nothing after the end of what signed it."""
    made(tmp_path)
    later = NOW + timedelta(days=AUTHORITY_DAYS - SERVER_DAYS + 1)
    written = made(tmp_path, now=later, renew=True)
    assert {"ca.crt", "ca.key", "consumer/ca.crt"} <= set(written)
    subprocess.run(
        ["openssl", "verify", "-no_check_time", "-CAfile", "ca.crt", "kafka.crt"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )


def test_an_authority_that_lost_its_certificate_gets_one_of_the_same_key(tmp_path: Path) -> None:
    """As after a kill between the two files; what it signed before still holds."""
    made(tmp_path)
    (tmp_path / "ca.crt").unlink()
    assert "ca.crt" in made(tmp_path)
    assert shakes_hands(tmp_path, "kafka", "kafka")


def test_renewal_that_was_cut_short_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill, or on a full disk, between the authority's key and its certificate."""
    made(tmp_path)
    later = NOW + timedelta(days=AUTHORITY_DAYS - SERVER_DAYS + 1)
    write = Folder.write

    def cut_short(folder: Folder, name: str, content: bytes) -> None:
        if name == "ca.crt":
            raise SecretsError("No space left on device")
        write(folder, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", cut_short)
        with pytest.raises(SecretsError, match="No space"):
            made(tmp_path, now=later, renew=True)
    with pytest.raises(SecretsError, match=r"ca\.key is not the key of ca\.crt\. Restore it, or run"):
        made(tmp_path, now=later)
    made(tmp_path, now=later, renew=True)
    assert not made(tmp_path, now=later)
    assert (
        later + timedelta(days=AUTHORITY_DAYS) == certificate(tmp_path / "ca.crt").not_valid_after_utc
    )


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("rm ca.key", "ca.key is missing, and nothing can be signed without it"),
        ("cp kafka.key ca.key", "ca.key is not the key of ca.crt"),
        ("echo x > ca.crt", "ca.crt is not a PEM certificate"),
        ("echo x > ca.key", "ca.key is not a PEM private key"),
        (
            "cp page.key kafka.key",
            "kafka.key is not the key of kafka.crt: reissue all certificates with --renew",
        ),
        (
            "rm ca.*; touch again",
            "kafka.crt is not signed by ca.crt: reissue all certificates with --renew",
        ),
    ],
)
def test_what_does_not_fit_is_told_and_left_alone(tmp_path: Path, damage: str, says: str) -> None:
    """A sentence, and nothing overwritten that somebody may want back."""
    made(tmp_path)
    subprocess.run(["sh", "-c", damage], cwd=tmp_path, check=True)
    before = contents(tmp_path)
    with pytest.raises(SecretsError, match=re.escape(says)):
        made(tmp_path)
    after = contents(tmp_path)
    assert before == {name: after[name] for name in before}


def test_two_at_a_time_end_well(tmp_path: Path) -> None:
    """Each file is there whole or not at all."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made(tmp_path)
        except SecretsError as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert made(tmp_path) == []


def test_the_command_prints_names_and_no_secret(tmp_path: Path) -> None:
    """What a container prints is kept in its log."""
    done = auditlog_in_process("secrets", str(tmp_path / "s"))
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path}/s/kafka/logins.jaas" in done.stdout.splitlines()
    secret = [held.decode().strip() for name, held in contents(tmp_path / "s").items() if "." in name]
    assert not [one for one in secret if one in done.stdout + done.stderr]
    assert auditlog_in_process("secrets", str(tmp_path / "s")).stdout == ""


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    """No traceback."""
    (tmp_path / "file").touch()
    done = auditlog_in_process("secrets", str(tmp_path / "file" / "s"))
    assert done.returncode == 1
    assert done.stderr == f"auditlog: {tmp_path}/file/s: Not a directory\n"


def test_owners_are_the_accounts_of_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service reads its own files, and can't write any; the tokens are the page's to write."""
    given: dict[str, int] = {}

    def note(path: int, uid: int, _: int) -> None:
        name = str(Path(f"/proc/self/fd/{path}").readlink())
        given[re.sub(r"/\.(.+)\.[^.]+$", r"/\1", name.removeprefix(f"{tmp_path}/"))] = uid

    monkeypatch.setattr(os, "fchown", note)
    Secrets(tmp_path, lambda _: None, owners=True, clock=lambda: NOW).create()
    assert (
        given["kafka/logins.jaas"] == given["elasticsearch/users"] == given["kibana/kibana.yml"] == 1000
    )
    assert given["consumer/kafka.password"] == given["page/tls.key"] == 10001
    assert given["tokens/tokens.json"] == given["tokens"] == 10001
    assert {name.split("/")[0] for name in given} == {*(one.name for one in SERVICES), "tokens"}
    assert stat.S_IMODE((tmp_path / "kafka").stat().st_mode) == 0o755


def test_no_link_in_a_services_folder_is_followed(tmp_path: Path) -> None:
    """Its service could have it lead to any file of root's: not read, not written, not given away."""
    target, folder = tmp_path / "target", Folder(tmp_path / "own", print, uid=os.getuid())
    target.write_bytes(b"root's")
    target.chmod(0o644)
    (folder.path / "soft").symlink_to(target)
    (folder.path / "dangling").symlink_to(tmp_path / "made")
    (folder.path / "hard").hardlink_to(target)
    os.mkfifo(folder.path / "pipe")
    for name in ("soft", "dangling", "hard", "pipe"):
        assert folder.has(name)
        for act in (folder.read, folder.change_owner):
            with pytest.raises(SecretsError, match="is a link or no regular file"):
                act(name)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    folder.write("dangling", b"ours")
    folder.write("soft", b"ours")
    assert (target.read_bytes(), (folder.path / "soft").read_bytes()) == (b"root's", b"ours")
    assert not (tmp_path / "made").exists()
    (tmp_path / "linked").symlink_to(folder.path, target_is_directory=True)
    with pytest.raises(SecretsError, match="linked"):
        Folder(tmp_path / "linked", print, uid=os.getuid()).write("file", b"")


def test_tokens_are_not_made_where_a_link_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page owns the folder that its token file is made in."""
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    (tmp_path / "secrets" / "tokens").mkdir(parents=True)
    (tmp_path / "secrets" / "tokens" / "tokens.json").symlink_to(tmp_path / "made")
    with pytest.raises(SecretsError, match=r"tokens\.json is a link or no regular file"):
        Secrets(tmp_path / "secrets", print, owners=True, clock=lambda: NOW).create()
    assert not (tmp_path / "made").exists()
