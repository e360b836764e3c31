"""What is on record of a period, for comparing it with another one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import ColumnElement, func, select

from simsvc.domain.gallery.nearest import spread
from simsvc.store.database import Store
from simsvc.store.records.embeddings import EmbeddingRow, vector_of
from simsvc.store.tables import EstimateRow
from simsvc.values import FloatVector

MOST_ESTIMATES = 100_000
"""The newest of a longer period: more say nothing else, and take memory."""
MOST_EMBEDDINGS = 500
"""Spread evenly over the period: distances are taken between all of them."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since`, until before `before`, both UTC."""

    since: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered in a period; an outcome is "estimated", "withheld", or a refusal's code."""

    ages_years: tuple[float, ...]
    outcomes: tuple[str, ...]


class PeriodStore(Store):
    """Reads periods."""

    def answers(self, period: Period) -> Answers:
        """Return what was answered."""
        columns = (EstimateRow.status, EstimateRow.code, EstimateRow.age_years, EstimateRow.refer_reason)
        newest = select(*columns).order_by(EstimateRow.sequence.desc()).limit(MOST_ESTIMATES)
        with self._database.reading() as session:
            rows = session.execute(newest.where(*_within(period))).all()
        ages = tuple(row.age_years for row in rows if row.age_years is not None)
        return Answers(ages, tuple(_outcome(row.status, row.code, row.refer_reason) for row in rows))

    def commonest_model(self, period: Period) -> str | None:
        """Return the sha256 of the model that made most embeddings of a period, or None."""
        count = func.count(EmbeddingRow.estimate)
        query = (
            select(EmbeddingRow.model_sha256)
            .join(EstimateRow, EstimateRow.sequence == EmbeddingRow.estimate)
            .where(*_within(period))
            .group_by(EmbeddingRow.model_sha256)
            .order_by(count.desc(), EmbeddingRow.model_sha256)
            .limit(1)
        )
        with self._database.reading() as session:
            return session.scalar(query)

    def embeddings(self, period: Period, model_sha256: str) -> FloatVector:
        """Return embeddings (N, D) of one model, float32; at most `MOST_EMBEDDINGS` of them."""
        numbers = (
            select(EmbeddingRow.estimate)
            .join(EstimateRow, EstimateRow.sequence == EmbeddingRow.estimate)
            .where(*_within(period), EmbeddingRow.model_sha256 == model_sha256)
            .order_by(EmbeddingRow.estimate.desc())
            .limit(MOST_ESTIMATES)
        )
        with self._database.reading() as session:
            every = session.scalars(numbers).all()
            wanted = [every[place] for place in spread(len(every), MOST_EMBEDDINGS)]
            rows = select(EmbeddingRow.vector).where(EmbeddingRow.estimate.in_(wanted))
            vectors = [vector_of(data) for data in session.scalars(rows)]
        return np.stack(vectors) if vectors else np.zeros((0, 1), dtype=np.float32)


def _within(period: Period) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return EstimateRow.created_at >= period.since, EstimateRow.created_at < period.before


def _outcome(status: str, code: str | None, refer_reason: str | None) -> str:
    if status == "refused":
        return code or status
    return "withheld" if refer_reason else status
