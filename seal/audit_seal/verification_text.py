"""What `seal verify` says: the equation, what is wrong and where, who signed, what is not proven."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from audit_schemas import format_timestamp, printable

from audit_seal.note import encode_base64
from audit_seal.reconciliation import Class, Finding, Reconciliation
from audit_seal.verify import Verification

__all__ = ["as_json", "equation", "report_lines"]

_TERMS: Sequence[Class] = (
    "indexed",
    "duplicates",
    "dead-lettered",
    "no record",
    "gap",
    "retired",
)
_WRONG: Sequence[Class] = ("changed", "missing", "unverifiable")
_MOST_LINES = 20


def equation(result: Reconciliation) -> str:
    """Return the totals as the equation that has to hold, and what is wrong."""
    classes = result.classes
    terms = [f"{name} {classes[name]}" for name in _TERMS]
    terms += [f"{name} {classes[name]}" for name in ("not settled", *_WRONG) if classes[name]]
    wrong = (
        f"changed {classes['changed']}, missing {classes['missing']}, added {result.added}, "
        f"unverifiable {classes['unverifiable']}, not yet sealed {result.not_sealed}"
    )
    return f"sealed {result.sealed} = {' + '.join(terms)}; {wrong}"


def report_lines(found: Verification) -> Iterator[str]:
    """Yield what a person reads, the equation last; nothing of it moves a terminal's cursor."""
    yield from map(printable, _lines(found))


def _lines(found: Verification) -> Iterator[str]:
    checked, result = found.checked, found.result
    yield from (f"log: {fault}" for fault in checked.faults)
    yield from _findings(result.findings)
    yield from (f"mapping: {fault}" for fault in found.mapping_faults[:_MOST_LINES])
    checkpoint = checked.checkpoint
    yield (
        f"checkpoint: {checkpoint.origin}, {checkpoint.size} entries, "
        f"root {encode_base64(checkpoint.root)}"
    )
    for signature in [*checked.periods[-1:]]:
        yield f"signed by {checkpoint.origin} and {signature.key.name} at {_time(signature.time)}"
    if ended := sum(signature.is_last for signature in checked.periods):
        yield f"periods that have ended, each signed by its own key: {ended}"
    yield from (f"cosigned by {each.witness} at {_time(each.time)}" for each in checked.cosigned)
    if checked.stamps:
        last = checked.stamps[-1]
        yield (
            f"time-stamped at {last.size} entries, {format_timestamp(last.time)}, by {last.authority}; "
            f"time stamps that hold: {len(checked.stamps)}"
        )
    if checked.published:
        yield f"published checkpoints that the log was compared with: {checked.published}"
    yield from (f"not proven: {sentence}" for sentence in _not_proven(found))
    yield equation(result)


def as_json(found: Verification) -> dict[str, object]:
    """Return the same for machines."""
    checked, result = found.checked, found.result
    return {
        "is_sound": found.is_sound,
        "sealed": result.sealed,
        **{
            name.replace("-", "_").replace(" ", "_"): result.classes[name]
            for name in (*_TERMS, "not settled", *_WRONG)
        },
        "added": result.added,
        "adopted": result.adopted,
        "not_sealed": result.not_sealed,
        "in_gap": result.in_gap,
        "findings": [
            {
                "kind": each.kind,
                "topic": each.place.topic,
                "topic_id": each.place.topic_id or None,
                "partition": each.place.partition,
                "offset": each.offset,
                "detail": each.detail,
            }
            for each in result.findings
        ],
        "log_faults": checked.faults,
        "mapping_faults": found.mapping_faults,
        "checkpoint": {
            "origin": checked.checkpoint.origin,
            "size": checked.checkpoint.size,
            "root": encode_base64(checked.checkpoint.root),
        },
        "periods": [
            {"number": each.number, "key": str(each.key), "size": each.size, "time": _time(each.time)}
            for each in checked.periods
        ],
        "cosigned": [{"witness": each.witness, "time": _time(each.time)} for each in checked.cosigned],
        "published": checked.published,
        "time_stamps": [
            {"size": each.size, "time": format_timestamp(each.time), "authority": each.authority}
            for each in checked.stamps
        ],
        "not_proven": list(_not_proven(found)),
    }


def _not_proven(found: Verification) -> Iterator[str]:
    """Yield what nobody may conclude from the answer."""
    result = found.result
    yield "that an event is true, or was not changed in Kafka before the sealer and a consumer read it"
    yield "an event's own @timestamp, beyond that Kafka took it at event.created; event.ingested"
    if not found.has_own_keys:
        yield "that these are the log's keys: they stand beside it; give yours: --policy, --first-key"
    if not found.checked.cosigned:
        yield "that everybody is shown the same log: no witness of the policy has cosigned it"
    yield from _not_proven_of_time(found)
    if found.checked.published is None:
        yield "that the folder is the newest, and the only one: --published asks Kafka"
    if found.is_export:
        yield "indices and mappings: an export does not have them"
    if not found.times.is_all:
        yield "events of other times, and which offsets were gaps in this time"
    if result.adopted:
        yield f"{result.adopted} documents before they were adopted: Kafka no longer had their records"
    if result.in_gap:
        yield (
            f"{result.in_gap} documents whose records had expired unsealed; "
            "auditlog seal adopt proves them from then on"
        )
    if unsettled := result.classes["not settled"]:
        yield f"that {unsettled} sealed records have documents: no consumer was seen to be past them"
    if result.not_sealed:
        yield f"{result.not_sealed} documents that are newer than the checkpoint"


def _not_proven_of_time(found: Verification) -> Iterator[str]:
    if found.checked.unchecked_stamps:
        yield (
            f"when the log had this state: {found.checked.unchecked_stamps} time stamps were not "
            "checked; give their authority's certificates: --stamp-ca"
        )
    elif not found.checked.stamps:
        yield "when the log had this state: no time-stamping authority has stamped a checkpoint"
    elif not found.has_own_authority:
        yield "that the time stamps are of an authority that you trust: give yours: --stamp-ca"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield where something is wrong; neighbours with the same reason in one line."""
    lines = [_line(group) for group in _grouped(findings)]
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"and {len(lines) - _MOST_LINES} more lines of this kind; --json lists them"


def _grouped(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    group: list[Finding] = []
    for each in sorted(findings, key=lambda f: (f.kind, f.place.topic, f.place.partition, f.offset)):
        if group and each == group[-1]._replace(offset=group[-1].offset + 1):
            group.append(each)
            continue
        if group:
            yield group
        group = [each]
    if group:
        yield group


def _line(group: Sequence[Finding]) -> str:
    first, last = group[0], group[-1]
    where = f"offset {first.offset}" if first is last else f"offsets {first.offset} to {last.offset}"
    detail = f": {first.detail}" if first.detail else ""
    topic = f"{first.place.topic} [{first.place.partition}], " if first.place.topic else ""
    return f"{first.kind}: {topic}{where}{detail}"


def _time(seconds: int) -> str:
    return format_timestamp(datetime.fromtimestamp(seconds, UTC))
