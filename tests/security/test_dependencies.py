"""What is installed is what was looked at: exact versions, by hash, and no known flaw."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from support.servers import ROOT
from vulnerabilities import verdict

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
FILES = ("requirements.txt", "requirements-build.txt")


def pins(name: str) -> dict[str, str]:
    """Return the versions that a file of requirements pins, by normalized name."""
    text = (ROOT / name).read_text()
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {normalized(package): version for package, version in found}


def normalized(name: str) -> str:
    """Return a package's name in its one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(extras: set[str]) -> Iterator[str]:
    """Yield the names of all that our own extras ask for, and the base install."""
    optional = PROJECT["project"]["optional-dependencies"]
    for line in [
        *PROJECT["project"]["dependencies"],
        *(one for name in extras for one in optional[name]),
    ]:
        if line.startswith(f"{PROJECT['project']['name']}["):
            yield from wanted(set(re.split(r"[\[\],]", line)[1:-1]))
        else:
            yield normalized(re.split(r"[\[<>=;~! ]", line)[0])


def image_extras() -> set[str]:
    """Return the extras that `make requirements` writes down."""
    (line,) = re.findall(r"^IMAGE_EXTRAS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return set(line.split())


@pytest.mark.parametrize("name", FILES)
def test_hashed_versions_are_those_of_the_constraints(name: str) -> None:
    """One version of each package everywhere; write the files anew by: make requirements."""
    constraints = pins("constraints.txt")
    assert {package: constraints.get(package) for package in pins(name)} == pins(name)


@pytest.mark.parametrize("name", FILES)
def test_each_requirement_has_hashes_and_none_names_a_place(name: str) -> None:
    """Whatever index serves the files, they are the same ones."""
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--index|--find-links|--extra-index|^-", "\n".join(blocks), re.MULTILINE)


def test_all_that_the_image_needs_is_hashed() -> None:
    """A dependency that pyproject.toml gained is there too."""
    assert set(wanted(image_extras())) <= set(pins("requirements.txt"))
    built = {normalized(re.split("[<>=]", one)[0]) for one in PROJECT["build-system"]["requires"]}
    assert built <= set(pins("requirements-build.txt"))


def test_the_image_gets_nothing_but_what_is_hashed() -> None:
    """Each thing that the Dockerfile installs is named by hash, or is the project alone."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip\S* (?:--python \S+ )?install [^&\n]*", text)
    assert installs
    for command in installs:
        assert "--require-hashes" in command or "--no-deps" in command, command


def flawed(**more: object) -> dict[str, Any]:
    """Return a report of pip-audit's on one dependency."""
    return {"dependencies": [{"name": "lorem", "version": "1.0", **more}]}


def test_known_flaw_fails_and_names_the_version_that_mends_it() -> None:
    """What is known must not be released."""
    status, said = verdict(flawed(vulns=[{"id": "PYSEC-1", "fix_versions": ["1.1"]}]))
    assert (1, "lorem 1.0: PYSEC-1, mended in 1.1") == (status, said[0])
    assert "make requirements" in said[1]


def test_missing_data_is_one_line_and_no_failure() -> None:
    """An index without the data can't say that all is well, and nobody is kept from working."""
    assert verdict(flawed(skip_reason="not found")) == (
        0,
        ["vulnerabilities: no data on 1 of 1 dependencies"],
    )
    assert verdict(flawed(vulns=[])) == (0, ["vulnerabilities: none known of 1 dependencies"])
