"""Refusals and evidence keep code and parameters beside their sentence, which stays as the log hashed it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from simsvc.domain.estimate import explain
from simsvc.domain.estimate.flags import FLAGS
from simsvc.errors import SimsvcError, every_error, to_json
from simsvc.messages import Message, Param, joined

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COLUMNS = {"estimates": "messages", "batch_photos": "message", "batches": "problem_message"}
ROWS_AT_ONCE = 1_000
EVIDENCE = (
    *(explain.ONE_FACE, explain.NONE_CLOSE, explain.ONE_CLOSE, explain.SOME_CLOSE, explain.AGES),
    *(explain.NO_FACE, explain.ONLY_ONE, explain.ONLY_FEW),
    *(explain.OWN_PHOTO, explain.ONE_TORN, explain.SOME_TORN),
)
GAP = re.compile(r"%\((\w+)\)(?:\.\d)?([sfr])|%%")

_Known = tuple[Message, re.Pattern[str]]


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
    evidence = _known(Message(template) for template in (*EVIDENCE, *FLAGS.values()))
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
    return {kind.code: _known(_messages_of(kind)) for kind in every_error()}


def _messages_of(kind: type[SimsvcError]) -> Iterator[Message]:
    if kind.template:
        yield Message(kind.template, {}, kind.code)
    for reason, template in kind.templates.items():
        yield Message(template, {}, kind.code, reason)


def _known(messages: Iterable[Message]) -> list[_Known]:
    """Return messages with the form of their sentences; those that are nothing but a gap tell nothing."""
    return [(one, _form(one.template)) for one in messages if GAP.sub("", one.template).strip()]


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
    return message if message is not None and str(message) == text else None


def _sentences(text: str, known: list[_Known]) -> Iterator[Message]:
    while text:
        found = ((one, match) for one, form in known if (match := form.match(text)))
        one, match = max(found, key=lambda pair: pair[1].end(), default=(None, None))
        if one is None or match is None:
            return
        yield Message(one.template, _params(match.groupdict(), one.template), one.code, one.reason)
        text = text[match.end() :].removeprefix(" ")


def _params(found: Mapping[str, str], template: str) -> dict[str, Param]:
    return {name: _param(name, text, f"%({name})s" in template) for name, text in found.items()}


def _param(name: str, text: str, as_text: bool) -> Param:
    if name == "kind":
        return Message(text)
    return int(text) if text.isdecimal() else text if as_text else float(text)
