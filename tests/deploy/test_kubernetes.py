"""What is given to Kubernetes: valid, and about the product that is there."""

import json
import re
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from audit_admin import SetupSettings
from audit_alerts.runner.settings import RunnerSettings
from audit_cli.settings import all_settings
from audit_consumer import ConsumerSettings
from audit_consumer.metrics import Metrics
from audit_forward import ForwardSettings
from audit_local.ports import free_port
from audit_runtime.monitor import Health, Monitor
from audit_seal import SealSettings
from audit_seal.witness_settings import WitnessSettings
from audit_secrets.roster import KAFKA_USERS, SERVED, SERVICES
from audit_server.health import PATHS
from audit_server.settings import ServeSettings
from prometheus_client import CollectorRegistry
from pydantic_settings import BaseSettings
from support.in_process import auditlog_in_process
from support.kustomize import Resource, build

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

BASE = build(FOLDER / "base")
EXAMPLE = build(FOLDER / "overlays" / "example")
BY_HPA = build(FOLDER / "base", FOLDER / "components" / "hpa")
BUILDS = {"base": BASE, "example": EXAMPLE, "hpa": BY_HPA}

OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()
"""Older ones know no `sleep` before a stop."""

OF_KEDA = {"ScaledObject", "TriggerAuthentication"}
SETTINGS: dict[str, type[BaseSettings]] = {
    "consumer": ConsumerSettings,
    "alerts": RunnerSettings,
    "forwarder": ForwardSettings,
    "page": ServeSettings,
    "sealer": SealSettings,
    "witness": WitnessSettings,
    "setup": SetupSettings,
}
SECRET = re.compile("(PASSWORD|API_KEY|SECRET|TOKEN)$")

every_build = pytest.mark.parametrize("built", BUILDS.values(), ids=BUILDS)
every_role = pytest.mark.parametrize("role", SETTINGS)


def of_kind(built: list[Resource], kind: str) -> dict[str, Resource]:
    """Return the resources of a kind by their names."""
    return {found["metadata"]["name"]: found for found in built if found["kind"] == kind}


def workloads(built: list[Resource]) -> dict[str, Resource]:
    """Return Deployments and Jobs by their role."""
    found = {**of_kind(built, "Deployment"), **of_kind(built, "Job")}
    return {name.removeprefix("auditlog-"): resource for name, resource in found.items()}


def pod(role: str, built: list[Resource] = EXAMPLE) -> dict[str, Any]:
    """Return the specification of a role's pods."""
    spec: dict[str, Any] = workloads(built)[role]["spec"]["template"]["spec"]
    return spec


def container(role: str, built: list[Resource] = EXAMPLE) -> dict[str, Any]:
    """Return the one container of a role's pods."""
    (found,) = pod(role, built)["containers"]
    return dict(found)


