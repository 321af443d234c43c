"""`auditlog doctor`: checks of the setup, each with what is wrong and how to fix it."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import elasticsearch
from audit_consumer import ConsumerSettings, GeoFile, SetupFaultError
from audit_query import QuerySettings
from audit_runtime import ConfigurationError
from audit_runtime.elastic import connect
from audit_runtime.kafka import committed_offsets, partition_bounds
from audit_schemas import MANAGED_BY, CatalogueError, IndexNaming, index_template, lifecycle_of, mapping
from confluent_kafka import Consumer, KafkaException, TopicPartition

from audit_admin.check import Check
from audit_admin.reachability import away_brokers, away_nodes
from audit_admin.reference_list_checks import reference_list_checks
from audit_admin.settings import SetupSettings
from audit_admin.setup import stored_template, template_differs
from audit_admin.topics import TopicPlan, Topics, topic_plans

__all__ = ["Check", "elasticsearch_checks", "run_checks"]

_OLDEST = (9, 0)
_PRIVILEGES = [
    "create_doc",
    "auto_configure",
    "view_index_metadata",
    "indices:data/read/get",
    "indices:data/read/mget",
]
_CLUSTER = ["indices:admin/index_template/get"]
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run_checks(
    settings: ConsumerSettings, setup: SetupSettings, query: QuerySettings
) -> Iterator[Check]:
    """Check the files, Kafka and Elasticsearch. Never raises for what is wrong with them."""
    yield _catalogue(settings)
    yield from reference_list_checks(query, datetime.now(UTC))
    for path in settings.geo_paths:
        yield _geo_file(GeoFile(path).renewed())
    yield from _kafka(settings, setup)
    try:
        client = connect(settings, seconds=10)
    except ConfigurationError as fault:
        yield Check("Elasticsearch", False, str(fault))
        return
    with client:
        yield from away_nodes(settings)
        yield from elasticsearch_checks(client, settings, setup)


def _catalogue(settings: ConsumerSettings) -> Check:
    try:
        catalogue = settings.load_catalogue()
    except CatalogueError as error:
        return Check("catalogue", False, str(error), "Fix the file that AUDITLOG_CATALOGUE names")
    return Check("catalogue", True, f"{len(catalogue)} activities")


def _geo_file(file: GeoFile) -> Check:
    subject = f"geo database {file.path.name}"
    if warning := file.warning(datetime.now(UTC)):
        return Check(subject, False, warning, "Put a newer one there; consumers read it by themselves")
    return Check(subject, True, f"of {file.built:%Y-%m-%d}")


def _kafka(settings: ConsumerSettings, setup: SetupSettings) -> Iterator[Check]:
    try:
        topics = Topics(setup)
        brokers, partitions = topics.brokers(), topics.partitions()
        yield Check("Kafka", True, f"{brokers} broker(s) at {settings.kafka_bootstrap_servers}")
        yield from away_brokers(settings)
        is_secured = settings.kafka_security_protocol.endswith("SSL")
        addresses = [] if is_secured else settings.kafka_bootstrap_servers.split(",")
        yield from _plain_text("Kafka", addresses)
        for plan in topic_plans(setup):
            yield _topic(topics, plan, partitions)
        if settings.topic in partitions:
            yield _group(settings, partitions[settings.topic])
    except (SetupFaultError, ConfigurationError) as fault:
        yield Check("Kafka", False, str(fault))
    except KafkaException as error:  # no client can be made, such as with an invalid CA file
        yield Check(
            "Kafka", False, error.args[0].str(), "Correct AUDITLOG_KAFKA_CA_FILE, or what else it names"
        )


def _topic(topics: Topics, plan: TopicPlan, partitions: dict[str, int]) -> Check:
    subject = f"topic {plan.name}"
    if plan.name not in partitions:
        return Check(subject, False, "is missing", "Run auditlog setup")
    found = topics.config(plan.name)
    wrong = [
        f"{k} is {found.get(k)}, should be {v}" for k, v in plan.required.items() if found.get(k) != v
    ]
    if wrong:
        return Check(subject, False, "; ".join(wrong), "Run auditlog setup")
    return Check(subject, True, f"{partitions[plan.name]} partition(s)")


def _group(settings: ConsumerSettings, partitions: int) -> Check:
    subject = f"group {settings.group}"
    consumer = Consumer(settings.consumer_config())
    try:
        wanted = [TopicPartition(settings.topic, number) for number in range(partitions)]
        lag = 0
        unread = 0
        for point in committed_offsets(consumer, wanted):
            low, high = partition_bounds(consumer, point)
            if point.offset < 0:
                unread += 1
            elif point.offset < low:
                return Check(
                    subject,
                    False,
                    f"partition {point.partition}: {point.offset} to {low - 1} expired unconsumed",
                    "Run auditlog consume --skip-expired",
                )
            lag += high - max(point.offset, low)
    except KafkaException as error:
        return Check(subject, False, f"can't be read: {error.args[0].str()}", "Check Kafka's ACLs")
    finally:
        consumer.close()
    if unread == partitions:
        return Check(
            subject, True, "has not consumed anything yet; to begin: auditlog consume --start earliest"
        )
    return Check(subject, True, f"{lag:,} records behind")


def elasticsearch_checks(
    client: elasticsearch.Elasticsearch, settings: ConsumerSettings, setup: SetupSettings
) -> Iterator[Check]:
    """Check Elasticsearch: its nodes, version, template, mappings, and what this user may do."""
    url = settings.elasticsearch_url
    checks: tuple[Callable[[], Iterator[Check]], ...] = (
        lambda: _health(client, url),
        lambda: _version(client),
        lambda: _template(client, setup),
        lambda: _mappings(client, setup),
        lambda: _privileges(client, settings),
    )
    plain = [node for node in url.split(",") if urlsplit(node.strip()).scheme != "https"]
    yield from _plain_text("Elasticsearch", plain)
    for check in checks:
        try:
            yield from check()
        except elasticsearch.AuthenticationException:
            yield Check(
                "Elasticsearch",
                False,
                f"{url} refuses the credentials",
                "Set AUDITLOG_ELASTICSEARCH_USERNAME and _PASSWORD, or _API_KEY",
            )
            return
        except elasticsearch.AuthorizationException as error:
            yield Check(
                "Elasticsearch",
                False,
                f"refuses access: {error.message}",
                "Give this user a role from deploy/elasticsearch/roles.yml",
            )
        except elasticsearch.ApiError as error:
            yield Check("Elasticsearch", False, f"{error.meta.status}: {error.message}")
        except elasticsearch.TransportError as error:
            yield Check(
                "Elasticsearch",
                False,
                f"{url} does not answer ({type(error).__name__})",
                "Is it running? Set AUDITLOG_ELASTICSEARCH_URL, or start it: auditlog local up",
            )
            return


def _health(client: elasticsearch.Elasticsearch, url: str) -> Iterator[Check]:
    health = client.cluster.health()
    status = health["status"]
    yield Check(
        "Elasticsearch",
        status != "red",
        f"answers at {url}, status {status}",
        "" if status != "red" else "Shards are missing: see GET _cluster/allocation/explain",
    )


def _version(client: elasticsearch.Elasticsearch) -> Iterator[Check]:
    nodes = client.nodes.info(filter_path="nodes.*.version")
    versions = sorted({node["version"] for node in nodes.get("nodes", {}).values()})
    old = [v for v in versions if tuple(map(int, v.split(".")[:2])) < _OLDEST]
    yield Check(
        "Elasticsearch version",
        not old,
        ", ".join(versions) or "unknown",
        "Upgrade to Elasticsearch 9" if old else "",
    )


def _template(client: elasticsearch.Elasticsearch, setup: SetupSettings) -> Iterator[Check]:
    name = setup.index_prefix
    subject = f"index template {name}"
    found = stored_template(client, name)
    if found is None:
        yield Check(subject, False, "is missing", "Run auditlog setup")
        return
    meta = found.get("_meta", {})
    if meta.get("managed_by") != MANAGED_BY:
        yield Check(
            subject, False, "is not managed by auditlog", "Rename it, or set AUDITLOG_INDEX_PREFIX"
        )
        return
    naming = IndexNaming.from_meta(name, meta["periods"])
    differs = template_differs(found, index_template(naming, setup.index_settings(lifecycle_of(found))))
    yield Check(
        subject,
        not differs,
        "differs from this version or these settings" if differs else "up to date",
        "Run auditlog setup" if differs else "",
    )


def _mappings(client: elasticsearch.Elasticsearch, setup: SetupSettings) -> Iterator[Check]:
    """Check whether existing indices have this version's mapping."""
    name = setup.index_prefix
    wanted = mapping()["properties"]
    found = client.indices.get_mapping(index=f"{name}-*", allow_no_indices=True)
    ours = {
        index: body["mappings"].get("properties")
        for index, body in found.items()
        if body["mappings"].get("_meta", {}).get("managed_by") == MANAGED_BY
    }
    older = sorted(index for index, properties in ours.items() if properties != wanted)
    yield Check(
        f"mapping of {len(ours)} indices",
        not older,
        f"outdated in {', '.join(older[:5])}" if older else "up to date",
        "Run auditlog setup, then auditlog reindex" if older else "",
    )


