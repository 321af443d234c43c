"""The bench from end to end: on stubs, and once on the servers that all tests share."""

import json
import os
import platform
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from audit_consumer import RESPONSE_FIELDS
from audit_query import QuerySettings
from rich.console import Console, Group
from support.events import chat_opened
from support.messages import message
from support.servers import ROOT, Deployment
from typer.testing import CliRunner

from benchmarks import (
    commands,
    detection_report,
    fields,
    latency,
    places,
    producer,
    query,
    servers,
    sink,
    sizes,
)
from benchmarks.alerts import time_steps
from benchmarks.bodies import Bodies, Writer
from benchmarks.contestants import Arena, Emptied, Indexer, Loss, Shape
from benchmarks.detection import Detection
from benchmarks.errors import BenchError
from benchmarks.family import Family
from benchmarks.figures import table
from benchmarks.index import Disk
from benchmarks.labelled import Verdict
from benchmarks.machine import describe
from benchmarks.pages import PAGES
from benchmarks.query import ask_all
from benchmarks.questions import KINDS
from benchmarks.records import record_of
from benchmarks.run import Run, Sample
from benchmarks.screen import Screen
from benchmarks.servers import Servers
from benchmarks.shippers import RSYSLOG, Shipper
from benchmarks.speed import CONTESTANTS
from benchmarks.topic import end_of_traffic, preload_topic


def run_at(rate: float) -> Run:
    """Return a run of that many documents a second."""
    return Run(
        documents=1000,
        documents_per_second=rate,
        contestant_cpu_per_million=10.0,
        elastic_cpu_per_million=20.0,
        broker_cpu_per_million=1.0,
        peak_mib=90.0,
        start_seconds=1.5,
        start_cpu_seconds=0.5,
        total_cpu_seconds=2.0,
        others_share=0.02,
    )


@dataclass
class StubArena:
    """Gives figures for whatever is asked of it, and notes what that was."""

    folder: Path
    events: int = 1000
    topic: str = "bench.events"
    is_small: bool = True
    asked: list[str] = field(default_factory=list)
    topics: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.servers = SimpleNamespace(
            folder=self.folder, kafka="", elasticsearch="http://127.0.0.1:9", calm_down=lambda: None
        )
        self.client: Any = None
        self.screen = Screen()

    def ceiling(self, shape: Shape, _: int, what: str = "") -> Run:
        """Be the faster the more connections there are."""
        self.asked.append(what or str(shape))
        return run_at(50_000.0 + 1000 * shape.connections)

    def pushed(self, _: object, __: Shape, ___: int, what: str, **____: object) -> Run:
        """Be as fast whatever is pushed."""
        self.asked.append(what)
        return run_at(50_000)

    def consumers(
        self, indexer: Indexer, processes: int, what: str, **options: Any
    ) -> tuple[Run, list[Sample]]:
        """Be slower with two processes, and slowest by hand."""
        self.asked.append(what)
        if "then" in options:
            options["then"](StubIndex())
        rates = {("audit_cli", 1): 40_000, ("audit_cli", 2): 36_000, (RSYSLOG, 1): 32_000}
        rate = rates.get((indexer, processes), 8000)
        times = ((0.0, 0), (1.0, 1), (2.0, 1000))
        samples = [Sample(at, documents, 0, 0, 0, 0, 0) for at, documents in times]
        return run_at(rate), samples

    def on_topic(self, topic: str, events: int, partitions: int = 6) -> "StubArena":
        """Note which it is, and give the same figures for it."""
        self.topics[topic] = events, partitions
        return self

    def killed(self, indexer: Indexer, what: str) -> Loss:
        """Lose events as rsyslog alone does."""
        self.asked.append(what)
        return Loss(26_000, 0) if indexer is RSYSLOG else Loss(0, 0)

    def emptied(self, processes: int, what: str) -> Emptied:
        """Be half as fast with two processes."""
        self.asked.append(what)
        return Emptied(run_at(60_000 / processes), 2, 0, 1.4)

    def make_bodies(self) -> Any:
        """Write a hundred documents."""
        writer = Writer(self.folder)
        for _ in range(100):
            writer.write(b'{"create":{"_id":"0123456789abcdef"}}', b'{"user":{"id":"u"}}')
        writer.close()
        return Bodies(self.folder)

    @contextmanager
    def fresh_index(self) -> Iterator["StubIndex"]:
        """Give a stub."""
        yield StubIndex()


