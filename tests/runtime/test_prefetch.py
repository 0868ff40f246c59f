"""Work beside the main thread: the order stays, failures are heard, and what was begun is finished."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.runtime.prefetch import background_writer, prefetch


@given(st.lists(st.integers()))
def test_ahead_changes_nothing(things: list[int]) -> None:
    assert list(prefetch(iter(things))) == things


def test_ahead_makes_one_more_and_no_further() -> None:
    made: list[int] = []

    def making() -> Iterator[int]:
        for number in range(9):
            made.append(number)
            yield number

    coming = prefetch(making())
    for number in range(3):
        assert next(coming) == number
        until(lambda wanted=number + 2: len(made) == wanted)
    coming.close()  # type: ignore[attr-defined]
    assert made == [0, 1, 2, 3]


def test_what_fails_ahead_fails_in_its_place() -> None:
    def making() -> Iterator[int]:
        yield 1
        raise ValueError("two")

    coming = prefetch(making())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="two"):
        next(coming)


def test_behind_does_one_piece_at_a_time_in_another_thread() -> None:
    done: list[tuple[int, int]] = []
    with background_writer() as do:
        for number in range(5):
            do(lambda number=number: done.append((number, threading.get_ident())))
    assert [number for number, _ in done] == [0, 1, 2, 3, 4]
    assert threading.get_ident() not in {thread for _, thread in done}


def do_all(*pieces: Callable[[], object], then: Callable[[], object] = bool) -> None:
    with background_writer() as do:
        for piece in pieces:
            do(piece)
        then()


def fail() -> None:
    raise OSError("full")


def test_what_fails_behind_is_heard_with_the_next_piece_or_at_the_end() -> None:
    done: list[int] = []
    with pytest.raises(OSError, match="full"):
        do_all(fail, lambda: done.append(1))
    with pytest.raises(OSError, match="full"):
        do_all(lambda: done.append(2), fail)
    assert done == [2]


def test_what_was_begun_is_finished_when_the_main_thread_fails() -> None:
    done: list[int] = []

    def slowly() -> None:
        time.sleep(0.1)
        done.append(1)

    with pytest.raises(OSError, match="full"):
        do_all(slowly, then=fail)
    assert done == [1]


def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it did not come to be")
