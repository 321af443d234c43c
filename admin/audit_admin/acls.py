"""Kafka ACLs from a TOML file."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from audit_consumer import ConsumerSettings, SetupFaultError
from audit_runtime import KafkaSettings
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

__all__ = ["AccessRule", "RuleStatus", "add_rules", "load_rules", "names_of"]

Operation = Literal[
    "read", "write", "create", "delete", "alter", "describe", "describe_configs", "alter_configs"
]
RuleStatus = Literal["added", "unchanged", "not in the file"]

_SECONDS = 15.0
_CLUSTER = "kafka-cluster"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, order=True)
class AccessRule:
    """An ACL: a principal may perform an operation on a topic or group, from any host."""

    principal: str
    resource: str
    name: str
    is_prefix: bool
    operation: str

    def __str__(self) -> str:
        """Return the rule as a sentence."""
        what = self.operation.replace("_configs", " the configuration of")
        kind = f"{self.resource}s starting with" if self.is_prefix else self.resource
        at = "the cluster" if self.resource == "cluster" else f"{kind} {self.name}"
        return f"{self.principal} may {what} {at}"


class _Grants(BaseModel):
    model_config = ConfigDict(extra="forbid")

    topic: dict[str, list[Operation]] = Field(default_factory=dict)
    group: dict[str, list[Operation]] = Field(default_factory=dict)
    cluster: list[Operation] = Field(default_factory=list)


_FILE = TypeAdapter(dict[str, _Grants])


def names_of(settings: ConsumerSettings) -> dict[str, str]:
    """Return the placeholders that the file may use, and their values in these settings."""
    return {
        "topic": settings.topic,
        "dead_letter_topic": settings.dead_letter_topic,
        "alerts_topic": settings.alerts_topic,
        "seals_topic": settings.seals_topic,
        "group": settings.group,
    }


def load_rules(file: Path, names: Mapping[str, str]) -> list[AccessRule]:
    """Return the file's rules, with placeholders replaced by `names`. Raises SetupFaultError."""
    try:
        read = _FILE.validate_python(tomllib.loads(file.read_text("utf-8")))
        return sorted({rule for who, grants in read.items() for rule in _rules(who, grants, names)})
    except OSError as error:
        raise SetupFaultError(f"{file} can't be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SetupFaultError(f"{file}: {where}: {first['msg']}") from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # not TOML, or a placeholder
        raise SetupFaultError(
            f"{file}: {error}. Placeholders are {', '.join(sorted(names))}"
        ) from error


def add_rules(
    settings: KafkaSettings, rules: Sequence[AccessRule]
) -> Iterator[tuple[AccessRule, RuleStatus]]:
    """Add the rules that are missing; yield each rule with its status.

    Existing rules for the same topics and groups that are not in the file are yielded too, and left as
    they are, since somebody may need them. Raises SetupFaultError.
    """
    admin = AdminClient(settings.kafka_config())
    existing = {rule for rule in _existing(admin) if any(_overlaps(rule, one) for one in rules)}
    missing = [rule for rule in rules if rule not in existing]
    futures = admin.create_acls([_binding(rule) for rule in missing]) if missing else {}
    for rule in missing:
        _answer(futures[_binding(rule)], f"add the ACL: {rule}")
    for rule in rules:
        yield rule, "unchanged" if rule in existing else "added"
    for rule in sorted(existing - set(rules)):
        yield rule, "not in the file"


def _overlaps(existing: AccessRule, wanted: AccessRule) -> bool:
    """Tell whether a rule grants access to the resource of another one."""
    is_covered = existing.name in (wanted.name, "*") or (
        existing.is_prefix and wanted.name.startswith(existing.name)
    )
    return existing.resource == wanted.resource and is_covered


def _rules(who: str, grants: _Grants, names: Mapping[str, str]) -> Iterator[AccessRule]:
    principal = who if ":" in who else f"User:{who}"
    for resource, granted in (("topic", grants.topic), ("group", grants.group)):
        for pattern, operations in granted.items():
            name = pattern.format_map(names)
            is_prefix = name.endswith("*") and name != "*"
            whole = name.removesuffix("*") if is_prefix else name
            for operation in operations:
                yield AccessRule(principal, resource, whole, is_prefix, operation)
    for operation in grants.cluster:
        yield AccessRule(principal, "cluster", _CLUSTER, is_prefix=False, operation=operation)


def _existing(admin: AdminClient) -> Iterator[AccessRule]:
    """Yield the existing rules that allow access from any host; rules that deny are ignored."""
    anyone: Any = None  # missing from its type annotations
    every = AclBindingFilter(
        ResourceType.ANY,
        anyone,
        ResourcePatternType.ANY,
        anyone,
        anyone,
        AclOperation.ANY,
        AclPermissionType.ALLOW,
    )
    for found in _answer(admin.describe_acls(every), "list the ACLs"):
        resource = "cluster" if found.restype is ResourceType.BROKER else found.restype.name.lower()
        if found.host == "*":
            yield AccessRule(
                found.principal,
                resource,
                found.name,
                found.resource_pattern_type is ResourcePatternType.PREFIXED,
                found.operation.name.lower(),
            )


def _binding(rule: AccessRule) -> AclBinding:
    return AclBinding(
        ResourceType.BROKER if rule.resource == "cluster" else ResourceType[rule.resource.upper()],
        rule.name,
        ResourcePatternType.PREFIXED if rule.is_prefix else ResourcePatternType.LITERAL,
        rule.principal,
        "*",
        AclOperation[rule.operation.upper()],
        AclPermissionType.ALLOW,
    )


def _answer(future: Future[_T], what: str) -> _T:
    try:
        return future.result(_SECONDS)
    except TimeoutError as error:
        raise SetupFaultError(f"Kafka took too long to {what}; run it again") from error
    except KafkaException as error:
        problem = error.args[0]
        if problem.code() == KafkaError.SECURITY_DISABLED:
            raise SetupFaultError(
                "The brokers have no authorizer, so ACLs have no effect: everyone may do everything. "
                "Set authorizer.class.name in the properties of each broker, or leave out --acls"
            ) from error
        if problem.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            raise SetupFaultError(
                f"Kafka does not let this user {what}. Set AUDITLOG_KAFKA_USERNAME to a super user of "
                "the brokers, or to a user who may describe and alter the cluster"
            ) from error
        raise SetupFaultError(f"Kafka refuses to {what}: {problem.str()}") from error
