"""The file of Kafka's ACLs."""

from pathlib import Path

import pytest
from audit_admin.acls import load_rules, names_of
from audit_consumer import ConsumerSettings, SetupFaultError


@pytest.mark.parametrize("name", ["{topics}", "{topic.name}", "{topic[name]}", "{}", "{topic"])
def test_placeholder_that_is_none_is_one_sentence(tmp_path: Path, name: str) -> None:
    """With those that there are."""
    file = tmp_path / "acls.toml"
    file.write_text(f'[audit-reader.topic]\n"{name}" = ["read"]\n')
    with pytest.raises(
        SetupFaultError, match="Placeholders are alerts_topic, dead_letter_topic, group"
    ):
        load_rules(file, names_of(ConsumerSettings()))
