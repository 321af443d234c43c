"""All that goes to Kibana together: saved objects and rules; and how it looks as files."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_alerts import Rule
from audit_runtime import output_file

from audit_kibana.errors import KibanaError
from audit_kibana.kibana_rules import KibanaRule, kibana_rule
from audit_kibana.saved_objects import ndjson, saved_objects
from audit_kibana.target import ExportTarget

__all__ = ["OBJECTS_FILE", "RULES_FOLDER", "Bundle", "bundle_of"]

OBJECTS_FILE = "saved-objects.ndjson"
RULES_FOLDER = "rules"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Saved objects, in the order of their references, and one Kibana rule for each of ours."""

    objects: tuple[dict[str, Any], ...]
    rules: tuple[KibanaRule, ...]

    def write(self, folder: Path) -> None:
        """Write the files; the same rules give the same bytes.

        Raises KibanaError if the folder holds rules that are none of these, OSError from the disk.
        """
        rules = folder / RULES_FOLDER
        files = {_file_name(rule): rule for rule in self.rules}
        for file in sorted(rules.glob("*.json")):
            if file.name not in files:
                raise KibanaError(
                    f"{file} belongs to no rule in force. Remove it, or export to an empty folder"
                )
        rules.mkdir(parents=True, exist_ok=True)
        _write(folder / OBJECTS_FILE, ndjson(self.objects))
        for name, rule in files.items():
            request = {"request": f"POST {rule.path}", "body": rule.body}
            text = json.dumps(request, indent=2, ensure_ascii=False) + "\n"
            _write(rules / name, text)


def bundle_of(rules: Iterable[Rule], target: ExportTarget, *, detection: bool = True) -> Bundle:
    """Return what the rules in force become, at these target. Pure."""
    made = tuple(kibana_rule(rule, target, detection=detection) for rule in rules)
    return Bundle(tuple(saved_objects(target)), made)


def _write(path: Path, text: str) -> None:
    with output_file(path, private=False) as out:
        out.write(text.encode())


def _file_name(rule: KibanaRule) -> str:
    """Return a rule's file name; by its id, where its own name would lead elsewhere."""
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", rule.rule)
    return f"{rule.rule if plain else rule.id}.json"