def environment(role: str, built: list[Resource] = EXAMPLE) -> dict[str, str]:
    """Return the variables that a container is given."""
    one = container(role, built)
    given: dict[str, str] = {}
    for source in one["envFrom"]:
        given |= of_kind(built, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return given | {variable["name"]: variable["value"] for variable in one["env"]}


def mounted(role: str, path: str) -> dict[str, Any]:
    """Return the volume that a path lies in."""
    (name,) = (
        mount["name"]
        for mount in container(role)["volumeMounts"]
        if Path(path).is_relative_to(mount["mountPath"])
    )
    (volume,) = (volume for volume in pod(role)["volumes"] if volume["name"] == name)
    return dict(volume)


@every_build
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_resource_is_valid(built: list[Resource], version: str) -> None:
    """By Kubernetes' own schemas, with no field that they don't know."""
    for resource in built:
        if resource["kind"] not in OF_KEDA:
            kubernetes_validate.validate(resource, version, strict=True)


def test_schema_would_tell() -> None:
    """A misspelt field is an error."""
    wrong = json.loads(json.dumps(workloads(BASE)["consumer"]))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


@every_build
def test_all_is_in_one_namespace_under_names_of_its_own(built: list[Resource]) -> None:
    """And that namespace refuses pods that ask for more than ours."""
    names = [(resource["kind"], resource["metadata"]["name"]) for resource in built]
    assert len(set(names)) == len(names)
    inside = {r["metadata"].get("namespace") for r in built if r["kind"] != "Namespace"}
    assert inside == {"auditlog"}
    (namespace,) = of_kind(built, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@every_build
def test_the_roles_are_there(built: list[Resource]) -> None:
    """Neither more nor fewer."""
    assert set(workloads(built)) == set(SETTINGS)
    assert not of_kind(built, "Secret")  # names only; what is in them is made elsewhere


@every_role
def test_every_variable_is_a_setting_with_a_value_it_takes(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt one would be ignored in silence; files that are named have to be there."""
    known = {setting.variable for setting in all_settings()}
    for name, value in environment(role).items():
        assert name in known, name
        if name.endswith("_FILE"):
            file = tmp_path / value.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{}")
            value = str(file)  # noqa: PLW2901
        monkeypatch.setenv(name, value)
    SETTINGS[role]()


@every_role
def test_secrets_are_files_of_mounted_secrets(role: str) -> None:
    """In no variable, and nowhere writable."""
    given = environment(role)
    assert not [name for name in given if SECRET.search(name)]
    assert not [variable for variable in container(role)["env"] if "valueFrom" in variable]
    of_all = {"AUDITLOG_WEBHOOK_SECRET_FILE"} if role != "alerts" else set()
    for name in {name for name in given if name.endswith("_FILE")} - of_all:
        assert "secret" in mounted(role, given[name]), name
    for mount in container(role)["volumeMounts"]:
        folders = {given.get("AUDITLOG_SEAL_FOLDER"), given.get("AUDITLOG_WITNESS_FOLDER")}
        writable = {"/tmp", *folders}  # noqa: S108
        assert mount.get("readOnly") or mount["mountPath"] in writable


@every_role
def test_each_role_has_secrets_of_its_own(role: str) -> None:
    """Whoever breaks into one has the rights of that one."""
    secrets = {volume["secret"]["secretName"] for volume in pod(role)["volumes"] if "secret" in volume}
    others = {
        volume["secret"]["secretName"]
        for other in set(SETTINGS) - {role}
        for volume in pod(other)["volumes"]
        if "secret" in volume
    }
    assert secrets
    assert not secrets & others


@every_role
def test_each_role_is_the_user_whose_secrets_it_has(role: str) -> None:
    """As `auditlog secrets` shares them out: a folder a service, which a Secret is made of."""
    (name,) = (
        volume["secret"]["secretName"].removeprefix("auditlog-")
        for volume in pod(role)["volumes"]
        if volume["name"] == "secrets"
    )
    (service,) = (one for one in SERVICES if one.name == name)
    given = environment(role)
    assert given.get("AUDITLOG_KAFKA_USERNAME") == service.kafka
    assert given.get("AUDITLOG_ELASTICSEARCH_USERNAME") == service.elasticsearch
    assert pod(role)["securityContext"]["runAsUser"] == service.uid
    assert ("AUDITLOG_SERVE_KEY_FILE" in given) == (name in SERVED)


@every_build
@every_role
def test_image_is_ours_in_this_version(built: list[Resource], role: str) -> None:
    """With its own entry point, which is the command."""
    one = container(role, built)
    assert one["image"].rpartition("/")[2] == f"chat-auditlog:{VERSION}"
    assert "command" not in one


@every_role
def test_arguments_are_a_command_that_there_is(role: str) -> None:
    """Options included: what the command line doesn't know, it refuses before it helps."""
    said = auditlog_in_process(*container(role)["args"], "--help")
    assert said.returncode == 0, said.stderr


@every_role
def test_ports_are_those_that_the_settings_name(role: str) -> None:
    """A container port is what a probe, a Service and a policy go by."""
    given = environment(role)
    ports = {port["name"]: str(port["containerPort"]) for port in container(role).get("ports", ())}
    wanted = {
        "metrics": given["AUDITLOG_METRICS_PORT"],
        "https": given.get("AUDITLOG_SERVE_PORT"),
        "witness": given.get("AUDITLOG_WITNESS_PORT"),
    }
    assert ports == {name: wanted[name] for name in ports}
    assert ("https" in ports, "metrics" in ports) == (role == "page", role != "setup")


def status(port: int, path: str) -> int:
    """Return the status of an answer of the monitor."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_probes_ask_for_what_there_is() -> None:
    """Of the server's own port by TLS, of the others' monitor."""
    port = free_port()
    monitor = Monitor("127.0.0.1", port, CollectorRegistry(), Health())
    try:
        assert status(port, "/nowhere") == 404
        for role in ("consumer", "alerts", "forwarder", "page", "sealer", "witness"):
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container(role)[name]["httpGet"]
                assert asked["port"] == ("https" if role == "page" else "metrics")
                assert asked.get("scheme") == ("HTTPS" if role == "page" else None)
                assert asked["path"] in PATHS
                assert status(port, asked["path"]) in (200, 503)
    finally:
        monitor.close()


def test_nobody_is_killed_for_waiting() -> None:
    """Alive is who turns; ready is who works. A consumer that waits for Elasticsearch is alive."""
    for role in ("consumer", "alerts", "forwarder", "page", "sealer", "witness"):
        one = container(role)
        paths = [
            one[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")
        ]
        assert paths == ["/livez", "/livez", "/readyz"]


def test_stop_is_given_longer_than_it_takes() -> None:
    """What was read is settled, a request that is under way included."""
    fields = ConsumerSettings.model_fields
    longest = fields["drain_seconds"].default + fields["request_seconds"].default
    assert pod("consumer")["terminationGracePeriodSeconds"] > longest


@every_role
def test_pods_can_do_no_more_than_they_need(role: str) -> None:
    """Nobody in particular, no capability, nothing to write to, no say in the cluster."""
    spec, one = pod(role), container(role)
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    # Variables such as AUDITLOG_PAGE_PORT would be taken for settings.
    assert spec["enableServiceLinks"] is False
    assert {"requests", "limits"} == set(one["resources"])
    for volume in spec["volumes"]:
        assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]
        assert volume.get("secret", {"defaultMode": 0o440})["defaultMode"] == 0o440


def test_those_that_are_many_survive_a_drain() -> None:
    """One at a time, also while they wait; and not on one node where there are others."""
    deployments = of_kind(BASE, "Deployment")
    budgets = of_kind(BASE, "PodDisruptionBudget")
    assert set(budgets) == {name for name, one in deployments.items() if one["spec"]["replicas"] > 1}
    for name, budget in budgets.items():
        labels = deployments[name]["spec"]["template"]["metadata"]["labels"]
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        spread = deployments[name]["spec"]["template"]["spec"]["topologySpreadConstraints"]
        for constraint in spread:
            assert constraint["labelSelector"]["matchLabels"].items() <= labels.items()


@every_build
def test_selectors_choose_pods_of_one_role(built: list[Resource]) -> None:
    """A Service or Deployment that took another's pods would be hard to find."""
    pods = {
        f"auditlog-{role}": found["spec"]["template"]["metadata"]["labels"]
        for role, found in workloads(built).items()
    }
    for name, deployment in of_kind(built, "Deployment").items():
        chosen = deployment["spec"]["selector"]["matchLabels"]
        assert [pod for pod, labels in pods.items() if chosen.items() <= labels.items()] == [name]
    services = of_kind(built, "Service")
    assert {"auditlog-page": "https", "auditlog-witness": "witness"} == {
        name: service["spec"]["ports"][0]["targetPort"] for name, service in services.items()
    }
    for name, service in services.items():
        chosen = service["spec"]["selector"]
        assert [name] == [pod for pod, labels in pods.items() if chosen.items() <= labels.items()]


@every_build
def test_nothing_is_let_through_that_is_not_named(built: list[Resource]) -> None:
    """All is refused first; each exception names whom and which port."""
    policies = of_kind(built, "NetworkPolicy")
    deny = policies.pop("auditlog-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        (kind,) = policy["spec"]["policyTypes"]
        assert policy["spec"][kind.lower()], name
        for rule in policy["spec"][kind.lower()]:
            assert rule["ports"], name
            for peer in rule["to" if kind == "Egress" else "from"]:
                assert peer.get("ipBlock", {"cidr": "x"})["cidr"] not in ("0.0.0.0/0", "::/0"), name
                assert peer.get("namespaceSelector") != {}, name


@every_build
def test_names_are_resolved_wherever_a_cluster_does_so(built: list[Resource]) -> None:
    """By kube-dns or CoreDNS, by NodeLocal DNSCache on the node itself, by OpenShift's operator.

    Without it each server would look as if it were away. A policy sees the port of the pod, after the
    service's has been translated: OpenShift's pods listen on 5353.
    """
    space = "kubernetes.io/metadata.name"
    found = {
        (
            peer.get("ipBlock", {}).get("cidr") or peer["namespaceSelector"]["matchLabels"][space],
            *sorted((port["protocol"], port["port"]) for port in rule["ports"]),
        )
        for rule in of_kind(built, "NetworkPolicy")["auditlog-names"]["spec"]["egress"]
        for peer in rule["to"]
    }
    assert found == {
        ("kube-system", ("TCP", 53), ("UDP", 53)),
        ("169.254.20.10/32", ("TCP", 53), ("UDP", 53)),
        ("openshift-dns", ("TCP", 5353), ("UDP", 5353)),
    }


@every_build
def test_the_sealer_alone_reaches_the_witness_which_reaches_nobody(built: list[Resource]) -> None:
    """At the Service that the log's policy is given."""
    labels = {
        role: {"app.kubernetes.io/name": "auditlog", "app.kubernetes.io/component": role}
        for role in SETTINGS
    }
    policies = {
        name: found["spec"]
        for name, found in of_kind(built, "NetworkPolicy").items()
        if name not in ("auditlog-deny", "auditlog-names")
    }
    (rule,) = policies["auditlog-witness"]["ingress"]
    (peer,) = rule["from"]
    assert ["sealer"] == [role for role in SETTINGS if _chooses(peer["podSelector"], labels[role])]
    out = {
        role: [
            peer
            for policy in policies.values()
            if "egress" in policy and _chooses(policy["podSelector"], labels[role])
            for rule in policy["egress"]
            for peer in rule["to"]
        ]
        for role in SETTINGS
    }
    assert [] == out["witness"]
    assert ["sealer"] == [
        role
        for role, peers in out.items()
        if any("podSelector" in p and _chooses(p["podSelector"], labels["witness"]) for p in peers)
    ]
    (port,) = of_kind(built, "Service")["auditlog-witness"]["spec"]["ports"]
    url = environment("sealer", built)["AUDITLOG_SEAL_WITNESS_URL"]
    assert f"http://auditlog-witness:{port['port']}" == url
    assert environment("witness", built)["AUDITLOG_WITNESS_PORT"] == str(port["port"])


def _chooses(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Tell whether a selector chooses a pod."""
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        (labels.get(each["key"]) in each["values"]) == (each["operator"] == "In")
        for each in selector.get("matchExpressions", ())
    )


@pytest.mark.parametrize("built", [BASE, BY_HPA], ids=["base", "hpa"])
def test_servers_are_let_through_at_the_ports_of_the_settings(built: list[Resource]) -> None:
    """A policy for another port would look like servers that are away."""
    given = environment("consumer", built)
    rules = of_kind(built, "NetworkPolicy")["auditlog-servers"]["spec"]["egress"]
    ports = {str(port["port"]) for rule in rules for port in rule["ports"]}
    servers = f"{given['AUDITLOG_KAFKA_BOOTSTRAP_SERVERS']},{given['AUDITLOG_ELASTICSEARCH_URL']}"
    assert ports == set(re.findall(r":(\d+)", servers))


def scaled_by_keda() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the specifications of the ScaledObject and its TriggerAuthentication."""
    (scaled,) = of_kind(EXAMPLE, "ScaledObject").values()
    (authentication,) = of_kind(EXAMPLE, "TriggerAuthentication").values()
    assert {scaled["apiVersion"], authentication["apiVersion"]} == {"keda.sh/v1alpha1"}
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": authentication["metadata"]["name"]}
    return scaled["spec"], authentication["spec"]


def test_scaled_object_has_the_shape_that_keda_documents() -> None:
    """Kubernetes' schemas don't know it; these are the fields of KEDA's own reference that we use."""
    spec, authentication = scaled_by_keda()
    assert set(spec) <= {
        *("scaleTargetRef", "pollingInterval", "cooldownPeriod", "minReplicaCount", "maxReplicaCount"),
        *("fallback", "advanced", "triggers"),
    }
    assert set(spec["scaleTargetRef"]) <= {"apiVersion", "kind", "name", "envSourceContainerName"}
    assert set(spec["fallback"]) == {"failureThreshold", "replicas"}
    assert set(spec["advanced"]) == {"horizontalPodAutoscalerConfig"}
    assert set(spec["advanced"]["horizontalPodAutoscalerConfig"]) == {"behavior"}
    (trigger,) = spec["triggers"]
    assert (set(trigger), trigger["type"]) == ({"type", "metadata", "authenticationRef"}, "kafka")
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert {name.removesuffix("FromEnv") for name in trigger["metadata"]} <= {
        *("bootstrapServers", "topic", "consumerGroup", "lagThreshold", "activationLagThreshold"),
        *("offsetResetPolicy", "allowIdleConsumers", "version", "sasl", "tls"),
    }
    assert set(authentication) == {"configMapTargetRef", "secretTargetRef"}
    for references in authentication.values():
        assert all(set(reference) == {"parameter", "name", "key"} for reference in references)


def test_keda_asks_about_the_consumers_of_these_settings() -> None:
    """The same brokers, topic and group, secured in the same way, from the consumers' own container."""
    spec, authentication = scaled_by_keda()
    target, metadata = spec["scaleTargetRef"], spec["triggers"][0]["metadata"]
    assert target == {
        "name": "auditlog-consumer",
        "envSourceContainerName": container("consumer")["name"],
    }
    given = environment("consumer")
    named = {value for name, value in metadata.items() if name.endswith("FromEnv")}
    assert named == {"AUDITLOG_KAFKA_BOOTSTRAP_SERVERS", "AUDITLOG_TOPIC", "AUDITLOG_GROUP"}
    assert named <= set(given)
    mechanism = {"PLAIN": "plaintext", "SCRAM-SHA-256": "scram_sha256", "SCRAM-SHA-512": "scram_sha512"}
    assert metadata["sasl"] == mechanism[given["AUDITLOG_KAFKA_SASL_MECHANISM"]]
    assert (metadata["tls"] == "enable") == given["AUDITLOG_KAFKA_SECURITY_PROTOCOL"].endswith("SSL")
    parameters = {one["parameter"] for references in authentication.values() for one in references}
    assert parameters == {"username", "password", "ca"}
    (user,) = authentication["configMapTargetRef"]
    onlooker = of_kind(EXAMPLE, "ConfigMap")[user["name"]]["data"][user["key"]]
    assert onlooker in KAFKA_USERS
    (service,) = (one for one in SERVICES if one.kafka == onlooker)
    assert {one["name"] for one in authentication["secretTargetRef"]} == {f"auditlog-{service.name}"}


def test_nobody_else_says_how_many_consumers_there_are() -> None:
    """At least two, so that one may go; at most as many as there are partitions."""
    spec, _ = scaled_by_keda()
    (by_hpa,) = of_kind(BY_HPA, "HorizontalPodAutoscaler").values()
    partitions = SetupSettings.model_fields["partitions"].default
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, partitions)
    assert (by_hpa["spec"]["minReplicas"], by_hpa["spec"]["maxReplicas"]) == (2, partitions)
    for built in (EXAMPLE, BY_HPA):
        assert "replicas" not in workloads(built)["consumer"]["spec"]
    assert not of_kind(EXAMPLE, "HorizontalPodAutoscaler")  # KEDA makes one


def test_hpa_goes_by_a_metric_that_consumers_have() -> None:
    """The lag, of the Deployment that is there."""
    (by_hpa,) = of_kind(BY_HPA, "HorizontalPodAutoscaler").values()
    assert by_hpa["spec"]["scaleTargetRef"]["name"] in of_kind(BY_HPA, "Deployment")
    names = {found["external"]["metric"]["name"] for found in by_hpa["spec"]["metrics"]}
    assert names <= {family.name for family in Metrics().registry.collect()}


def test_rules_of_the_example_are_rules() -> None:
    """They say what they find in their own examples; and lie where the runner looks for them."""
    folder = FOLDER / "overlays" / "example" / "rules"
    ranges = {"AUDITLOG_DENIED_RANGES": str(folder / "denied-ranges.txt")}
    said = auditlog_in_process("alerts", "test", AUDITLOG_ALERT_RULES=f"shipped,{folder}", **ranges)
    assert said.returncode == 0, said.stdout + said.stderr
    given = environment("alerts")
    own = given["AUDITLOG_ALERT_RULES"].removeprefix("shipped,")
    volume = mounted("alerts", f"{own}/x")
    assert volume == mounted("alerts", given["AUDITLOG_DENIED_RANGES"])
    assert set(of_kind(EXAMPLE, "ConfigMap")[volume["configMap"]["name"]]["data"]) == {
        file.name for file in folder.iterdir()
    }