class StubIndex:
    """An index of 300 bytes a document."""

    prefix = "bench"

    def __init__(self, *_: object) -> None:
        pass

    def disk(self) -> Disk:
        """Say what fields take."""
        return Disk(300_000, {"user.id": (1000, 2000, 3000), "_seq_no": (1, 0, 0)})

    def template(self) -> dict[str, Any]:
        """Have one field."""
        mappings = {"properties": {"user": {"properties": {"id": {"type": "keyword"}}}}}
        return {"settings": {"index": {}}, "mappings": mappings}

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: None


@pytest.fixture
def arena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StubArena:
    """Give the arena that every command gets, instead of servers."""
    stub = StubArena(tmp_path)
    monkeypatch.setattr(Shipper, "missing", lambda _: None)

    @contextmanager
    def bench(events: int, _: int | None = None) -> Iterator[tuple[StubArena, float]]:
        stub.events = events
        yield stub, 329.0

    monkeypatch.setattr(commands, "_bench", bench)
    for module in (fields, producer, sizes):
        monkeypatch.setattr(module, "Index", StubIndex)
    StubIndex.make_topic = staticmethod(lambda *_: None)  # type: ignore[attr-defined]
    return stub


def printed(monkeypatch: pytest.MonkeyPatch, module: Any, found: dict[str, float]) -> None:
    """Let a module's processes print these figures, without starting any."""

    @contextmanager
    def run(*_: object) -> Iterator[list[Any]]:
        yield [SimpleNamespace(finish=lambda _: json.dumps(found).encode())]

    monkeypatch.setattr(module, "running", run)


