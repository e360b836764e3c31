from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from simsvc.adapters.wide.ray_cluster import ray_cluster
from simsvc.adapters.wide.ray_pool import RayPool
from simsvc.errors import RayUnreachable
from tests.helpers import wait_until
from tests.ray_cluster import QUIET, SmallCluster, small_cluster

pytestmark = [pytest.mark.slow, pytest.mark.proof]

JOBS = 200


@dataclass(frozen=True)
class Slow:
    """Take a while, and say on which process."""

    def __call__(self, job: int) -> int:
        time.sleep(0.05)
        return 2 * job

    def given_up(self, job: int) -> int:
        return -job


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cluster() -> Iterator[SmallCluster]:
    with small_cluster(1) as cluster:
        yield cluster


def test_a_lost_host_loses_no_result(cluster: SmallCluster) -> None:
    """A host that is killed while it works costs time, and no result is lost, doubled or out of order."""
    node = cluster.join(1)
    with ray_cluster(cluster.address) as connected:
        wait_until(lambda: connected.workers() == 2)
        pool: RayPool[int, int] = RayPool(connected, Slow, block=8)
        coming = pool.ordered(range(JOBS))
        done = [next(coming) for _ in range(20)]
        cluster.kill(node)
        done += coming
    assert done == [2 * job for job in range(JOBS)]


def test_another_version_of_ray_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cluster that runs another version of Ray is refused, and the versions are named."""
    pretending = tmp_path_factory.mktemp("path")
    (pretending / "sitecustomize.py").write_text("import ray\nray.__version__ = '2.40.0'\n")
    with (
        small_cluster(1, PYTHONPATH=str(pretending)) as cluster,
        pytest.raises(RayUnreachable, match=r"2\.40\.0") as raised,
        ray_cluster(cluster.address),
    ):
        pass
    assert raised.value.reason == "version"
