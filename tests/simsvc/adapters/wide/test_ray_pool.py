from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from simsvc.adapters.wide.ray_cluster import RayCluster, ray_cluster
from simsvc.adapters.wide.ray_pool import RayPool
from simsvc.errors import BundleDamaged, HostUnfit
from simsvc.flows.parallel import LocalThreads

pytestmark = [pytest.mark.slow, pytest.mark.proof]  # a dozen processes start; test_ray has what users see


@dataclass(frozen=True)
class Doubling:
    """Double numbers; one of them ends the process, another one is an error."""

    ends: int = -1
    fails: int = -1

    def __call__(self, job: int) -> int:
        if job == self.ends:
            os._exit(9)
        if job == self.fails:
            raise BundleDamaged("graph")
        return 2 * job

    def given_up(self, job: int) -> int:
        return -job


def unfit() -> Doubling:
    raise BundleDamaged("graph")


@pytest.fixture(scope="module")
def cluster(ray_address: str) -> Iterator[RayCluster]:
    with ray_cluster(ray_address) as cluster:
        yield cluster


def test_results_come_in_order(cluster: RayCluster) -> None:
    """A cluster gives the results that local threads give, in the same order."""
    pool: RayPool[int, int] = RayPool(cluster, Doubling)
    assert list(pool.ordered(range(500))) == list(LocalThreads(Doubling(), 2).ordered(range(500)))


def test_no_jobs_are_no_work(cluster: RayCluster) -> None:
    """Without jobs no process starts."""
    assert list(RayPool(cluster, unfit).ordered([])) == []


def test_a_job_that_ends_processes_is_given_up(cluster: RayCluster) -> None:
    """A job with which three processes ended is given up, and all others are done."""
    pool: RayPool[int, int] = RayPool(cluster, partial(Doubling, ends=13))
    assert list(pool.ordered(range(40))) == [-13 if job == 13 else 2 * job for job in range(40)]


def test_an_error_of_the_work_arrives_as_itself(cluster: RayCluster) -> None:
    """What the work raises on a host is raised here, with its class and reason."""
    with pytest.raises(BundleDamaged) as raised:
        list(RayPool(cluster, partial(Doubling, fails=3)).ordered(range(10)))
    assert raised.value.reason == "graph"


def test_an_unfit_host_is_named(cluster: RayCluster) -> None:
    """A host that cannot open the work ends the run with its name."""
    with pytest.raises(HostUnfit, match="graph must take"):
        list(RayPool(cluster, unfit).ordered(range(10)))