def bench(*arguments: str) -> str:
    """Run a command in process and return its tables."""
    done = CliRunner().invoke(commands.app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def text_of(result: Group) -> str:
    """Return what a table looks like in a file."""
    console = Console(width=200)
    with console.capture() as captured:
        console.print(result)
    return captured.get()


def cells(shown: str, name: str) -> list[str]:
    """Return the cells of a row."""
    (row,) = (line for line in shown.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_all_measures_side_by_side_scaling_latency_and_producer(
    arena: StubArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contestants in turn, each beside the ceiling of its round; then the rest, at half the rate."""
    rates = []
    monkeypatch.setattr(commands, "measure_latency", lambda _, rate, __: rates.append(rate))
    monkeypatch.setattr(places, "_EVENTS", 100)
    monkeypatch.setattr(places, "_ROUNDS", 2)
    printed(monkeypatch, producer, {"seconds": 0.01, "cpu_us": 5.0, "caller_cpu_us": 3.0})
    shown = bench("all", "--events", "1000", "--rounds", "2")
    turns, count = [what for what in arena.asked if what.startswith("Round")], len(CONTESTANTS)
    assert [what.partition(": ")[2] for what in turns[:count]] == list(CONTESTANTS)
    assert [what[:7] for what in turns[: 2 * count]] == ["Round 1"] * count + ["Round 2"] * count
    assert cells(shown, "auditlog consume")[1:4] == ["40,000", "0.77", "1.00"]
    assert cells(shown, "auditlog consume")[-2:] == ["once", "0 + 0"]
    assert cells(shown, "rsyslog, events as they are")[1] == "32,000"
    assert cells(shown, "rsyslog, events as they are")[-2:] == ["once at most", "26,000 + 0"]
    assert cells(shown, "2 connections, 1,000 documents a body")[1] == "52,000"
    assert "The ceiling: 2 connections, 1,000 documents a body" in shown, "the fastest shape"
    assert "is 5.00 times as fast as what is written by hand" in shown
    assert "a million take 2,861 MiB" in shown
    assert "Up to 2% of the machine went to other processes" in shown
    assert cells(shown, "2 of the consumer against the sink")[1:3] == ["30,000", "0.50"]
    assert cells(shown, "4 of the consumer against the sink")[1:5] == ["15,000", "0.25", "10.0", "1.00"]
    assert arena.topics == {"bench.scaling": (2000, 12)}, "each has as many partitions"
    assert rates == [20_000]
    assert "From a record to its lines: 100 events" in shown
    assert cells(shown, "bare Producer.produce, the same bytes")[1:4] == ["100,000", "1.00", "5.0"]


def test_only_some_contestants_have_no_ratios(arena: StubArena) -> None:
    """Nor does the ceiling's sweep take its time."""
    shown = bench("speed", "--events", "1000", "--rounds", "1", "--only", "one")
    assert cells(shown, "auditlog consume")[1:4] == ["40,000", "", ""]
    assert "by shape" not in shown
    assert len(arena.asked) == 3


def test_shipper_that_is_not_installed_is_left_out(
    arena: StubArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a line that says what it needs; alone, there is nothing to measure."""
    said: list[str] = []
    monkeypatch.setattr(Shipper, "missing", lambda shipper: f"{shipper.name} is left out")
    monkeypatch.setattr(arena.screen, "say", said.append)
    shown = bench("speed", "--events", "1000", "--rounds", "1")
    assert said[0] == "rsyslog is left out"
    assert "rsyslog" not in shown
    with pytest.raises(BenchError, match="no contestant is left"):
        bench("speed", "--events", "1000", "--only", "rsyslog")


def test_unknown_contestant_is_refused() -> None:
    """With the names that there are."""
    done = CliRunner().invoke(commands.app, ["speed", "--only", "me"])
    assert done.exit_code == 2
    assert "must be one of ceiling, one" in re.sub(r"[\s│]+", " ", done.output)


def test_adaptive_is_compared_with_the_best_fixed_setting(arena: StubArena) -> None:
    """All twelve are swept; both then get a stream that lasts."""
    shown = bench("adaptive", "--events", "1000", "--settle", "1", "--seconds", "1")
    assert sum("bulks of" in line for line in shown.splitlines()) == 13
    assert arena.topics == {"bench.long": (80_000, 6)}
    assert cells(shown, "ratio")[1] == "1.00"
    assert len(arena.asked) == 1 + 12 + 2


def test_every_variant_of_a_field_is_measured(
    arena: StubArena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a variant's own documents do not stay on the disk."""
    monkeypatch.setattr(fields, "_answer", lambda *_: (b'{"errors":false}', 2000))
    shown = bench("fields", "--events", "1000", "--rounds", "1", "--only", "user")
    names = [what.partition(": ")[2] for what in arena.asked if what.startswith("Round")]
    assert names[0] == "baseline: as it is"
    assert names[1:-1] == [f"user: {name}" for name in ("no index", "no doc values", "neither", "gone")]
    assert cells(shown, "user: gone")[1:] == ["50,000", "20.0", "+0.0", "300.0", "+0.0"]
    assert cells(shown, "user.id")[1:] == ["1.0", "2.0", "3.0", "6.0"]
    assert cells(shown, "errors")[1] == "0.0"
    assert not (arena.folder / "rewritten").exists()


def test_sizes_are_bytes_an_event(arena: StubArena, monkeypatch: pytest.MonkeyPatch) -> None:
    """By where it is stored."""
    monkeypatch.setattr(sizes, "_publish_alone", lambda *_: None)
    monkeypatch.setattr(sizes, "_log_bytes", lambda *_: 100_000)
    monkeypatch.setattr(sizes, "_index_bytes", lambda *_: 279.0)
    shown = bench("sizes", "--events", "1000")
    assert cells(shown, "the event itself")[1] == "329"
    assert cells(shown, "Kafka, in batches (lz4)")[1] == "100"
    assert cells(shown, "Elasticsearch, codec best_compression")[1] == "279"
    assert arena.asked == []


def test_query_measures_a_tenth_and_then_all(arena: StubArena, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers, and exports that are counted."""
    asked: list[int] = []
    monkeypatch.setattr(query, "ask_all", lambda arena, *_: asked.append(arena.events))
    printed(monkeypatch, query, {"rows": 1000, "seconds": 0.1, "peak_bytes": 1024 * 1024})
    with pytest.raises(BenchError, match="1,000 rows, and not 10,000"):
        bench("query", "--events", "10000", "--rounds", "1")
    assert asked == [1000, 10_000]
    arena.asked.clear()
    arena.events = 1000
    query.measure_query(arena, end_of_traffic(), 1)  # type: ignore[arg-type]
    assert arena.asked == ["Indexing"]


def test_detection_shows_what_was_found_missed_and_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of generated attacks, of quiet weeks, and of a real log whose attackers are labelled."""
    found = Detection(missed=["one was missed"])
    found.attacks["brute-force"], found.found["brute-force"] = 4, 3
    found.alerts["brute-force"], found.right["brute-force"] = 5, 4
    verdict = Verdict(("192.0.2.1", "192.0.2.2"), ("a.example",), {"192.0.2.1": ()}, (), 0)
    log = SimpleNamespace(labels=None, findings=list)
    monkeypatch.setattr(detection_report, "detect", lambda *_, **__: found)
    monkeypatch.setattr(detection_report, "quiet_alerts", lambda *_: ())
    monkeypatch.setattr(detection_report, "linux_log", lambda _: log)
    monkeypatch.setattr(detection_report, "labels_of", lambda _: {})
    monkeypatch.setattr(detection_report, "verdict_of", lambda *_: verdict)
    said: list[str] = []
    tables = detection_report.detection_tables(2, tmp_path, say=said.append)
    shown = {name: text_of(result) for name, result in tables}
    assert said == ["one was missed"]
    assert "2 seeds of generated attacks: precision 0.800" in shown["generated"]
    assert cells(shown["generated"], "brute-force")[1:] == ["4", "3", "0.75", "5", "1"]
    assert cells(shown["generated"], "all")[1:] == ["4", "3", "0.75", "5", "1"]
    assert cells(shown["quiet"], "47,000, seed 1")[1] == "0"
    assert cells(shown["real"], "all")[1:] == ["3", "1", "0.33"]
    assert cells(shown[""], "a.example")[1:3] == ["nothing", "0"]


def test_detection_goes_into_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table between the markers of its name; one without a name is for the terminal."""
    docs = tmp_path / "alerts.md"
    docs.write_text("a\n<!-- x: written by make bench-detection -->\nold\n<!-- end of x -->\nb\n")
    tables = [("x", table("T", ("", "n"), [["r", "1"]], "note")), ("", table("U", ("",), []))]
    monkeypatch.setattr(commands, "detection_tables", lambda *_, **__: tables)
    for _ in range(2):
        shown = bench("detection", "--docs", str(docs))
        lines = docs.read_text().splitlines()
        assert lines[0] == "a"
        assert lines[-1] == "b"
        assert [line for line in lines if line.startswith(("###", "| r", "note"))] == [
            "### T",
            "| r | 1 |",
            "note",
        ]
        assert "old" not in lines
    assert "### U" in shown
    docs.write_text("mine")
    with pytest.raises(BenchError, match="no place"):
        bench("detection", "--docs", str(docs))
    assert docs.read_text() == "mine"


def test_steady_stream_is_timed_from_the_events_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples that are found at once take next to nothing, and all of them are found."""
    sent: list[bytes] = []

    class StubProducer:
        def __init__(self, _: object) -> None:
            pass

        def produce(self, _: str, value: bytes, **__: object) -> None:
            sent.append(value)

        def poll(self, _: float) -> None:
            pass

        def flush(self, _: float) -> int:
            return 0

    monkeypatch.setattr(latency, "Producer", StubProducer)
    with latency.Stream("", [record_of(message(chat_opened()))], 1000) as stream:
        found = stream.latencies(
            lambda ids: [i for i in ids if any(i.encode() in s for s in sent)], 0.5
        )
        published, rate = stream.finish()
    assert 5 <= len(found) <= 20
    assert 0 <= min(found) <= max(found) < 0.5
    assert published == len(sent) == len(set(sent))
    assert 500 < rate < 1100


def test_events_that_are_never_found_fail_the_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does a stream that fails."""
    monkeypatch.setattr(latency, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(latency, "send", lambda *_: None)
    source = [record_of(message(chat_opened()))]
    with (
        latency.Stream("", source, 1000) as stream,
        pytest.raises(BenchError, match="not found within"),
    ):
        stream.latencies(lambda _: [], 0.2)
    monkeypatch.setattr(latency, "send", lambda *_: 1 / 0)
    with latency.Stream("", source, 1000) as stream, pytest.raises(BenchError, match="stream failed"):
        stream.latencies(lambda _: [], 0.2)


def test_interrupt_while_servers_start_ends_and_deletes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are on record by then, and Ctrl-C comes once they are."""
    done: list[str] = []

    class StubStack:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def up(self) -> list[Any]:
            signal.raise_signal(signal.SIGINT)
            done.append("up")
            server = SimpleNamespace(address="", name="", process=SimpleNamespace(pid=os.getpid()))
            return [server, server]

        def reset(self) -> None:
            done.append("reset")

    monkeypatch.setattr(servers, "Stack", StubStack)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt), servers.running_servers(Screen().console):
        pytest.fail("the block was entered")
    assert done == ["up", "reset"]
    assert list(tmp_path.iterdir()) == []


def test_error_is_a_sentence_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a traceback; signals are as they were after the test."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def fail() -> None:
        raise BenchError("[what] failed")

    monkeypatch.setattr(commands, "app", fail)
    with pytest.raises(SystemExit) as status:
        commands.main()
    assert status.value.code == 1
    assert "[what] failed" in capsys.readouterr().err


def test_machine_is_described_without_name_or_path() -> None:
    """Figures are published."""
    said = describe()
    assert platform.node() not in said
    assert str(ROOT) not in said
    assert "cores" in said


def test_every_command_of_readme_and_makefile_exists() -> None:
    """What they say can be typed."""
    known = {c.name or getattr(c.callback, "__name__", "") for c in commands.app.registered_commands}
    text = "".join((ROOT / name).read_text() for name in ("benchmarks/README.md", "Makefile"))
    assert set(re.findall(r"python -m benchmarks ([a-z]+)", text)) == known


@pytest.mark.servers
def test_topic_is_indexed_asked_and_searched_for_attacks(
    bare: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For real, at its smallest: counts are exact, or there would be no figures."""
    shown: list[Group] = []
    monkeypatch.setattr(Screen, "show", lambda _, result: shown.append(result))
    monkeypatch.setattr(Servers, "calm_down", lambda _: None)
    monkeypatch.setattr("benchmarks.topic._PARTS", 1)
    monkeypatch.setattr("benchmarks.query._WARM", 0)
    monkeypatch.setattr("benchmarks.pages._WARM", 0)
    monkeypatch.setattr("benchmarks.alerts._WARM", 0)
    us = Family("us", os.getpid())
    real = Servers(bare.servers.kafka, bare.servers.elasticsearch, us, us, tmp_path)
    topic = f"{bare.name}.bench"
    size = preload_topic(real, Screen(), 1000, topic=topic)
    assert 300 < size < 400
    with bare.client() as client:
        arena = Arena(real, client, Screen(), 1000, topic)
        assert arena.make_bodies().documents == 1000
        body = b'{"create":{"_index":"%b-2026.10","_id":"x"}}\n{}\n' % bare.name.encode()
        answer = client.perform_request(
            "POST",
            "/_bulk",
            params={"filter_path": RESPONSE_FIELDS},
            headers={"Accept": "application/json", "Content-Type": "application/x-ndjson"},
            body=body,
        )
        assert answer.body == json.loads(sink.created(1)), "the sink answers as Elasticsearch does"
        with arena.fresh_index() as index:
            run = arena.pushed(index, Shape(2, 500), 1000, "the ceiling")
            assert run.documents == 1000
            assert index.losses(1001) == (1, 0)
            assert min(run.documents_per_second, run.peak_mib, run.elastic_cpu_per_million) > 0
            settings = QuerySettings(elasticsearch_url=real.elasticsearch, index_prefix=index.prefix)
            ask_all(arena, settings, end_of_traffic(), samples=1)
            time_steps(arena, settings, end_of_traffic(), steps=3)
    asked, pages, steps = (text_of(group) for group in shown)
    for kind in KINDS:
        ours, hand, _, late = map(float, cells(asked, kind.name)[1:])
        assert 0 < ours <= late
        assert hand > 0
    for page in PAGES:
        assert all(float(cell) > 0 for cell in cells(pages, page)[1:])
    rules = [line for line in steps.splitlines() if line.startswith("| ")][1:]
    assert len(rules) > 12
    assert rules[0].startswith("| a whole step "), "it takes longer than any rule"
