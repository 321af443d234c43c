"""Several evaluations at once, most of which is waiting for Elasticsearch."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

import elasticsearch

__all__ = ["EvaluationPool", "is_away"]

_AT_ONCE = 4
_TOGETHER_SECONDS = 2.0
"""What ends within this time is recorded together; what takes longer holds up none of it."""

_S = TypeVar("_S")
_R = TypeVar("_R")


class EvaluationPool(Generic[_S, _R]):
    """Evaluates steps until it is stopped, or until Elasticsearch can't be reached."""

    def __init__(self, evaluate: Callable[[_S], _R], stopped: Callable[[], bool]) -> None:
        self._evaluate = evaluate
        self._stopped = stopped
        self._away = threading.Event()

    def run(
        self, parallel: Sequence[_S], serial: Sequence[_S]
    ) -> Iterator[tuple[list[tuple[_S, _R]], list[tuple[_S, BaseException]]]]:
        """Yield results and errors: of all steps at once, or first of those that did not take long.

        There are neither of steps that were not begun any more.
        """
        with ThreadPoolExecutor(_AT_ONCE, "evaluate") as pool:
            steps = {pool.submit(self._attempt, step): step for step in parallel}
            steps |= {self._inline(step): step for step in serial}
            ended, running = wait(steps, _TOGETHER_SECONDS)
            while ended or running:
                if ended:
                    yield _sorted_out([(step, one) for one, step in steps.items() if one in ended])
                ended, running = wait(running, return_when=FIRST_COMPLETED)

    def _attempt(self, step: _S) -> _R | None:
        if self._stopped() or self._away.is_set():
            return None
        try:
            return self._evaluate(step)
        except elasticsearch.TransportError as error:
            if is_away(error):
                self._away.set()  # so that not each rule waits for it
            raise

    def _inline(self, step: _S) -> "Future[_R | None]":
        """Evaluate here and now, with the same ways out as in a thread."""
        future: Future[_R | None] = Future()
        try:
            future.set_result(self._attempt(step))
        except Exception as error:  # noqa: BLE001 - raised by whoever asks for the result
            future.set_exception(error)
        return future


def is_away(error: BaseException) -> bool:
    """Tell whether Elasticsearch can't be reached: one query that takes too long does not say so."""
    is_slow = isinstance(error, elasticsearch.ConnectionTimeout)
    return isinstance(error, elasticsearch.TransportError) and not is_slow


def _sorted_out(
    ended: Sequence[tuple[_S, "Future[_R | None]"]],
) -> tuple[list[tuple[_S, _R]], list[tuple[_S, BaseException]]]:
    results: list[tuple[_S, _R]] = []
    errors: list[tuple[_S, BaseException]] = []
    for step, future in ended:
        error = future.exception()
        if error is not None:
            errors.append((step, error))
        elif (result := future.result()) is not None:
            results.append((step, result))
    return results, errors
