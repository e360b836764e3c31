"""Data sets, training, evaluation and export; runs before the service, never inside it."""

import simsvc  # noqa: F401 - first of all: it switches off what libraries report
from trainer.datasets.caches import keep_in_work

keep_in_work()
