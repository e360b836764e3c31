"""What is promised, each figure beside its limit, taken from what was measured in the same run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.server import BARE
from tests.bench.timing import Figures, Row

Parts = dict[str, Figures]
SMALL, LARGE = "640 px", "12 megapixels"


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure and its limit.

    Attributes:
        what: is measured, as a table says it.
        value: measured.
        limit: at most so much, or at least where `at_least`.
        unit: of both, or empty for a ratio.
        at_least: whether more is better.
    """

    what: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Say whether the limit is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def described(self) -> dict[str, Any]:
        """Return the claim for JSON, with the figure over its limit."""
        ratio = round(self.value / self.limit, 3) if self.limit else None
        return {**asdict(self), "of_limit": ratio, "holds": self.holds}


def claims(parts: Parts, environment_mb: float) -> list[Claim]:
    """Return every claim whose figures were measured; the limits are those that README promises."""
    found = [Claim("the service's environment on disk", environment_mb, 600.0, "MB")]
    return (
        found
        + (_of_pipeline(parts) if SMALL in parts else [])
        + (_of_server(parts) if "server" in parts else [])
    )


def _of_pipeline(parts: Parts) -> list[Claim]:
    small, large = parts[SMALL], parts.get(LARGE, {})
    over = small["over detector and model"]
    found = [
        Claim("photo of 640 px to recorded answer, in process, p50", _p50(small), 22.0, "ms"),
        Claim("the same over its bare detector and model calls", over["recorded_p50"], 1.4, ""),
        Claim("the same by processor time", over["recorded_cpu"], 1.4, ""),
    ]
    if large:
        found.append(Claim("photo of 12 megapixels to recorded answer, p50", _p50(large), 120.0, "ms"))
    return found


def _of_server(parts: Parts) -> list[Claim]:
    server = parts["server"]
    one, memory = server["1 client"], server["memory of a worker"]
    errors = sum(_errors(row) for row in server.values())
    found = [
        Claim("over HTTP by one client, p50", one["p50_ms"], 30.0, "ms"),
        Claim("over HTTP by one client, p99", one["p99_ms"], 100.0, "ms"),
        Claim("errors and refusals in all of the load", errors, 0, ""),
        Claim("start to ready", server["start to ready"]["s"], 2.0, "s"),
        Claim("largest worker after the load, resident", memory["end_mb"], 250.0, "MB"),
        Claim("its growth after warming up", memory["growth"], 0.05, ""),
    ]
    return [*found, _sustained(server)]


def _sustained(server: Figures) -> Claim:
    """Return the rate over that of as many cores which run nothing but detector and model.

    These are measured before and after the load: minutes apart, a machine is not the same.
    """
    ideal = 1e3 * server["workers"]["count"] / server[BARE]["ms"]
    share = round(server["32 clients, sustained"]["a_second"] / ideal, 3)
    return Claim("32 clients' rate over workers / (detector + model)", share, 0.75, "", at_least=True)


def _p50(figures: Figures) -> float:
    return figures["answer, recorded"]["p50_ms"]


def _errors(row: Row) -> float:
    return row.get("refused_503", 0) + row.get("other_errors", 0)
