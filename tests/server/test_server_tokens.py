"""The tokens file: what it holds, when it is read again, and what it never tells."""

import json
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_cli.app import app
from audit_query.errors import QueryError
from audit_server.errors import TokenError, TokenFileError
from audit_server.expiry import parse_expiry
from audit_server.tokens import TokenFile
from support.command import auditlog
from typer.testing import CliRunner, Result

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    """Give a tokens file that is not there yet."""
    return TokenFile(tmp_path / "tokens.json", clock=lambda: NOW)


def test_token_lets_in_whom_it_was_made_for(tokens: TokenFile) -> None:
    """With the organization that it is bound to."""
    verdict = tokens.check(tokens.create("ada", organization="acme"))
    assert verdict.is_valid
    assert verdict.token is not None
    assert (verdict.token.name, verdict.token.organization) == ("ada", "acme")


@pytest.mark.parametrize("secret", ["", "auditlog_", "x" * 10_000, "\udcff", "ada"])
def test_what_is_no_token_does_not(tokens: TokenFile, secret: str) -> None:
    """Also what no text should be."""
    tokens.create("ada")
    assert not tokens.check(secret).is_valid


def test_file_holds_hashes_that_nobody_else_may_read(tokens: TokenFile) -> None:
    """Whoever finds the file can't ask."""
    secret = tokens.create("ada")
    assert secret not in tokens.path.read_text()
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert list(tokens.path.parent.iterdir()) == [tokens.path]


def test_hash_in_the_file_is_no_token(tokens: TokenFile) -> None:
    """It is the token's hash that is looked up, never what was sent."""
    tokens.create("ada")
    (found,) = json.loads(tokens.path.read_text())["tokens"]
    assert not tokens.check(found["sha256"]).is_valid


def test_every_token_is_another(tokens: TokenFile) -> None:
    """256 bits, of a generator for secrets."""
    secrets = {tokens.create(f"t{number}") for number in range(20)}
    assert len(secrets) == 20
    assert min(map(len, secrets)) >= len("auditlog_") + 43


def test_token_expires(tmp_path: Path) -> None:
    """At its time, to the second; whose it was is still known."""
    now = NOW
    tokens = TokenFile(tmp_path / "t.json", clock=lambda: now)
    secret = tokens.create("ada", expires=NOW + timedelta(hours=1))
    now = NOW + timedelta(minutes=59, seconds=59)
    assert tokens.check(secret).is_valid
    now = NOW + timedelta(hours=1)
    verdict = tokens.check(secret)
    assert not verdict.is_valid
    assert verdict.token is not None
    assert verdict.token.name == "ada"


def test_file_is_read_again_when_it_changes(tokens: TokenFile) -> None:
    """Another process makes and revokes tokens while a server runs."""
    elsewhere = TokenFile(tokens.path, clock=lambda: NOW)
    ada = elsewhere.create("ada")
    assert tokens.check(ada).is_valid
    ben = elsewhere.create("ben")
    assert tokens.check(ben).is_valid
    elsewhere.revoke("ada")
    assert not tokens.check(ada).is_valid
    assert tokens.check(ben).is_valid


@pytest.mark.parametrize("text", ["", "{", '{"tokens": [{"name": "ada"}]}', '{"tokens": 1, "x": 2}'])
def test_broken_file_lets_nobody_in(tokens: TokenFile, text: str) -> None:
    """Not even those whom it let in before."""
    secret = tokens.create("ada")
    assert tokens.check(secret).is_valid
    tokens.path.write_text(text)
    with pytest.raises(TokenFileError, match="is not a valid tokens file"):
        tokens.check(secret)


def test_file_that_is_gone_lets_nobody_in(tokens: TokenFile) -> None:
    """It is no way to open the log."""
    secret = tokens.create("ada")
    tokens.path.unlink()
    with pytest.raises(TokenFileError, match="No such file"):
        tokens.check(secret)


def test_file_that_others_may_write_is_refused(tokens: TokenFile) -> None:
    """They could let themselves in."""
    secret = tokens.create("ada")
    tokens.path.chmod(0o620)
    with pytest.raises(TokenFileError, match="chmod 600"):
        tokens.check(secret)


