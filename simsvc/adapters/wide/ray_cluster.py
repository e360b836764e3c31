"""The connection of a command to a Ray cluster."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from simsvc.errors import RayMissing, RayUnreachable

Device = Literal["cpu", "cuda"]
ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})")
ANSWER_S = 5.0
"""Seconds that the head has to accept a connection."""
HEALTH_CHECK = (
    sys.executable,
    "-m",
    "ray.scripts.scripts",
    "health-check",
    "--skip-version-check",
    "--address",
)
HEALTHY_S = 30.0
"""Seconds that the head has to say that it works. If another program holds the port, `ray.init` tries for
more than seven minutes."""
RESOURCE = {"cpu": "CPU", "cuda": "GPU"}
NO_TELEMETRY = "RAY_USAGE_STATS_ENABLED"
"""Ray sends reports of its use where this is not 0. Source: Ray's documentation, "Usage Stats Collection"."""


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A cluster that this process is connected to.

    Attributes:
        ray: the library.
        device: what the model runs on.
        limit: most processes; 0: one for each core or GPU that the cluster has when work begins.
    """

    ray: Any
    device: Device = "cpu"
    limit: int = 0

    def workers(self) -> int:
        """Return how many processes to begin with: one for each core, or each GPU."""
        there = int(self.ray.cluster_resources().get(RESOURCE[self.device], 0))
        return max(1, min(there, self.limit) if self.limit else there)

    def most_workers(self) -> int:
        """Return how many there may be: where they exceed the cluster, Ray's autoscaler adds nodes."""
        return max(self.workers(), self.limit)


@contextmanager
def ray_cluster(address: str, device: Device = "cpu", limit: int = 0) -> Iterator[RayCluster]:
    """Connect to the cluster whose head has this address, host:port, and disconnect at the end.

    Raises RayMissing without the package, RayUnreachable if there is no usable cluster.
    """
    ray = _ray()
    _check_answer(address)
    _connect(ray, address)
    try:
        if not ray.cluster_resources().get(RESOURCE[device]) and not limit:
            raise RayUnreachable("empty", address=address, what=RESOURCE[device])
        yield RayCluster(ray, device, limit)
    finally:
        ray.shutdown()


def _ray() -> Any:
    os.environ[NO_TELEMETRY] = "0"
    try:
        import ray  # noqa: PLC0415 - optional, see pyproject's extra "cluster"
        import ray.data  # noqa: PLC0415
    except ImportError:
        raise RayMissing() from None
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _check_answer(address: str) -> None:
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 65_536:
        raise RayUnreachable("address", address=address)
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), ANSWER_S).close()
        subprocess.run([*HEALTH_CHECK, address], capture_output=True, check=True, timeout=HEALTHY_S)  # noqa: S603
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        problem = "something else answers there, or its token is another one"
        raise RayUnreachable("silent", address=address, problem=problem) from None
    except OSError as error:
        raise RayUnreachable("silent", address=address, problem=_said(error)) from None


def _connect(ray: Any, address: str) -> None:
    """Connect; what Ray raises has no class for other versions but RuntimeError."""
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except RuntimeError as error:
        if "Version mismatch" in str(error):
            raise RayUnreachable("version", address=address, problem=_said(error)) from None
        raise RayUnreachable("silent", address=address, problem=_said(error)) from None
    except (OSError, ValueError, AssertionError) as error:
        raise RayUnreachable("silent", address=address, problem=_said(error)) from None


def _said(error: Exception) -> str:
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")[:300]
