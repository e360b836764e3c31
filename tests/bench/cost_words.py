"""The words of the page of costs."""

from __future__ import annotations

from tests.bench.cost_model import BUSY, DAY_S, SYSTEM_GB

HEAD = """# What it costs

Written by `python -m tests.bench.cost` from `bench.json` (`make bench`) and `bench-index.json`
(`make bench-index`), measured on: {machine}.
Nothing goes beyond them but where a formula below says so; a dash stands for what was not measured."""

ENDS = """\
**SQLite has one writer.** A record holds it for at most {ms:.1f} ms (an answer on record less one in memory),
so that one machine records at most {most:,.0f} answers a second, and {short:,.0f} with waits that stay short.
Beyond it, or beyond one machine's cores, the database is PostgreSQL on a machine of its own, and machines
with the same index stand side by side; the log stays one chain, which they append to in turn."""

FORMULAS = f"""\
- **Cores**: requests a second, times the processor time of one, over {BUSY:.0%}: the cores' time
  that may be work. In a queue with Poisson arrivals and one server the mean wait is busy / (1 - busy) of
  a piece of work, 2.3 at 70% and 9 at 90%; several cores wait less (Kleinrock, Queueing Systems I, 1975,
  section 3.2). A request's processor time is that of the workers under 32 clients, over HTTP, recording
  included; a search in more faces adds what it takes longer than in the smallest index measured.
- **Workers**: one a core. **Memory**: {SYSTEM_GB:g} GB for the system, a worker's resident memory
  for each worker (pages that workers share are counted for each, so it is an upper bound), and the index,
  mapped once for all.
- **Disk**: a record's size in SQLite's file, times {DAY_S:,} requests a day for each a second; a
  face's thumbnail and its part of the index. Two builds stand side by side while one replaces the other;
  a build that is under way keeps its thumbnails twice.
- **Growth**: memory and disk on the straight line through the two largest sizes measured; times of a
  search and of growing a forest on the power of the number of faces through them. A build's time is faces
  over the measured rate of a build, which one more face does not change, and what follows the last photo."""
