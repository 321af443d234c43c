"""What is downloaded is what we know, or it is not used."""

import re
import shutil
from pathlib import Path

import pytest
from audit_local.artifacts import ELASTICSEARCH_VERSION, KAFKA_VERSION, kafka_libraries
from audit_local.checksums import SHA256, check
from audit_local.errors import FetchError
from jgo.maven import MavenContext
from rich.console import Console


@pytest.mark.parametrize("name", [f"kafka-clients-{KAFKA_VERSION}.jar", "surprise-1.0.jar"])
def test_download_that_is_not_the_one_we_know_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Neither changed nor added: the message names it, and nothing of it stays."""

    def fetch(context: MavenContext, target: Path) -> None:
        context.repo_cache.mkdir(parents=True)
        jar = context.repo_cache / name
        jar.write_bytes(b"PK, but not what was published")
        shutil.copy(check(jar), target)

    monkeypatch.setattr("audit_local.artifacts._fetch_kafka", fetch)
    with pytest.raises(FetchError, match=f"{name} is not the file .* It was deleted") as caught:
        kafka_libraries(tmp_path, Console(quiet=True))
    assert "could not be downloaded" not in str(caught.value)
    assert [".lock"] == [path.name for path in tmp_path.iterdir()]


def test_download_that_we_know_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name and its SHA-256."""
    digest = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    monkeypatch.setattr("audit_local.checksums.SHA256", {"a.jar": digest})
    (tmp_path / "a.jar").write_text("hello\n")
    assert tmp_path / "a.jar" == check(tmp_path / "a.jar")


def test_checksums_are_of_the_versions_that_are_downloaded() -> None:
    """Whoever changes a version has to look at what it brings."""
    names = {f"kafka_2.13-{KAFKA_VERSION}.jar", f"elasticsearch-{ELASTICSEARCH_VERSION}.zip"}
    assert names <= set(SHA256)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in SHA256.values())
