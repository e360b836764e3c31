"""What the log says of the tables' rows: the latest word on each, and where the tables say otherwise.

Each event says facts about rows, such as the role of an account. Folded in order, they give the state that
the tables must have: a row that was changed, added or deleted by anybody but simsvc differs from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simsvc.domain.audit.chain import canonical
from simsvc.values.erasure import ERASED
from simsvc.values.events import Break, Event, EventKind

STATE = "state"
"""Subject of the event that says what the tables held when the log began to cover them."""
FACE_CHANGES = "face_changes"
"""The file of face changes: its lines are treated like rows, their numbers are keys."""
WHOLE_TABLES = ("users", "tokens", "builds", "index_switches", "model_switches", "referrals", "batches")
"""Tables of which every row has an event."""
PARTIAL_TABLES = ("faces", "erased_estimates")
"""Tables of which the log names some rows."""
STATE_TABLES = ("users", "tokens", "builds", "index_switches", "model_switches", "batches")
"""Tables in the event `STATE`; the others have had their events from the beginning."""
TABLES_OF_FEW_ROWS = ("users", "tokens", "builds", "index_switches", "model_switches")
KINDS_OF_FEW_ROWS = (
    *(EventKind.ACCOUNT, EventKind.TOKEN, EventKind.BUILD, EventKind.INDEX_SWITCH, EventKind.MODEL_SWITCH),
    *(EventKind.FACE, EventKind.ERASURE, EventKind.SETTINGS),
)
"""Kinds of all events about `TABLES_OF_FEW_ROWS`, `PARTIAL_TABLES` and `FACE_CHANGES`: few in any log."""
Facts = Mapping[str, Any]
Said = Mapping[str, Any]
Key = tuple[str, str]
"""A table and the key of a row in it."""
_HASH = "_sha256"


def account_keys_sha256(
    password_hash: str | None,
    link_sha256: str | None,
    oidc_issuer: str | None,
    oidc_subject: str | None,
    totp_secret: bytes | None,
) -> str:
    """Return the hex digest of everything that opens an account: password, link, identity, second factor.

    It tells nothing of them: a password's hash is salted, a link is random, a secret is encrypted.
    """
    secret = totp_secret.hex() if totp_secret else None
    keys = [password_hash, link_sha256, oidc_issuer, oidc_subject, secret]
    return hashlib.sha256(canonical({"keys": keys}).encode()).hexdigest()


def contact_facts(team: str | None, mail_address: str | None) -> dict[str, str]:
    """Return what the log says of an account's team and mail address: whether there is one."""
    return {"team": team or "", "mail": "set" if mail_address else "none"}


def utc_text(at: datetime) -> str:
    """Return an aware instant as facts have it."""
    return at.astimezone(UTC).isoformat()


def photo_result(status: str, code: str | None, estimate_id: str | None) -> str:
    """Return what became of a photo of a batch: its record, or else why there is none."""
    return estimate_id or f"{status}:{code or ''}"


