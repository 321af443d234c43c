"""What `auditlog forward check` finds before anything is sent."""

import json
from pathlib import Path

import pytest
import typer
from audit_forward.commands import check

HOOK = 'to = {type = "webhook", url = "https://siem.example/", secret_file = "secret"}'
BROKEN = {
    "broken": ("[to", "is not TOML"),
    "lists": (f'{HOOK}\n[filter]\nlist = "tor"', "there is no list 'tor'"),
    "version": (f'form = "ocsf"\nform_version = "9"\n{HOOK}', "ocsf 9 is not supported"),
    "key": (f'pseudonymise = ["user.id"]\nkey_file = "no-key"\n{HOOK}', "no-key can't be read"),
    "empty": (HOOK.replace('"secret"', '"blank"'), "blank is empty; it must hold a secret"),
    "plain": ('to = {type = "webhook", url = "http://192.0.2.1/"}', "in plain text"),
    "kafka": (
        '[to]\ntype = "kafka"\ntopic = "t"\nservers = "192.0.2.1:9092"\npassword_file = "no-password"',
        "no-password can't be read",
    ),
    "loop": ('what = "alerts"\nto = {type = "kafka", topic = "audit.alerts"}', "is the log's own"),
    "authority": (
        'to = {type = "syslog", host = "siem.example", ca_file = "secret"}',
        "secret holds no certificates that can be used",
    ),
    "folder": ('to = {type = "files", folder = "secret/out"}', "secret is not a folder"),
}


def test_each_mistake_is_found_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every stream is checked, whatever is wrong with another; those that are right are told too."""
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "blank").write_text("\n")
    right = {"hook": HOOK, "disk": 'to = {type = "files", folder = "new/out"}'}
    for name, text in {**right, **{name: text for name, (text, _) in BROKEN.items()}}.items():
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "away.toml").symlink_to("nowhere")
    monkeypatch.setenv("AUDITLOG_STREAMS", str(tmp_path))
    with pytest.raises(typer.Exit) as ended:
        check(json_output=True)
    assert ended.value.exit_code == 1
    shown = capsys.readouterr().out
    found = {each["stream"]: each["problem"] for each in json.loads(shown)}
    assert {name: problem for name, problem in found.items() if name in right} == dict.fromkeys(right)
    for name, (_, said) in BROKEN.items():
        assert said in (found[name] or ""), name
    assert "away.toml can't be read: No such file" in (found["away"] or "")
    assert "s3cret" not in shown
    assert not (tmp_path / "new").exists()
    check(list(right))


def test_marks_in_what_is_shown_stay_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file's path, or a receiver's answer, may look like the table's own markup."""
    folder = tmp_path / "[bold]streams[/x]"
    folder.mkdir(parents=True)
    (folder / "hook.toml").write_text("to = {")
    monkeypatch.setenv("AUDITLOG_STREAMS", str(folder))
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(typer.Exit):
        check()
    assert "[bold]streams[/x]/hook.toml is not TOML" in capsys.readouterr().out
