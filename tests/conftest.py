"""What all tests share: one thread a process, and property tests without a clock."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy and torch are loaded: they read it once

from hypothesis import settings  # noqa: E402 - after the environment is set

settings.register_profile("simsvc", deadline=None)  # a slow machine is no defect
settings.load_profile("simsvc")

pytest_plugins = ("tests.databases", "tests.small_site")