def facts_of(event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    """Yield what an event says of rows; each kind's earlier events may say less."""
    teller = _TELLERS.get(event.kind)
    if teller is not None:
        yield from teller(event, said)


def _account(event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    facts: dict[str, Any] = {
        name: said[name] for name in ("role", "team", "mail", "keys_sha256") if name in said
    }
    facts |= _OF_CHANGE.get(said.get("change", ""), {})
    yield ("users", _id_of(event)), facts


_OF_CHANGE: Mapping[str, Facts] = {
    "added": {"disabled": False},
    "disabled": {"disabled": True},
    "enabled": {"disabled": False},
    "second_factor_set": {"second_factor": True},
    "second_factor_removed": {"second_factor": False},
}


def _token(event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    facts: dict[str, Any] = {"revoked": said.get("what") == "revoked"}
    if "scopes" in said:
        facts["scopes"] = sorted(said["scopes"])
    if "expires_at" in said:
        facts["expires_at"] = utc_text(datetime.fromisoformat(said["expires_at"]))
    if "secret_sha256" in said:
        facts["secret_sha256"] = said["secret_sha256"]
    yield ("tokens", _id_of(event)), facts


def _build(event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    yield (
        ("builds", _id_of(event)),
        {name: said[name] for name in ("manifest_sha256", "model_sha256", "faces") if name in said},
    )


def _index_switch(event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    if "switch" in said:
        facts = {"label": _id_of(event), "previous": said.get("previous"), "by": event.actor}
        yield ("index_switches", str(said["switch"])), facts


def _model_switch(_event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    if "switch" in said:
        facts = {name: said.get(name) for name in ("bundle_sha256", "model_sha256", "version")}
        yield ("model_switches", str(said["switch"])), facts


def _referral(_event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    if "referral" in said:
        facts = {name: said.get(name) for name in ("state", "assignee", "team", "due_on", "second_opinion")}
        yield ("referrals", said["referral"]), facts


def _batch(event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    if "photos" in said:
        yield ("batches", _id_of(event)), {"photos": said["photos"], "by": event.actor}


def _face(event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    yield from _face_sets(said)
    if said.get("what") == "relabel" and "age_years" in said:
        yield ("faces", _id_of(event)), {"age_years": said["age_years"]}


def _erasure(_event: Event, said: Said) -> Iterator[tuple[Key, Facts]]:
    for record_id in said.get("record_ids", ()):
        yield ("erased_estimates", record_id), {}
    yield from _face_sets(said)


def _face_sets(said: Said) -> Iterator[tuple[Key, Facts]]:
    if "face_changes" in said:
        sha256 = {"sha256": said["set_sha256"]} if "set_sha256" in said else {}
        yield (FACE_CHANGES, str(said["face_changes"])), sha256
    for number, digest in said.get("sets", {}).items():
        yield (FACE_CHANGES, number), {"sha256": digest}


_TELLERS: Mapping[str, Callable[[Event, Said], Iterator[tuple[Key, Facts]]]] = {
    EventKind.ACCOUNT: _account,
    EventKind.TOKEN: _token,
    EventKind.BUILD: _build,
    EventKind.INDEX_SWITCH: _index_switch,
    EventKind.MODEL_SWITCH: _model_switch,
    EventKind.REFERRAL: _referral,
    EventKind.BATCH: _batch,
    EventKind.FACE: _face,
    EventKind.ERASURE: _erasure,
}


def _id_of(event: Event) -> str:
    return event.subject.partition(":")[2]


@dataclass(slots=True)
class Word:
    """The latest word on a row: its facts, and the number of the last event about it."""

    facts: dict[str, Any]
    seq: int


@dataclass(slots=True)
class LoggedState:
    """What the log says of all rows so far.

    Attributes:
        files_up_to: number of the last event when the file of face changes was read; later events say nothing
            of what was read. None where it was not read.
        blanked: positions of photos that erasures blanked, by batch.
    """

    files_up_to: int | None = None
    words: dict[str, dict[str, Word]] = field(default_factory=dict)
    blanked: dict[str, set[int]] = field(default_factory=dict)
    began: bool = False

    def hear(self, event: Event, said: Said) -> None:
        """Take in an event; one whose content has another form than simsvc writes says nothing."""
        try:
            facts = [*self._of_state(event, said), *facts_of(event, said)]
            blanked = {batch: set(places) for batch, places in said.get("blanked", {}).items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            return
        for (table, key), said_of_row in facts:
            if table != FACE_CHANGES or self._covers(event, key):
                self._note(table, key, said_of_row, event.seq)
        for batch, places in blanked.items():
            self.blanked.setdefault(batch, set()).update(places)

    def differences(self, table: str, rows: Iterable[tuple[str, Facts]], *, whole: bool) -> Iterator[Break]:
        """Yield how rows of a table differ from what the log says; where it is `whole`, all have events."""
        words = self.words.get(table, {})
        seen: set[str] = set()
        for key, facts in rows:
            seen.add(key)
            word = words.get(key)
            if word is not None:
                yield from _changed(table, key, word, facts)
            elif whole:
                yield _added(table, key)
        missing = ((word.seq, key) for key, word in words.items() if key not in seen)
        for seq, key in sorted(missing):
            yield _missing(table, key, seq)

    def keys(self, table: str) -> Sequence[str]:
        """Return the keys of a table's rows that the log names."""
        return list(self.words.get(table, {}))

    def _of_state(self, event: Event, said: Said) -> list[tuple[Key, Facts]]:
        """Return what the one event `STATE` says; others of that subject were not written by simsvc."""
        if event.subject != STATE or event.kind != EventKind.SETTINGS or self.began:
            return []
        self.began = True
        return [((table, key), facts) for table in STATE_TABLES for key, facts in said.get(table, {}).items()]

    def _covers(self, event: Event, key: str) -> bool:
        """Return whether an event tells what a line of the file of face changes is like.

        The note of all lines tells it only of lines that were logged before without their digest.
        """
        if self.files_up_to is None or event.seq > self.files_up_to:
            return False
        if event.kind != EventKind.FACE or event.subject != FACE_CHANGES:
            return True
        word = self.words.get(FACE_CHANGES, {}).get(key)
        return word is not None and "sha256" not in word.facts

    def _note(self, table: str, key: str, facts: Facts, seq: int) -> None:
        word = self.words.setdefault(table, {}).setdefault(key, Word({}, seq))
        word.facts.update(facts)
        word.seq = seq


def unlike_results(
    event: Event, results: Sequence[str], now: Sequence[str], blanked: set[int]
) -> Iterator[Break]:
    """Yield the photos of a batch whose results now are not those that the batch's last event says.

    Results are by position, as `photo_result` returns them. Of photos that were erased since, whose positions
    are `blanked`, only the code may be another one.
    """
    batch_id = _id_of(event)
    for position in range(max(len(results), len(now))):
        logged = results[position] if position < len(results) else None
        held = now[position] if position < len(now) else None
        if logged == held or (position in blanked and _is_blank(logged, held)):
            continue
        what = f"Row {batch_id}/{position} of the table batch_photos"
        if held is None:
            said = f"{what} is missing: the log says “{logged}”."
        elif logged is None:
            said = f"{what} has no result in the log: it was not written by simsvc."
        else:
            said = f"{what} was changed after it was logged: “{held}” instead of “{logged}”."
        yield Break(event.seq, f"batch_photos:{batch_id}/{position}", "state_differs", said)


def _is_blank(logged: str | None, held: str | None) -> bool:
    return bool(logged and held and ":" in logged and held.endswith(f":{ERASED}"))


def unlike_record(batch_id: str, position: int) -> Break:
    """Return the problem that a photo of a batch says something else than its record."""
    sentence = (
        f"Row {batch_id}/{position} of the table batch_photos does not agree with the record of the photo."
    )
    return Break(None, f"batch_photos:{batch_id}/{position}", "state_differs", sentence)


def _changed(table: str, key: str, word: Word, facts: Facts) -> Iterator[Break]:
    names = [name for name, value in word.facts.items() if name not in facts or facts[name] != value]
    if names:
        parts = "; ".join(_difference(name, word.facts[name], facts.get(name)) for name in names)
        sentence = f"{_row(table, key)} was changed after it was logged (event {word.seq}): {parts}."
        yield Break(word.seq, f"{table}:{key}", "state_differs", sentence)


def _added(table: str, key: str) -> Break:
    sentence = f"{_row(table, key)} has no event: it was not written by simsvc."
    return Break(None, f"{table}:{key}", "state_differs", sentence)


def _missing(table: str, key: str, seq: int) -> Break:
    sentence = f"{_row(table, key)} is missing, but was not taken away by simsvc (event {seq})."
    return Break(seq, f"{table}:{key}", "state_differs", sentence)


def _row(table: str, key: str) -> str:
    if table == FACE_CHANGES:
        return f"Line {key} of the file of face changes"
    return f"Row {key} of the table {table}"


def _difference(name: str, logged: object, now: object) -> str:
    if name.endswith(_HASH) or name == "sha256":
        return name
    return f"{name} is {_plain(now)} instead of {_plain(logged)}"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
