"""A member of a group that is assigned partitions and loses some of them again within one read.

Run as a process of its own by a test, since a fault here ends the whole process (SIGABRT).
"""

import sys

from audit_consumer import ConsumerSettings
from audit_consumer.membership import Membership

__all__ = ["main"]

_READ_SECONDS = 120.0


def main() -> None:
    """Join, and read once, until there is a record."""
    changes: list[str] = []
    membership = Membership(
        ConsumerSettings(),
        leave=lambda partitions, _: changes.append(f"left {len(partitions)}"),
        failed=lambda _: None,
        seeks=lambda: None,
        start="earliest",
    )
    membership.join()
    membership.read(1, _READ_SECONDS)
    sys.stdout.write(f"{changes[0]} while it read\n")
    membership.close()


if __name__ == "__main__":
    main()
