"""Wide work by Ray Data: a pool of processes that each hold a model, on all hosts of a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from simsvc.adapters.wide.ray_cluster import RayCluster
from simsvc.adapters.wide.ray_worker import Attempts, OpenWork, RayWorker
from simsvc.domain.chunks import chunks_of
from simsvc.errors import SimsvcError, WideFailed, error_of, from_json

Job = TypeVar("Job")
Done = TypeVar("Done")

BLOCK = 64
"""Jobs that are handed over together. Ray Data takes some 30 ms of the command's host for each block, so that
64 photos of 15 ms each cost 3% more; larger blocks lose more when a host is lost."""
BLOCKS_A_WORKER = 4
"""Blocks that each process gets at least where there are few photos, so that all end at about one time."""
LEAST_BLOCK = 8
"""Jobs that are handed over together at least: below, handing over takes longer than the work."""
SEGMENT = 65_536
"""Jobs of one data set of Ray's, which holds its blocks in memory; between two, processes start again."""
SHARE = 0.5
"""Cores that a process reserves. It uses a whole one; but those of a lost host start again on the others, and
must find room there, or else their work waits for ever. So half of the cores may be lost."""
AHEAD = 2
"""Blocks that a process has, the one that it works on included."""


@dataclass(frozen=True, slots=True)
class RayPool(Generic[Job, Done]):
    """Work on the hosts of a cluster, as the port `WideWork`.

    Attributes:
        open_work: makes the work in each process; a function of a module, with plain arguments.
    """

    cluster: RayCluster
    open_work: OpenWork
    block: int = BLOCK

    def ordered(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Read the jobs lazily, and yield the results in order.

        Lost processes and hosts cost time only; a job that ends its process three times is given up.

        Raises HostUnfit if a host cannot do the work, WideFailed if the cluster fails, and what the
        work raises.
        """
        numbers = itertools.count()
        for segment in chunks_of(jobs, SEGMENT):
            yield from self._of_segment(segment, numbers)

    def _of_segment(self, jobs: Sequence[Job], numbers: Iterator[int]) -> Iterator[Done]:
        ray = self.cluster.ray
        try:
            for row in self._data_set(jobs, numbers).iter_rows():
                answer = ray.cloudpickle.loads(row["answer"])
                if "done" not in answer:
                    raise error_of(from_json(answer["problem"]))
                yield from answer["done"]
        except SimsvcError:
            raise
        except ray.exceptions.RayError as error:
            raise WideFailed(problem=_last_line(error)) from None

    def _data_set(self, jobs: Sequence[Job], numbers: Iterator[int]) -> Any:
        ray, size = self.cluster.ray, self._block_of(len(jobs))
        rows = [
            {"block": next(numbers), "first": place * size, "jobs": ray.cloudpickle.dumps(list(block))}
            for place, block in enumerate(chunks_of(jobs, size))
        ]
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        now, most = (min(count, len(rows)) for count in (self.cluster.workers(), self.cluster.most_workers()))
        pool = ray.data.ActorPoolStrategy(
            min_size=now, initial_size=now, max_size=most, max_tasks_in_flight_per_actor=AHEAD
        )
        data = ray.data.from_items(rows, override_num_blocks=len(rows))
        return data.map_batches(
            RayWorker,
            fn_constructor_args=(self.open_work, self._attempts()),
            batch_size=None,
            batch_format="pyarrow",
            compute=pool,
            **({"num_gpus": 1} if self.cluster.device == "cuda" else {"num_cpus": SHARE}),
        )

    def _block_of(self, jobs: int) -> int:
        fair = -(-jobs // (BLOCKS_A_WORKER * self.cluster.most_workers()))
        return min(self.block, max(LEAST_BLOCK, fair))

    def _attempts(self) -> Any:
        """Start the count on this host: if it is lost, so is the command."""
        ray = self.cluster.ray
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        return ray.remote(Attempts).options(num_cpus=0, scheduling_strategy=here).remote()


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(error).__name__
