"""Prefetch inputs and write outputs in background threads while the main thread works."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Thing = TypeVar("Thing")


def prefetch(made: Iterable[Thing]) -> Iterator[Thing]:
    """Iterate in the same order, with the next element computed in a thread while the current one is used."""
    source = iter(made)

    def make() -> list[Thing]:
        return list(islice(source, 1))

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make)
        while one := coming.result():
            coming = thread.submit(make)
            yield from one


@contextmanager
def background_writer() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Yield a function that runs work in a thread.

    Each call first waits for the previous piece of work and raises its error. When the context is left all work is
    done, even if the main thread failed.
    """
    with ThreadPoolExecutor(1) as thread:
        last: Future[object] = thread.submit(lambda: None)

        def do(work: Callable[[], object]) -> None:
            nonlocal last
            last.result()
            last = thread.submit(work)

        yield do
        last.result()
