"""A stream's file: what it may say, and what is said of what it may not."""

from pathlib import Path

import pytest
from audit_forward import StreamFile, StreamFileError, load_stream, load_streams

HOOK = '[to]\ntype = "webhook"\nurl = "https://siem.example/in"\n'


def load(folder: Path, text: str, name: str = "siem") -> StreamFile:
    """Return the stream of a file."""
    file = folder / f"{name}.toml"
    file.write_text(text)
    return load_stream(file)


def test_whole_file(tmp_path: Path) -> None:
    """Everything that it may say; paths are relative to its folder."""
    stream = load(
        tmp_path,
        """
        form = "ocsf"
        organization = "acme"
        start = "earliest"
        leave_out = ["source.geo", "labels.cost"]
        pseudonymise = ["user.id"]
        key_file = "key"
        [filter]
        activity = ["login", "login-failed"]
        not_user = "system"
        [to]
        type = "splunk"
        url = "https://splunk.example:8088"
        token_file = "/run/token"
        """,
    )
    assert (stream.name, stream.form, stream.organization) == ("siem", "ocsf", "acme")
    assert stream.key_file == tmp_path / "key"
    assert stream.query.pairs == (
        ("activity", "login"),
        ("activity", "login-failed"),
        ("not_user", "system"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'from = "ocsf"\n{HOOK}', "from is not a known key; did you mean form?"),
        (f'form = "xml"\n{HOOK}', "form: Input should be 'auditlog', 'ecs', 'ocsf' or 'cef'"),
        ("form = 1\nform = 2", "is not TOML"),
        (f'{HOOK}secret = "hunter2"', "to: secret is not a known key; did you mean secret_file?"),
        ('[to]\ntype = "webhok"\n', "to: Input tag 'webhok' found using 'type' does not match"),
        (f"[filter]\nactivty = 'login'\n{HOOK}", "filter.activty is not a filter of events; did you "),
        (f"[filter]\nactivity = []\n{HOOK}", "filter.activity has an empty value"),
        (f"[filter]\nnot_user = ['a', ' ']\n{HOOK}", "filter.not_user has an empty value"),
        (f'what = "alerts"\n[filter]\nlevel = []\n{HOOK}', "filter.level has an empty value"),
        (f"[filter]\nip = 'all'\n{HOOK}", "filter: ip: 'all' is not a valid IP address"),
        (f'what = "alerts"\n[filter]\nuser = "a"\n{HOOK}', "filter.user is not a filter of alerts"),
        (
            f'what = "alerts"\n[filter]\nlevel = "hihg"\n{HOOK}',
            "hihg is not a level; did you mean high?",
        ),
        (f'leave_out = ["user.nam"]\n{HOOK}', "user.nam is not a field of an event; did you mean"),
        (f'leave_out = ["event"]\n{HOOK}', "event can't be changed: receivers need it"),
        (f'pseudonymise = ["user.id"]\n{HOOK}', "pseudonymise needs key_file"),
        (f'what = "alerts"\nleave_out = ["user.id"]\n{HOOK}', "alerts have names in their text"),
        (
            '[to]\ntype = "files"\nfolder = "a"\nformat = "parquet"\ncompress = true',
            "to: compress is for ndjson",
        ),
        (
            '[to]\ntype = "files"\nfolder = "s3://audit/logs"',
            'to.folder: must be a folder of this machine; for a bucket, use type = "s3"',
        ),
        ('[to]\ntype = "s3"\nbucket = "s3://audit"', "to.bucket: must be the bucket's name alone"),
        ('[to]\ntype = "webhook"\nurl = "siem"\n', "to.url: must be like https://host/path"),
    ],
)
def test_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    """With its place, what may have been meant, and never the value of a secret."""
    with pytest.raises(StreamFileError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_streams_of_a_folder(tmp_path: Path) -> None:
    """All, or those named; a name that is none is told."""
    load(tmp_path, HOOK, "one")
    load(tmp_path, HOOK, "two")
    assert [stream.name for stream in load_streams(tmp_path)] == ["one", "two"]
    assert [stream.name for stream in load_streams(tmp_path, ["two"])] == ["two"]
    with pytest.raises(StreamFileError, match=r"no stream tow; did you mean two\?"):
        load_streams(tmp_path, ["tow"])
    with pytest.raises(StreamFileError, match="is not a stream's name"):
        load(tmp_path, HOOK, "Mine")
