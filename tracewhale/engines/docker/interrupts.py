"""Work that is not interrupted halfway, because the engine completes a request even if the client is
interrupted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def run_to_end(work: Callable[[], T]) -> T:
    """Do ``work`` to its end, even if a Ctrl-C comes meanwhile, and raise that afterwards.

    So the objects that a request makes in the engine are known when they must be removed. ``work`` must store
    them where the caller finds them, because its result is lost then.
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
