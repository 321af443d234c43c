"""The proof of every fault test: each event that was published is there, exactly once."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from audit_schemas.dead_letter import origin_of
from faults.flow import Flow
from support.servers import Deployment

__all__ = ["assert_exactly_once", "assert_flow_settled", "ids_indexed", "values_dead_lettered"]

_PAGE = 10_000
_SHOWN = 5


def assert_exactly_once(
    deployment: Deployment,
    ids: Collection[str],
    *,
    refused: Collection[bytes] = (),
    repeated: int = 0,
) -> None:
    """Hold the servers' data against what was published and is settled.

    Each of `ids` is one document, and there are no others; the dead letters are `refused`, copies
    of one record counted once; and `auditlog verify` agrees, `repeated` records being duplicates.
    """
    _assert_same("document", ids, ids_indexed(deployment))
    _assert_same("dead letter", refused, values_dead_lettered(deployment))
    expected = (
        f"published {len(ids) + repeated + len(refused)} = "
        f"indexed {len(ids)} + duplicates {repeated} + dead-lettered {len(refused)}"
    )
    proof = deployment.run("verify").stdout.splitlines()[-1]
    assert proof == expected, f"{proof}; it should be: {expected}"


def assert_flow_settled(deployment: Deployment, flow: Flow) -> None:
    """Do the same for all that a flow published."""
    assert_exactly_once(deployment, flow.ids, refused=flow.refused, repeated=flow.repeated)


def ids_indexed(deployment: Deployment) -> Iterator[str]:
    """Yield the id of every document, in whichever index it is."""
    with deployment.client() as client:
        client.indices.refresh(index=f"{deployment.name}-*")
        point = client.open_point_in_time(index=f"{deployment.name}-*", keep_alive="1m")["id"]
        after: dict[str, Any] = {}
        while True:
            hits = client.search(
                pit={"id": point}, size=_PAGE, sort=["_shard_doc"], source=False, **after
            )["hits"]["hits"]
            yield from (hit["_id"] for hit in hits)
            if not hits:
                break
            after = {"search_after": hits[-1]["sort"]}
        client.close_point_in_time(id=point)


def values_dead_lettered(deployment: Deployment) -> Iterator[bytes]:
    """Yield the bytes of each record that was dead-lettered, once for each place that it had."""
    found = {origin_of(letter.headers): letter.value for letter in deployment.dead_letters()}
    assert None not in found, "a dead letter does not say where it stood"
    return (value or b"" for value in found.values())


def _assert_same(what: str, expected: Iterable[Any], actual: Iterable[Any]) -> None:
    """Go through `actual` once, since a long soak has many millions."""
    left = Counter(expected)
    surplus = []
    for found in actual:
        if found not in left:
            surplus.append(found)
        elif left[found] == 1:
            del left[found]
        else:
            left[found] -= 1
    assert not left and not surplus, (  # noqa: PT018 - both tell more than the first
        f"{left.total()} {what}s are missing, such as {list(left)[:_SHOWN]}; "
        f"{len(surplus)} are too many, such as {surplus[:_SHOWN]}"
    )