def test_error_of_a_broken_file_quotes_nothing(tokens: TokenFile) -> None:
    """A secret may stand in the wrong place."""
    tokens.path.write_text('{"tokens": [{"name": "ada", "sha256": "auditlog_secret"}]}')
    with pytest.raises(TokenFileError) as caught:
        tokens.check("")
    assert "auditlog_secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", " x", "a\nb", "a" * 65, "<script>", "\x1b[2J"])
def test_name_is_plain_text(tokens: TokenFile, name: str) -> None:
    """It stands in events and in the server's log."""
    with pytest.raises(TokenError, match="A name is"):
        tokens.create(name)


def test_name_is_taken_once(tokens: TokenFile) -> None:
    """Else revoking would be a guess."""
    tokens.create("ada")
    with pytest.raises(TokenError, match="already"):
        tokens.create("ada")
    with pytest.raises(TokenError, match="There is no token ben"):
        tokens.revoke("ben")


def test_tokens_made_at_the_same_time_are_all_kept(tokens: TokenFile) -> None:
    """The file is replaced whole, by one writer at a time."""

    def make(number: int) -> None:
        TokenFile(tokens.path, clock=lambda: NOW).create(f"t{number}")

    threads = [threading.Thread(target=make, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens.tokens()) == 12


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("2w", NOW + timedelta(weeks=2)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T08:00+03:00", datetime(2027, 1, 31, 5, tzinfo=UTC)),
    ],
)
def test_expiry_is_taken_as_people_give_it(text: str, expected: datetime) -> None:
    """A span, or a date."""
    assert parse_expiry(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "soon", "-1d", "0d", "90", "today"])
def test_what_is_no_expiry_is_refused(text: str) -> None:
    """With the forms that can be given."""
    with pytest.raises(TokenError, match="such as 90d"):
        parse_expiry(text, NOW)


def run(*arguments: str, **environment: str) -> Result:
    """Run a command in this process, which spares its start."""
    return CliRunner().invoke(app, ["tokens", *arguments], env={"COLUMNS": "120", **environment})


def test_commands_make_list_and_revoke(tmp_path: Path) -> None:
    """The token is printed once, alone, so that a script can take it."""
    path = tmp_path / "tokens.json"
    here = {"AUDITLOG_TOKENS_FILE": str(path)}
    roles = ("--role", "analyst", "--role", "lead")
    made = run("create", "ada", "--organization", "acme", "--expires", "90d", *roles, **here)
    assert TokenFile(path).check(made.stdout.removesuffix("\n")).is_valid
    words = run("list", **here).stdout.split()
    assert words[:5] == ["Name", "Organization", "Roles", "Created", "Expires"]
    assert words[5:9] == ["ada", "acme", "analyst,", "lead"]
    (row,) = json.loads(run("list", "--json", **here).stdout)
    assert (row["name"], row["organization"], "sha256" in row) == ("ada", "acme", False)
    assert row["roles"] == ["analyst", "lead"]
    assert run("revoke", "ada", **here).stdout == "ada is revoked\n"
    assert "There are no tokens" in run("list", **here).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list"], "AUDITLOG_TOKENS_FILE"),
        (["create", "ada", "--file", "/no/such/folder/t.json"], "/no/such/folder/t.json: No such file"),
        (["create", "ada", "--file", "t.json", "--expires", "2020-01-01"], "expiry is in the past"),
        (["revoke", "ada", "--file", "t.json"], "There is no token ada"),
    ],
)
def test_mistakes_end_in_one_sentence(arguments: list[str], says: str) -> None:
    """With what to do."""
    done = run(*arguments)
    assert isinstance(done.exception, QueryError)  # which the command line shows as a sentence
    assert says in str(done.exception)


def test_mistake_is_no_traceback() -> None:
    """As a user meets it."""
    done = auditlog("tokens", "list")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_link_of_another_account_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's account may put one in root's way; one of the operator's own is followed."""
    link, target = tmp_path / "tokens.json", tmp_path / "elsewhere.json"
    link.symlink_to(target)
    TokenFile(link).create("own")
    held = target.read_bytes()
    owner = link.lstat().st_uid or 10001
    if os.geteuid() == 0:
        os.lchown(link, owner, owner)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(TokenFileError, match="a link that another account made"):
        TokenFile(link).create("another")
    assert held == target.read_bytes()
