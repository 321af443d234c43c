"""Each shipped mapping makes of its sample what it made when somebody looked at it.

After a change that is meant: PYTHONPATH=tests python -m admin.importing.test_import_shipped
"""

import json
from pathlib import Path

import pytest
from admin.importing.imported import events
from audit_admin.importing.findings import Findings
from audit_admin.importing.mapping import load_mapping
from audit_admin.importing.rows import read_rows
from audit_admin.importing.translate import Translator
from audit_schemas import AuditEvent, Catalogue, encode
from support.servers import ROOT

FOLDER = ROOT / "deploy" / "importing"
GOLDEN = Path(__file__).parent / "golden"
SAMPLES = sorted((FOLDER / "samples").iterdir())


def made_of(sample: Path) -> str:
    """Return the events of a sample, one a line, or why there is none."""
    found = events(sample.read_bytes(), load_mapping(FOLDER / f"{sample.stem}.toml"))
    lines = [
        encode(one).decode() if isinstance(one, AuditEvent) else f"rejected: {one}" for one in found
    ]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_becomes_these_events(sample: Path) -> None:
    """To the byte, and every one is accepted by the shipped catalogue."""
    made = made_of(sample)
    assert made == (GOLDEN / f"{sample.stem}.ndjson").read_text()
    catalogue = Catalogue.load()
    for line in made.splitlines():
        catalogue.check(AuditEvent.model_validate(json.loads(line)))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_field_of_the_mapping_is_in_its_sample(sample: Path) -> None:
    """A path that the system doesn't have would never be noticed."""
    mapping = load_mapping(FOLDER / f"{sample.stem}.toml")
    findings, translator = Findings(mapping, Catalogue.load()), Translator(mapping)
    with sample.open("rb") as source:
        for row in read_rows(source, mapping.file_format):
            for record in translator.records_of(row):
                findings.note(record.fields, translator.values_of(record))
    unused = {path for path, use in findings.uses.items() if not use.count} - RARE
    assert not unused


RARE = {"labels.address"}
"""Fields that are there for what a sample does not show."""


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for path in SAMPLES:
        (GOLDEN / f"{path.stem}.ndjson").write_text(made_of(path))
