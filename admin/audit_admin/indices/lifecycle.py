"""Retention by Elasticsearch itself (ILM), where the server has it.

ILM counts from the creation of an index, which for an index of a month or a day lies at the earliest
at that period's begin. So the policy waits for the longest period and a day more: it never deletes
earlier than `auditlog retention` would, and up to a month later.
"""

from http import HTTPStatus

import elasticsearch
from audit_consumer import SetupFaultError
from audit_schemas import IndexNaming, index_template, lifecycle_of

from audit_admin.indices.inventory import take_inventory
from audit_admin.indices.retention import Keep
from audit_admin.settings import SetupSettings
from audit_admin.setup import put_template, stored_template

__all__ = ["has_lifecycle", "set_lifecycle"]

_MONTH, _SLACK = 31, 1
_LACKS = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


def has_lifecycle(client: elasticsearch.Elasticsearch) -> bool:
    """Tell whether the server has ILM; the core distribution has not."""
    try:
        client.ilm.get_lifecycle()
    except elasticsearch.ApiError as error:
        if error.meta.status in _LACKS:
            return False
        raise
    return True


def set_lifecycle(
    client: elasticsearch.Elasticsearch, naming: IndexNaming, settings: SetupSettings, keep: Keep
) -> list[str]:
    """Put the policy, name it in the template and in the indices that exist; say what was done.

    Raises SetupFaultError if the server has no ILM, or an error of the Elasticsearch client.
    """
    if not has_lifecycle(client):
        raise SetupFaultError(
            "This Elasticsearch has no index lifecycle management (ILM). Let a timer run "
            f"auditlog retention {keep} --delete --yes instead"
        )
    policy = naming.prefix
    days = keep.months * _MONTH + keep.days + _MONTH + _SLACK
    client.ilm.put_lifecycle(
        name=policy,
        policy={"phases": {"delete": {"min_age": f"{days}d", "actions": {"delete": {}}}}},
    )
    done = [f"policy {policy}: an index is deleted {days} days after its creation"]
    found = stored_template(client, naming.prefix)
    if lifecycle_of(found) != policy:
        put_template(client, naming.prefix, index_template(naming, settings.index_settings(policy)))
        done.append(f"index template {naming.prefix} names it, for indices to come")
    held = [one.index for one in take_inventory(client, naming).live()]
    if held:
        client.indices.put_settings(index=held, settings={"index.lifecycle.name": policy})
        done.append(f"{len(held)} indices that exist follow it")
    return done