def _privileges(client: elasticsearch.Elasticsearch, settings: ConsumerSettings) -> Iterator[Check]:
    try:
        answer = client.security.has_privileges(
            cluster=_CLUSTER,
            index=[{"names": [f"{settings.index_prefix}-*"], "privileges": _PRIVILEGES}],
        )
    except (elasticsearch.BadRequestError, elasticsearch.ApiError) as error:
        if error.meta.status in (400, 404, 405):
            yield Check("privileges", True, "security is off: everyone has all privileges")
            return
        raise
    held = answer["index"][f"{settings.index_prefix}-*"] | answer["cluster"]
    missing = sorted(name for name, granted in held.items() if not granted)
    yield Check(
        "privileges",
        not missing,
        f"missing for a consumer: {', '.join(missing)}" if missing else "sufficient for a consumer",
        "Give this user the role audit_writer from deploy/elasticsearch/roles.yml" if missing else "",
    )


def _plain_text(subject: str, addresses: Iterable[str]) -> Iterator[Check]:
    """Warn if events cross a network in plain text, to one of these addresses, which have no TLS."""
    if any(_host(address.strip()) not in _LOOPBACK for address in addresses):
        yield Check(f"{subject} connection", False, "events cross the network in plain text", "Use TLS")


def _host(address: str) -> str | None:
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:  # not an address, as another check says
        return None
