"""What all tests share: one thread a process, property tests without a clock, and deadlines."""

import gc
import os

gc.set_threshold(100_000, 20, 20)  # not after each 700 objects: that took a sixth of the tests' time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy and torch are loaded: they read it once

import pytest  # noqa: E402 - after the environment is set
from hypothesis import settings  # noqa: E402 - likewise

settings.register_profile("simsvc", deadline=None)  # a slow machine is no defect
settings.load_profile("simsvc")

SLOW_S = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests, which train networks or start servers, more time than the others."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOW_S))


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out what was imported for all tests."""
    gc.freeze()


OWN = ("compiled_once", "databases", "object_servers", "ray_cluster", "small_site", "witness_servers")
pytest_plugins = tuple(f"tests.{name}" for name in OWN)
