"""What runs on the hosts: processes that each hold a model, and the count of those that ended."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

from simsvc.errors import HostUnfit, SimsvcError, to_json
from simsvc.ports import HostWork

MOST_ATTEMPTS = 3
"""Processes that a job may end before it is given up; as `flows.estimates.batch.MOST_ATTEMPTS`."""

OpenWork = Callable[[], HostWork[Any, Any]]


class Attempts:
    """Which blocks were begun, and which job each process did last, so that the job that ends them is known.

    Only blocks that were begun before are followed job by job.
    """

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()
        self._ended: Counter[int] = Counter()
        self._last: dict[int, int] = {}

    def begin(self, block: int) -> int:
        """Note that a block is begun, and return how often that was so before."""
        last = self._last.pop(block, None)
        if last is not None:
            self._ended[last] += 1
        self._begun[block] += 1
        return self._begun[block] - 1

    def follow(self, block: int, job: int) -> int:
        """Note that a job of a block is begun, and return how many processes it has ended."""
        self._last[block] = job
        return self._ended[job]

    def end(self, block: int) -> None:
        """Forget a block that is done."""
        self._last.pop(block, None)


class RayWorker:
    """A process that holds a model, for Ray Data's `map_batches` with blocks of one row.

    A row holds jobs, the answer their results. An error is an answer, too: raised, it would arrive as text.
    """

    def __init__(self, open_work: OpenWork, attempts: Any) -> None:
        self._attempts = attempts
        self._work: HostWork[Any, Any] | None = None
        self._problem: dict[str, Any] | None = None
        try:
            self._work = open_work()
        except SimsvcError as error:
            self._problem = to_json(unfit(error).message)

    def __call__(self, table: Any) -> dict[str, list[Any]]:
        """Return the results of the jobs in a table of one row, or what stopped them."""
        import ray  # noqa: PLC0415 - only hosts of a cluster run this

        pickling: Any = ray.cloudpickle
        (row,) = table.to_pylist()
        answer: dict[str, Any] = {"problem": self._problem}
        if self._work is not None:
            try:
                answer = {"done": self._done(row["block"], row["first"], pickling.loads(row["jobs"]), ray)}
            except SimsvcError as error:
                answer = {"problem": to_json(error.message)}
        return {"block": [row["block"]], "answer": [pickling.dumps(answer)]}

    def _done(self, block: int, first: int, jobs: list[Any], ray: Any) -> list[Any]:
        assert self._work is not None  # noqa: S101 - see above
        attempts = self._attempts
        if not ray.get(attempts.begin.remote(block)):
            return [self._work(job) for job in jobs]
        done = []
        for number, job in enumerate(jobs, first):
            # the first attempt was not followed, so the job that ended it has one more than is known
            ended = ray.get(attempts.follow.remote(block, number))
            done.append(self._work.given_up(job) if ended >= MOST_ATTEMPTS - 1 else self._work(job))
        ray.get(attempts.end.remote(block))
        return done


def unfit(error: SimsvcError) -> SimsvcError:
    """Return an error of this host that names it."""
    if isinstance(error, HostUnfit):
        return error
    return HostUnfit("problem", host=socket.gethostname(), problem=error.sentence)
