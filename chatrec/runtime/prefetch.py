"""Two things at a time: what comes next is made, and what is done is kept, while the main thread works."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Thing = TypeVar("Thing")


def ahead(made: Iterable[Thing]) -> Iterator[Thing]:
    """The same things in the same order; the next one is made in a thread while one is used."""
    source = iter(made)

    def make() -> list[Thing]:
        return list(islice(source, 1))

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make)
        while one := coming.result():
            coming = thread.submit(make)
            yield from one


@contextmanager
def behind() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Gives what does pieces of work in a thread: whoever brings one waits for the last, and hears what failed in it.

    When the context is left all are done, also if the main thread failed.
    """
    with ThreadPoolExecutor(1) as thread:
        last: Future[object] = thread.submit(lambda: None)

        def do(work: Callable[[], object]) -> None:
            nonlocal last
            last.result()
            last = thread.submit(work)

        yield do
        last.result()
