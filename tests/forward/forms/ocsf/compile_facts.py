"""Compiles what OCSF says of the classes that we send into a JSON Schema, from its sources.

    cd tests/forward/forms/ocsf && python compile_facts.py CHECKOUT > 1.8.0.schema.json

The sources are the files of github.com/ocsf/ocsf-schema at the tag of a version (Apache-2.0). Taken
are facts alone: names, types, numbers, what is required. Stricter than OCSF where that finds a mistake:
what is deprecated is not allowed, nor an attribute whose object is not in OBJECTS.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLASSES = {
    "account_change", "authentication", "user_access", "web_resources_activity", "event_log_activity",
    "detection_finding",
}  # fmt: skip
"""The classes that we send, as their files are called."""
OBJECTS = {
    "actor", "analytic", "attack", "autonomous_system", "evidences", "finding_info", "http_request",
    "location", "metadata", "network_endpoint", "product", "related_event", "remediation", "service",
    "session", "sub_technique", "technique", "user", "web_resource",
}  # fmt: skip
"""The objects that we fill in."""
PROFILES = {"host", "incident"}
"""The profiles that an event of ours may declare."""

TYPES: Mapping[str, Mapping[str, Any]] = {
    "boolean_t": {"type": "boolean"},
    "email_t": {"type": "string", "pattern": r"^[^@\s]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+$"},
    "float_t": {"type": "number"},
    "integer_t": {"type": "integer"},
    "ip_t": {"type": "string", "maxLength": 40, "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
    "json_t": {},
    "long_t": {"type": "integer"},
    "object": {"type": "object"},
    "port_t": {"type": "integer", "minimum": 0, "maximum": 65535},
    "timestamp_t": {"type": "integer"},
}
"""Types that are more than a string; `object` is one with any attributes."""

Facts = dict[str, Any]


class Sources:
    """A checkout of the schema's sources."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.version: str = self._read("version.json")["version"]
        self._dictionary = self._read("dictionary.json")["attributes"]
        self._categories = self._read("categories.json")["attributes"]
        self._events = {
            path.stem: json.loads(path.read_text()) for path in (folder / "events").rglob("*.json")
        }

    def schema(self) -> Facts:
        """Return the JSON Schema."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$comment": f"Written by compile_facts.py from the sources of OCSF {self.version}: "
            "github.com/ocsf/ocsf-schema, Apache-2.0. Names, types and numbers alone.",
            "version": self.version,
            "classes": {
                str(facts["uid"]): facts["schema"] for facts in map(self._class, sorted(CLASSES))
            },
            "$defs": {name: self._object(name) for name in sorted(OBJECTS)},
        }

    def _class(self, name: str) -> Facts:
        found = self._inherited(self._events, name)
        category_uid = self._categories[found["category"]]["uid"]
        uid = category_uid * 1000 + found["uid"]
        made = self._shape(found)
        properties = made["properties"]
        activities = properties["activity_id"]["enum"]
        properties["category_uid"] = {"const": category_uid}
        properties["class_uid"] = {"const": uid}
        properties["class_name"] = {"const": found["caption"]}
        properties["type_uid"] = {"enum": [uid * 100 + number for number in activities]}
        return {"uid": uid, "schema": {"$comment": found["caption"], **made}}

    def _object(self, name: str) -> Facts:
        files = {path.stem: path for path in (self._folder / "objects").glob("*.json")}
        objects = {stem: json.loads(path.read_text()) for stem, path in files.items()}
        return self._shape(self._inherited(objects, name))

    def _inherited(self, files: Mapping[str, Facts], name: str) -> Facts:
        """Return a class or an object with the attributes of all that it extends."""
        own = files[name]
        if "extends" not in own:
            base: Facts = {"attributes": {}}
        else:
            base = self._inherited(files, own["extends"])
        attributes = dict(base["attributes"])
        for attribute, said in self._included(own["attributes"]).items():
            before = attributes.get(attribute, {})
            enum = {**before.get("enum", {}), **said.get("enum", {})}
            attributes[attribute] = {**before, **said, **({"enum": enum} if enum else {})}
        return {**base, **own, "attributes": attributes}

    def _included(self, attributes: Mapping[str, Any]) -> Facts:
        """Return attributes with those of profiles, each of which knows its profile."""
        made: Facts = {}
        for path in attributes.get("$include", ()):
            profile = self._read(path)
            for name, said in profile["attributes"].items():
                made[name] = {**said, "profile": profile["name"]}
        return made | {name: said for name, said in attributes.items() if name != "$include"}

    def _shape(self, found: Facts) -> Facts:
        properties: Facts = {}
        required = []
        needs: Facts = {}
        for name, said in sorted(found["attributes"].items()):
            known = {**self._dictionary[name], **said}
            profile = said.get("profile")
            if "@deprecated" in known or (profile and profile not in PROFILES):
                continue
            if said.get("enum"):
                known["enum"] = {**self._dictionary[name].get("enum", {}), **said["enum"]}
            value = self._value(known)
            if value is None:
                continue
            properties[name] = {"type": "array", "items": value} if known.get("is_array") else value
            if profile:
                needs[name] = _declared(profile)
            elif known.get("requirement") == "required":
                required.append(name)
        made: Facts = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        if any_of := found.get("constraints", {}).get("at_least_one"):
            made["anyOf"] = [{"required": [name]} for name in any_of]
        if needs:
            made["dependentSchemas"] = needs
        return made

    def _value(self, known: Facts) -> Facts | None:
        """Return what a value must be; None if it is an object that is not in OBJECTS."""
        kind = known["type"]
        if kind in OBJECTS:
            return {"$ref": f"#/$defs/{kind}"}
        if not kind.endswith("_t") and kind not in TYPES:
            return None
        made = dict(TYPES.get(kind, {"type": "string"}))
        if "enum" in known:
            numbers = made["type"] == "integer"
            made["enum"] = sorted(int(value) if numbers else value for value in known["enum"])
        return made

    def _read(self, path: str) -> Facts:
        found: Facts = json.loads((self._folder / path).read_text())
        return found


def _declared(profile: str) -> Facts:
    contains = {"type": "array", "contains": {"const": profile}}
    metadata = {"properties": {"profiles": contains}, "required": ["profiles"]}
    return {"properties": {"metadata": metadata}}


if __name__ == "__main__":
    schema = Sources(Path(sys.argv[1])).schema()
    sys.stdout.write(json.dumps(schema, indent=1, sort_keys=True) + "\n")
