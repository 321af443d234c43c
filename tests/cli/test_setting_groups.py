"""The groups of settings in docs/settings.md."""

import pytest
from audit_cli.setting_groups import ESSENTIAL, GROUPS, group_of, grouped
from audit_cli.settings import all_settings


def test_every_setting_is_in_exactly_one_group() -> None:
    """A new setting whose name fits no group fails here, and group_of says what to do."""
    groups = grouped(setting.variable for setting in all_settings())
    assert list(GROUPS) == list(groups)
    assert all(groups.values())


def test_setting_of_no_group_is_refused() -> None:
    """The message names the variable."""
    with pytest.raises(LookupError, match="AUDITLOG_NEW_THING"):
        group_of("AUDITLOG_NEW_THING")


def test_ten_essential_settings_exist() -> None:
    """A renamed setting is renamed among them too."""
    assert len(ESSENTIAL) == 10
    assert set(ESSENTIAL) <= {setting.variable for setting in all_settings()}
