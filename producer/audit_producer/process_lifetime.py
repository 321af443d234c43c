"""What becomes of producers when their process forks, and when it ends."""

import atexit
import logging
import os
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.util import Finalize, register_after_fork
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from audit_producer.errors import UndeliveredError

__all__ = ["follow_process"]

_log = logging.getLogger("audit_producer")
_LAST = -100  # after the finalizers of multiprocessing itself, such as that of its queues (-5)
_CLOSER = "auditlog-closer"


class Closable(Protocol):
    """What must hand over what it holds before its process ends."""

    def close(self) -> None:
        """Hand it over, or raise UndeliveredError. Closing twice is harmless."""


_followed: "WeakKeyDictionary[Closable, Callable[[Any], None]]" = WeakKeyDictionary()
"""Each producer of this process with what starts it afresh."""


def follow_process(producer: Closable, restart: Callable[[Any], None]) -> None:
    """Restart the producer in each child of a fork, and close it where the process ends.

    It is closed wherever Python runs code at the end of a process. It runs none after `os._exit`, or
    if a signal ends it: so do `Pool.terminate`, leaving `with Pool()`, and the end of the parent of a
    daemonic process.
    """
    _followed[producer] = restart


def _close_with_child(_: object = None) -> None:
    """Let a child of multiprocessing close its producers.

    A forked one runs no `atexit` before Python 3.13 (python/cpython#83856), and its own only since.
    """
    if parent_process() is not None:
        Finalize(None, _close_after_threads, exitpriority=_LAST)


def _close_after_threads() -> None:
    if threading.main_thread().is_alive():
        # Before Python 3.13, finalizers run before the child's threads are waited for, which may
        # publish still. This one is waited for with them.
        threading.Thread(target=_await_threads, name=_CLOSER, daemon=False).start()
    else:
        _close_all()


def _await_threads() -> None:
    for thread in threading.enumerate():
        if not thread.daemon and thread.name != _CLOSER and thread is not threading.main_thread():
            thread.join()
    _close_all()


def _close_all() -> None:
    for producer in list(_followed):
        try:
            producer.close()
        except UndeliveredError as error:
            _log.error("%s; close the producer before the process ends", error)


def _restart_all() -> None:
    for producer, restart in list(_followed.items()):
        restart(producer)
    _close_with_child()


atexit.register(_close_all)
register_after_fork(_followed, _close_with_child)  # before that, it drops the parent's finalizers
_close_with_child()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_all)
