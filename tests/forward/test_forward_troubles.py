"""Receivers that are away, refuse or break off, and a forwarder that is killed: nothing is lost."""

import json
import random
import threading
from collections import Counter

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from support.conditions import wait_until
from support.http_receiver import HttpReceiver, http_receiver
from support.streams import StreamTrial, ids_of

pytestmark = pytest.mark.servers

EARLIEST = 'start = "earliest"\n'


def webhook(receiver: HttpReceiver, events: int = 500) -> str:
    """Return the file of a stream that begins with the first event."""
    table = f'type = "webhook", url = "{receiver.url}/", events_per_request = {events}'
    return f"{EARLIEST}to = {{{table}}}"


def test_killed_forwarder_loses_nothing(trial: StreamTrial) -> None:
    """SIGKILL at random moments costs repeats of what was not noted yet, and no event."""
    ids = trial.publish(400)
    chance = random.Random(19)
    with http_receiver() as receiver:
        trial.write("hook", webhook(receiver, events=5))
        for _ in range(4):
            process = trial.start()
            enough = len(receiver.taken) + chance.randint(1, 60)
            wait_until(lambda: len(receiver.taken) >= enough, what="some were delivered")  # noqa: B023
            process.kill()
            process.wait(60)
        with trial.running():
            wait_until(lambda: set(receiver.taken) == ids, what="the rest was delivered")
            wait_until(lambda: trial.state("hook")["delivered"] >= 400, what="that was noted")
        times = Counter(receiver.taken)
    assert set(times) == ids
    assert max(times.values()) <= 5, "a kill repeats an event once at most"
    # Each event was counted once: a repeat replaces what the killed process had not noted.
    assert trial.state("hook")["delivered"] == 400


def test_troubled_receivers_hold_up_themselves_alone(trial: StreamTrial) -> None:
    """One event is refused, a receiver refuses all, another gives half an answer: each has its own."""
    ids = sorted(trial.publish(40))
    refused = ids[7]
    halves = iter([0, 0, 503])
    with http_receiver() as picky, http_receiver() as refusing, http_receiver() as broken:
        picky.answer = lambda body: 400 if refused in ids_of(body) else 200
        picky.said = refusing.said = b'{"text": "[/Invalid] data format"}'
        refusing.answer = lambda _: 400
        broken.answer = lambda _: next(halves, 200)
        for name, receiver in (("picky", picky), ("refusing", refusing), ("broken", broken)):
            trial.write(name, webhook(receiver))
        with trial.running():
            wait_until(
                lambda: (
                    set(picky.taken) == {*ids} - {refused}
                    and set(broken.taken) == {*ids}
                    and trial.state("refusing").get("problem")
                    and trial.state("picky").get("dead_letters")
                ),
                what="two have all, and one has said why not",
            )
            more = trial.publish(5)
            wait_until(lambda: set(broken.taken) >= more, what="what came later was delivered")
            statuses = json.loads(trial.deployment.run("forward", "status", "--json").stdout)
            by_name = {each["stream"]: each for each in statuses}
            assert by_name["refusing"]["delivered"] == by_name["refusing"]["dead_letters"] == 0
            assert by_name["refusing"]["lag"] == 45
            assert by_name["refusing"]["is_forwarded"]
            assert "refuses every event that was tried: 400" in by_name["refusing"]["problem"]
            assert "[/Invalid]" in trial.deployment.run("forward", "status").stdout
            refusing.answer = lambda _: 200
            wait_until(
                lambda: set(refusing.taken) == {*ids, *more},
                what="the receiver has all once it is fixed",
            )
    (letter,) = json.loads(trial.deployment.run("forward", "dead-letters", "picky", "--json").stdout)
    assert (letter["item"], letter["answer"]) == (refused, '400 {"text": "[/Invalid] data format"}')
    assert "[/Invalid]" in trial.deployment.run("forward", "dead-letters", "picky").stdout
    counted = trial.deployment.run("forward", "verify", "picky", "--from", "-1h", "--json").stdout
    found = json.loads(counted)
    assert (found["matching"], found["delivered"], found["dead_letters"]) == (45, 44, 1)
    assert (found["waiting"], found["missing"]) == (0, 0)


