"""Work that is not left in the middle: the engine carries out a request also when that is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def run_to_end(work: Callable[[], T]) -> T:
    """Do ``work`` to its end, also where Ctrl-C comes meanwhile, which is then raised.

    So what a request makes in the engine is known by the time it has to be removed. ``work`` must keep what
    it made where the caller finds it, because its result is lost then.
    """
    future: Future[T] = Future()

    def run() -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # handed over whole
                future.set_exception(error)

    try:
        Thread(target=run).start()
        return future.result()
    except KeyboardInterrupt:
        if not future.cancel():
            wait([future])
        raise
