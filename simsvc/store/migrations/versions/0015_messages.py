"""Refusals and evidence keep code and parameters beside their sentence, which stays as the log hashed it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from alembic import op

from simsvc.errors import to_json
from simsvc.messages import Message, Param, joined
from simsvc.store.earlier_words import ERRORS, EVIDENCE, in_earlier_words

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COLUMNS = {"estimates": "messages", "batch_photos": "message", "batches": "problem_message"}
ROWS_AT_ONCE = 1_000
GAP = re.compile(r"%\((\w+)\)(?:\.\d)?([sfr])|%%")

_Known = tuple[Message, str, re.Pattern[str]]
"""A message without parameters, its earlier template and the form of its earlier sentences."""


def upgrade() -> None:
    for table, column in COLUMNS.items():
        op.add_column(table, sa.Column(column, sa.JSON(), nullable=True))
    if not op.get_context().as_sql:
        _fill_estimates()
        _fill_batches()


def downgrade() -> None:
    for table, column in COLUMNS.items():
        op.drop_column(table, column)


def _fill_estimates() -> None:
    table = _table("estimates", "sequence", "code", "sentence", "refer_reason", "messages")
    evidence = [(Message(template), earlier, _form(earlier)) for template, earlier in EVIDENCE.items()]
    of_errors = _errors_by_code()
    change = table.update().where(table.c.sequence == sa.bindparam("at"))
    query = sa.select(table).order_by(table.c.sequence).limit(ROWS_AT_ONCE)
    last = 0
    while rows := op.get_bind().execute(query.where(table.c.sequence > last)).all():
        last = rows[-1].sequence
        found = [
            {"at": row.sequence, "messages": messages}
            for row in rows
            if (messages := _messages(row, of_errors.get(row.code, evidence)))
        ]
        if found:
            op.get_bind().execute(change, found)


def _messages(row: sa.Row[Any], known: list[_Known]) -> dict[str, Any]:
    told = {name: _parsed(getattr(row, name), known) for name in ("sentence", "refer_reason")}
    return {name: to_json(message) for name, message in told.items() if message is not None}


def _fill_batches() -> None:
    connection, of_errors = op.get_bind(), _errors_by_code()
    photos = _table("batch_photos", "batch", "position", "code", "sentence", "message")
    for row in connection.execute(sa.select(photos).where(photos.c.sentence.is_not(None))).all():
        if message := _parsed(row.sentence, of_errors.get(row.code, [])):
            which = (photos.c.batch == row.batch) & (photos.c.position == row.position)
            connection.execute(photos.update().where(which).values(message=to_json(message)))
    batches = _table("batches", "sequence", "problem", "problem_message")
    of_any = [one for known in of_errors.values() for one in known]
    for row in connection.execute(sa.select(batches).where(batches.c.problem.is_not(None))).all():
        if message := _parsed(row.problem, of_any):
            held = batches.update().where(batches.c.sequence == row.sequence)
            connection.execute(held.values(problem_message=to_json(message)))


def _table(name: str, *columns: str) -> sa.TableClause:
    held = COLUMNS[name]
    return sa.table(name, *(sa.column(one, sa.JSON() if one == held else None) for one in columns))


def _errors_by_code() -> dict[str, list[_Known]]:
    """Return the messages of errors; templates that are nothing but a gap tell nothing."""
    return {
        code: [
            (Message("", {}, code, reason or None), earlier, _form(earlier))
            for reason, earlier in templates.items()
            if GAP.sub("", earlier).strip()
        ]
        for code, templates in ERRORS.items()
    }


def _form(template: str) -> re.Pattern[str]:
    form, at, named = "", 0, set[str]()
    for gap in GAP.finditer(template):
        form += re.escape(template[at : gap.start()]) + _gap(gap[1], gap[2], again=gap[1] in named)
        named.add(gap[1])
        at = gap.end()
    return re.compile(form + re.escape(template[at:]), re.DOTALL)


def _gap(name: str | None, conversion: str, *, again: bool) -> str:
    if name is None:
        return "%"
    return f"(?P={name})" if again else f"(?P<{name}>{'[-0-9.]+' if conversion == 'f' else '.+?'})"


def _parsed(text: str | None, known: list[_Known]) -> Message | None:
    """Return one or more sentences as a message that gives exactly them; None where one is not known."""
    said = list(_sentences(text or "", known))
    message = joined(*said) if said else None
    return message if message is not None and str(in_earlier_words(message)) == text else None


def _sentences(text: str, known: list[_Known]) -> Iterator[Message]:
    while text:
        found = [(match, earlier, one) for one, earlier, form in known if (match := form.match(text))]
        if not found:
            return
        match, earlier, one = max(found, key=lambda each: each[0].end())
        yield replace(one, params=_params(match.groupdict(), earlier))
        text = text[match.end() :].removeprefix(" ")


def _params(found: Mapping[str, str], template: str) -> dict[str, Param]:
    return {name: _param(name, text, f"%({name})s" in template) for name, text in found.items()}


def _param(name: str, text: str, as_text: bool) -> Param:
    if name == "kind":
        return Message(text)
    return int(text) if text.isdecimal() else text if as_text else float(text)