def test_slow_receiver_loses_nothing_and_holds_up_no_other(trial: StreamTrial) -> None:
    """Its answers come too late, then in time but slowly; others go on meanwhile."""
    trial.deployment.extra["AUDITLOG_STREAM_ATTEMPT_SECONDS"] = "1"
    ids = trial.publish(15)
    recovers, pause = threading.Event(), threading.Event()

    def late(_: bytes) -> int:
        if recovers.is_set():
            pause.wait(0.3)
            return 200
        recovers.wait(120)
        return 0  # nobody waits for it any more

    with http_receiver() as slow, http_receiver() as quick:
        slow.answer = late
        trial.write("slow", webhook(slow, events=10))
        trial.write("quick", webhook(quick))
        with trial.running():
            wait_until(lambda: set(quick.taken) == ids, what="the other has all")
            wait_until(lambda: trial.state("slow").get("problem"), what="an answer came too late")
            more = trial.publish(5)
            wait_until(lambda: set(quick.taken) >= more, what="the other has what came later")
            state = trial.state("slow")
            assert state["delivered"] == 0
            assert "does not answer" in state["problem"]
            recovers.set()
            wait_until(lambda: set(slow.taken) == {*ids, *more}, what="the slow one has all as well")
            wait_until(lambda: trial.state("slow")["delivered"] == 20, what="that was noted")


def test_gap_is_told_and_sent_from_history(trial: StreamTrial) -> None:
    """Events from before a stream began; a run that is broken off goes on behind what was delivered."""
    before = trial.publish(30)
    with http_receiver() as receiver:
        trial.write("hook", webhook(receiver, events=10).removeprefix(EARLIEST))
        with trial.running():
            trial.wait_for_begin("hook")
            after = trial.publish(5)
            wait_until(lambda: set(receiver.taken) == after, what="what came later was delivered")
        counted = trial.deployment.run("forward", "verify", "hook", "--from", "-1h", check=False)
        assert counted.returncode == 1
        assert "30 events were not sent" in counted.stderr
        span = ("--from", "2026-01-01", "--to", "2100-01-01")
        statuses = iter([200])
        receiver.answer = lambda _: next(statuses, 503)
        process = trial.start("hook", *span)
        wait_until(lambda: len(receiver.posts) >= 3, what="the receiver went away meanwhile")
        process.terminate()
        process.wait(60)
        receiver.answer = lambda _: 200
        told = trial.deployment.run("forward", "status").stdout
        assert "history was broken off" in told
        assert "35 events delivered" in trial.deployment.run("forward", "run", "hook", *span).stdout
        assert set(receiver.taken) == {*before, *after}
        assert trial.deployment.run("forward", "verify", "hook", "--from", "-1h").stdout
        trial.deployment.run("forward", "run", "hook", *span)
        assert len(receiver.taken) == 40, "it was sent whole"
        trial.deployment.run("forward", "run", "hook", *span, "--again")
        assert len(receiver.taken) == 75


def test_records_that_kafka_deleted_come_from_elasticsearch(trial: StreamTrial) -> None:
    """A stream that was away for longer than Kafka keeps records passes over none."""
    ids = trial.publish(20)
    with http_receiver() as receiver:
        trial.write("hook", webhook(receiver))
        with trial.running():
            wait_until(lambda: set(receiver.taken) == ids, what="the stream has begun")
        more = trial.publish(30)
        settings = trial.deployment.consumer
        admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
        numbers = admin.list_topics(settings.topic).topics[settings.topic].partitions
        ends = [TopicPartition(settings.topic, number, -1) for number in numbers]
        for done in admin.delete_records(ends).values():
            done.result(60)
        last = trial.publish(3)
        with trial.running():
            wait_until(lambda: set(receiver.taken) == {*ids, *more, *last}, what="all was delivered")
    assert "Kafka has deleted records that were not forwarded yet" in trial.log.read_text()
