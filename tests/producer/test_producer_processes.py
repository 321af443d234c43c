"""Producers in processes that fork, and their events when such a process ends."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.servers import Deployment

SERVICE = """
import multiprocessing, os, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from audit_producer import AuditProducer, ProducerSettings

audit = AuditProducer(ProducerSettings(
    kafka_bootstrap_servers=sys.argv[2], topic=sys.argv[3]))
if __name__ == "__mp_main__":
    audit.login(user="imported")  # by a child of spawn or forkserver, before it is told its task


def task(user):
    audit.login(user=user)


def failing_task(user):
    audit.login(user=user)
    raise SystemExit(3)


def late_task(user):
    threading.Thread(target=lambda: (time.sleep(0.2), audit.login(user=user))).start()


def nested_task(user):
    if os.fork() == 0:
        audit.login(user=user)
    else:
        os.wait()


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    audit.login(user="parent")
    tasks = {"process": task}
    if sys.argv[1] == "fork":  # cheap, so all kinds of ends are tried with it
        tasks |= {"failing": failing_task, "late": late_task, "nested": nested_task}
    children = [context.Process(target=work, args=(user,)) for user, work in tasks.items()]
    for child in children:
        child.start()
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        executor.submit(task, "executor").result()
    pool = context.Pool(1)
    pool.apply(task, ["pool"])
    pool.close()
    pool.join()
    for child in children:
        child.join()
"""


@pytest.mark.servers
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_a_child_of_multiprocessing_queued_is_delivered(
    method: str, deployment: Deployment, tmp_path: Path
) -> None:
    """However its processes start, a child that ends by itself delivers what it has queued."""
    (tmp_path / "service.py").write_text(SERVICE)
    topic = f"{deployment.name}.events"
    command = [sys.executable, "service.py", method, deployment.servers.kafka, topic]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = {"parent", "process", "executor", "pool"}
    expected |= {"failing", "late", "nested"} if method == "fork" else {"imported"}
    assert expected == {(record.key or b"").decode() for record in deployment.records(topic)}
