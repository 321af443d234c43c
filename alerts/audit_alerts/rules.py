"""The rules of a deployment, read from its folders; one that is refused refuses them all."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from audit_runtime import ListFolder
from audit_schemas import Catalogue

from audit_alerts.errors import AlertError, RuleRefusedError
from audit_alerts.inclusion import linked
from audit_alerts.plan import Rule
from audit_alerts.rule_lists import with_lists
from audit_alerts.settings import SHIPPED, AlertSettings

__all__ = ["list_folder", "load_rules", "read_rules", "rules_of", "shipped_folder"]


def load_rules(settings: AlertSettings) -> tuple[Rule, ...]:
    """Return the rules that the settings name, by name, with the lists as they are now.

    Raises as `rules_of` does.
    """
    lists, now = list_folder(settings).current(), datetime.now(UTC)
    return tuple(with_lists(rule, lists, now) for rule in rules_of(settings))


def list_folder(settings: AlertSettings) -> ListFolder:
    """Return what reads the lists that the settings name."""
    return ListFolder(settings.lists, settings.denied_ranges)


def rules_of(settings: AlertSettings) -> tuple[Rule, ...]:
    """Return the rules that the settings name, by name, whose lists are to be filled in.

    Raises AlertError, CatalogueError, or RuleRefusedError for the first rule that can't be used: a
    deployment runs with the rules it has chosen, or not at all.
    """
    catalogue = Catalogue.load(settings.catalogue)
    folders = [
        shipped_folder() if name == SHIPPED else Path(name)
        for name in (part.strip() for part in settings.alert_rules.split(","))
        if name
    ]
    return read_rules(folders, catalogue)


def read_rules(folders: Sequence[Path], catalogue: Catalogue) -> tuple[Rule, ...]:
    """Return the rules of all `*.yml` in the folders, by name; raises as `rules_of` does."""
    if find_spec("sigma") is None:
        raise AlertError("Alert rules need an extra: pip install '.[alerts]' in a clone")
    # pySigma takes a fifth of a second to read, which no other command has to wait for.
    from audit_alerts.compile import compile_rule  # noqa: PLC0415
    from audit_alerts.yaml_documents import FILE_MAX, too_large  # noqa: PLC0415

    found: dict[str, Rule] = {}
    for file in _files(folders):
        if file.stat().st_size > FILE_MAX:
            raise too_large(str(file))
        rule = compile_rule(_text(file), str(file), catalogue)
        for other in found.values():
            if rule.id == other.id or rule.name == other.name:
                raise RuleRefusedError(rule.file, f"{other.file} has the same id or name")
        found[rule.name] = rule
    made = linked(found)
    return tuple(made[name] for name in sorted(made))


def shipped_folder() -> Path:
    """Return where the shipped rules are: inside the package, or in the folder it is built from."""
    inside = Path(str(files("audit_alerts").joinpath("shipped")))
    return inside if inside.is_dir() else Path(__file__).parents[2] / "deploy" / "alerts"


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    if not folders:
        raise AlertError("no folder of rules is named; set AUDITLOG_ALERT_RULES, or leave it out")
    for folder in folders:
        if not folder.is_dir():
            raise AlertError(f"{folder} is not a folder of rules; set AUDITLOG_ALERT_RULES")
        rules = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
        if not rules:
            raise AlertError(f"{folder} holds no rule (*.yml); set AUDITLOG_ALERT_RULES")
        yield from rules


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise RuleRefusedError(str(file), "is not UTF-8 text") from None
