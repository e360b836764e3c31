from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from simsvc.adapters.ops.read_queue import MOST_AT_ONCE, ReadQueue
from simsvc.errors import ReadsNotLogged, StoreError
from simsvc.values.audit.reads import Read
from tests.helpers import wait_until


def read(number: int) -> Read:
    return Read("user:a", "page", "pages.show", datetime(2026, 1, 1, tzinfo=UTC), record=f"{number:032x}")


class Book:
    """Takes reads as a database does; `closed` makes it refuse, `held` makes it wait."""

    def __init__(self) -> None:
        self.written: list[Read] = []
        self.transactions: list[int] = []
        self.closed = False
        self.poison: Read | None = None
        self.held = threading.Event()
        self.held.set()

    def write(self, reads: Sequence[Read]) -> None:
        self.held.wait()
        if self.closed:
            raise StoreError("busy")
        if self.poison in reads:
            raise ValueError("no JSON")
        self.transactions.append(len(reads))
        self.written += reads


@pytest.fixture
def book() -> Iterator[Book]:
    book = Book()
    yield book
    book.held.set()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def queue_of(book: Book, stack: ExitStack, lost: list[int] | None = None, **options: object) -> ReadQueue:
    queue = ReadQueue(book.write, lost=(lost if lost is not None else []).append, **options)  # type: ignore[arg-type]
    stack.callback(queue.close)
    return queue


def test_reads_are_written_in_order_and_few_transactions(book: Book, stack: ExitStack) -> None:
    """What waits goes into one transaction; flushing waits for none of the pauses."""
    queue, reads = queue_of(book, stack), [read(number) for number in range(50)]
    book.held.clear()
    for one in reads:
        queue.note(one)
    book.held.set()
    assert queue.flush()
    assert book.written == reads
    assert len(book.transactions) <= 2, "the first by itself, all others together"
    assert queue.waiting == 0


def test_a_read_is_written_soon_without_a_flush(book: Book, stack: ExitStack) -> None:
    """The thread that starts with the first read writes it by itself."""
    queue = queue_of(book, stack)
    queue.note(read(1))
    wait_until(lambda: book.written, timeout_s=1.0)


def test_while_the_database_is_closed_reads_wait(book: Book, stack: ExitStack) -> None:
    """They are written once it opens; until then the problem is told."""
    lost: list[int] = []
    queue = queue_of(book, stack, lost)
    book.closed = True
    for number in range(3):
        queue.note(read(number))
    assert not queue.flush(patience_s=0.05)
    assert queue.problem is not None
    assert queue.waiting == 3
    book.closed = False
    assert queue.flush()
    assert (queue.problem, queue.waiting, len(book.written), lost) == (None, 0, 3, [])


def test_a_full_queue_waits_for_room_and_then_loses_the_read(book: Book, stack: ExitStack) -> None:
    """By default the answer goes on, and what is lost is counted."""
    lost: list[int] = []
    queue = queue_of(book, stack, lost, most=2, patience_s=0.05)
    book.closed = True
    for number in range(4):
        queue.note(read(number))
    assert (queue.waiting, lost) == (2, [1, 1])


def test_room_that_comes_in_time_is_taken(book: Book, stack: ExitStack) -> None:
    """A full queue holds the answer back no longer than until something of it is written."""
    lost: list[int] = []
    queue = queue_of(book, stack, lost, most=1, patience_s=30.0)
    book.held.clear()
    queue.note(read(1))
    late = threading.Thread(target=queue.note, args=(read(2),))
    late.start()
    book.held.set()
    late.join()
    assert queue.flush()
    assert (book.written, lost) == ([read(1), read(2)], [])


def test_a_required_read_is_in_the_log_when_its_note_returns(book: Book, stack: ExitStack) -> None:
    """Each one, also of those that follow another within the pause."""
    queue = queue_of(book, stack, required=True)
    for number in range(3):
        queue.note(read(number))
        assert book.written[-1] == read(number)


def test_a_required_read_that_is_not_written_is_refused_and_forgotten(book: Book, stack: ExitStack) -> None:
    """Who was shown nothing is not in the log later."""
    queue = queue_of(book, stack, required=True, patience_s=1.0)
    book.closed = True
    with pytest.raises(ReadsNotLogged):
        queue.note(read(1))
    assert queue.waiting == 0
    assert queue.problem is not None
    book.closed = False
    wait_until(lambda: queue.problem is None, timeout_s=5.0)  # without any further read
    queue.note(read(2))
    assert book.written == [read(2)]


def test_a_read_that_nothing_can_write_holds_up_no_other(book: Book, stack: ExitStack) -> None:
    """It is counted as lost; where reads are required, it is refused."""
    lost: list[int] = []
    queue = queue_of(book, stack, lost)
    book.poison = read(1)
    book.held.clear()
    for number in range(3):
        queue.note(read(number))
    book.held.set()
    assert queue.flush()
    assert (book.written, lost) == ([read(0), read(2)], [1])
    strict = queue_of(book, stack, lost, required=True)
    with pytest.raises(ReadsNotLogged):
        strict.note(read(1))


def test_the_end_writes_what_waits(book: Book, stack: ExitStack) -> None:
    """However much it is; afterwards the queue can be used again."""
    queue = queue_of(book, stack)
    book.held.clear()
    for number in range(2 * MOST_AT_ONCE + 3):
        queue.note(read(number))
    book.held.set()
    queue.close()
    assert len(book.written) == 2 * MOST_AT_ONCE + 3
    assert max(book.transactions) <= MOST_AT_ONCE
    queue.note(read(7))
    assert queue.flush()


def test_the_end_does_not_wait_for_a_closed_database(book: Book, stack: ExitStack) -> None:
    """What cannot be written is counted."""
    lost: list[int] = []
    queue = queue_of(book, stack, lost)
    book.closed = True
    queue.note(read(1))
    queue.close()
    assert (lost, queue.waiting) == ([1], 0)
