"""What Java reads and checks of Kafka's classes at a start, kept for the starts of short-lived brokers.

Java calls it class data sharing. It takes two fifths of the work off a start, and costs a start once.
"""

import hashlib
import tempfile
from pathlib import Path

from audit_local.kafka import is_ready, start_kafka
from audit_local.lock import locked
from audit_local.ports import free_port
from audit_local.process import change_owner, stop, take_back, wait_until_ready

__all__ = ["kafka_classes"]

_START_SECONDS = 300.0


def kafka_classes(libraries: Path, java: Path) -> Path:
    """Return the archive of this Java for these libraries, beside them; made by a broker if missing.

    For `-XX:SharedArchiveFile`: a Java that it does not fit, or that can't find it, does without.
    Raises ServerFailedError if that broker does not start.
    """
    release = java / "release"  # says which build it is; Java itself looks at more
    build = release.read_bytes() if release.exists() else str(java).encode()
    target = libraries.with_name(f"{libraries.name}-{hashlib.sha256(build).hexdigest()[:12]}.jsa")
    with locked(target.with_name(".lock")):
        if not target.exists():
            with tempfile.TemporaryDirectory(prefix=f".{target.stem}-", dir=target.parent) as folder:
                _write(target, Path(folder), libraries, java)
    return target


def _write(target: Path, scratch: Path, libraries: Path, java: Path) -> None:
    scratch.chmod(0o755)  # the servers' account has to pass
    home, classes, port = scratch / "kafka", scratch / "classes", free_port()
    classes.mkdir()
    change_owner(classes)
    fresh = classes / target.name
    options = [f"-XX:ArchiveClassesAtExit={fresh}"]
    broker = start_kafka(home, libraries, java, port, "256m", java_options=options)
    try:
        wait_until_ready("Kafka", broker, home / "kafka.log", _START_SECONDS, lambda: is_ready(port))
    finally:
        stop(broker)
    take_back(classes)
    if fresh.exists():  # not if it took so long that it was killed
        fresh.rename(target)
