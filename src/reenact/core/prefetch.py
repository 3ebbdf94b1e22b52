"""Work ahead of the consumer, in one thread: decoding and tracking while the caller renders, batches while the network learns."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

Item = TypeVar("Item")

DEPTH = 4
"""ours: frames held at most, so that memory stays flat; more gains nothing, since the slower side decides"""


@dataclass(frozen=True)
class _Failed:
    error: BaseException


_END = object()


@contextmanager
def ahead(items: Iterable[Item], depth: int = DEPTH) -> Iterator[Iterator[Item]]:
    """The same items in the same order, made in a thread that is at most `depth` items ahead.

    An error in `items` is raised where the item would have come. On leaving the block the thread has ended, so that what it
    reads from may be closed.
    """
    ready: queue.Queue = queue.Queue(depth)
    stop = threading.Event()

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:  # handed to the consumer, which raises it
            put(_Failed(error))

    def taken() -> Iterator[Item]:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failed):
                raise item.error
            yield item

    thread = threading.Thread(target=work, name="reenact-ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stop.set()
        thread.join()


def drawn_ahead(draw: Callable[..., Item], orders: Iterable[tuple[Any, ...]], depth: int = DEPTH) -> Generator[Item, None, None]:
    """draw(*order) for each order in turn, at most `depth` ahead; errors as in `ahead`. Closing the iterator ends the thread."""
    with ahead((draw(*order) for order in orders), depth) as ready:
        yield from ready
