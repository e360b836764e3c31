"""What attackers change: rows, with the triggers dropped, and files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection, text

from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.index.files.face_columns import read_columns, write_columns
from simsvc.adapters.index.files.pointer import write_current
from simsvc.domain.audit.chain import BEGINNING, canonical, content_sha256, event_sha256
from simsvc.store.audit.log_tiles import LogTree
from simsvc.values.events import Event
from tests.attacks.installation import Copy
from tests.tiny_bundle import make_tiny_bundle

OF_ESTIMATES = ("crops", "neighbours", "decisions")
OF_EVENTS = ("event_contents", "events")
AGE = "UPDATE estimates SET age_years = 20"


def owner_of(copy: Copy, *statements: str) -> None:
    """Change the database like its owner, whom neither triggers nor foreign keys stop."""
    with copy.database.engine.begin() as connection:
        _drop_guards(connection)
        for statement in statements:
            connection.execute(text(statement))


def _drop_guards(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        return
    connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        connection.execute(text(f"DROP TRIGGER {name}"))


def last_of(copy: Copy, kind: str) -> int:
    """Return the number of the last event of a kind."""
    with copy.database.reading() as session:
        query = text("SELECT max(seq) FROM events WHERE kind = :kind")
        return int(session.scalar(query, {"kind": kind}) or 0)


def edit_event(copy: Copy) -> None:
    owner_of(copy, f"UPDATE events SET actor = 'user:x' WHERE seq = {last_of(copy, 'decision')}")


def delete_event(copy: Copy) -> None:
    seq = last_of(copy, "decision")
    owner_of(copy, *(f"DELETE FROM {table} WHERE seq = {seq}" for table in OF_EVENTS))


def insert_event(copy: Copy) -> None:
    """Make room for one, with what is before it as what is before it."""
    seq = last_of(copy, "decision")
    columns = "at, kind, actor, subject, content_sha256, previous_sha256"
    owner_of(
        copy,
        *(
            f"UPDATE {table} SET seq = {change} WHERE seq {which}"
            for change, which in ((" - seq - 1", f">= {seq}"), (" - seq", "< 0"))
            for table in OF_EVENTS
        ),
        f"INSERT INTO events (seq, {columns}, sha256) SELECT {seq}, {columns}, 'x' FROM events "
        f"WHERE seq = {seq + 1}",
    )


def reorder_events(copy: Copy) -> None:
    seq = last_of(copy, "decision")
    owner_of(
        copy,
        *(
            f"UPDATE {table} SET seq = {to} WHERE seq = {now}"
            for now, to in ((seq, -1), (seq - 1, seq), (-1, seq - 1))
            for table in OF_EVENTS
        ),
    )


def cut_events(copy: Copy, first: int) -> None:
    owner_of(copy, *(f"DELETE FROM {table} WHERE seq >= {first}" for table in OF_EVENTS))


def cut_tail(copy: Copy) -> None:
    cut_events(copy, last_of(copy, "export"))


def cut_last_estimate(copy: Copy) -> None:
    """Cut it with its record, and make tree and checkpoints fit what is left."""
    seq = last_of(copy, "estimate")
    cut_events(copy, seq)
    newest = "(SELECT max(sequence) FROM estimates)"
    owner_of(
        copy,
        *(f"DELETE FROM {table} WHERE estimate = {newest}" for table in OF_ESTIMATES),
        f"DELETE FROM estimates WHERE sequence = {newest}",
    )
    fit_tree(copy, seq)


def rewrite_all(copy: Copy) -> None:
    """Make the last estimate say another age, in record and event, and compute every hash anew."""
    seq = last_of(copy, "estimate")
    owner_of(copy, f"{AGE} WHERE sequence = (SELECT max(sequence) FROM estimates)")
    with copy.database.engine.begin() as connection:
        _drop_guards(connection)
        said = connection.execute(text(f"SELECT salt, content FROM event_contents WHERE seq = {seq}")).one()
        content = canonical({**json.loads(said.content), "age_years": 20.0})
        connection.execute(
            text("UPDATE event_contents SET content = :content WHERE seq = :seq"),
            {"content": content, "seq": seq},
        )
        connection.execute(
            text("UPDATE events SET content_sha256 = :digest WHERE seq = :seq"),
            {"digest": content_sha256(bytes(said.salt), content), "seq": seq},
        )
        chain_anew(connection)
    fit_tree(copy, seq)


def chain_anew(connection: Connection) -> None:
    previous = BEGINNING
    columns = "seq, at, kind, actor, subject, content_sha256, previous_sha256, sha256"
    for row in connection.execute(text(f"SELECT {columns} FROM events ORDER BY seq")).all():
        event = replace(Event(*row), previous_sha256=previous)
        previous = event_sha256(event)
        connection.execute(
            text("UPDATE events SET previous_sha256 = :previous, sha256 = :sha256 WHERE seq = :seq"),
            {"previous": event.previous_sha256, "sha256": previous, "seq": event.seq},
        )


def fit_tree(copy: Copy, seq: int) -> None:
    """Make the tree anew, and remove the checkpoints that it contradicts: all that cover an event."""
    owner_of(copy, f"DELETE FROM log_checkpoints WHERE size >= {seq}")
    LogTree(copy.database).forget_tiles()
    copy.services.log_keeper.integrate()


def and_sign(change: Callable[[Copy], None]) -> Callable[[Copy], None]:
    """Return an attack after which the log is signed: who owns the key forgets what was signed before."""

    def changed(copy: Copy) -> None:
        change(copy)
        (copy.key_folder / "log-state.json").unlink()
        copy.services.log_keeper.checkpoint()

    return changed


def roll_back(copy: Copy) -> None:
    copy.put_older()


def roll_back_with_keys(copy: Copy) -> None:
    copy.put_older()
    shutil.rmtree(copy.key_folder)
    shutil.copytree(copy.home / "older-keys", copy.key_folder)


def restore_backup(copy: Copy) -> None:
    copy.command("backup")("restore", str(copy.backup), "--replace")


def swap_index(copy: Copy) -> None:
    """Say that all reference faces are 99 years old, seal that as a build of its own, and put it in."""
    root, label = copy.settings.index_root, str(copy.services.shelf.current())
    draft = root / "demo" / ".draft"
    shutil.copytree(root / label, draft)
    manifest = manifests.read(root / label)
    (draft / manifests.FILE).unlink()
    write_columns(draft, [replace(face, age_years=99.0) for face in read_columns(draft)])
    sealed = manifests.write(draft, manifest)
    draft.rename(root / "demo" / sealed.build)
    if copy.services.database.is_shared:
        owner_of(copy, f"UPDATE served_pointer SET label = '{sealed.label}', number = number + 1")
    else:
        write_current(root, sealed.label)


def swap_model(copy: Copy) -> None:
    make_tiny_bundle(copy.settings.bundle_dir, seed=7)


def change_mapped_file(copy: Copy) -> None:
    folder = copy.services.shelf.open_build(str(copy.services.shelf.current()))
    name = sorted(copy.services.shelf.manifest(str(copy.services.shelf.current())).files)[0]
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    with (folder / name).open("r+b") as file:  # in place: it is the file that is mapped
        file.write(data)


def sql(statement: str) -> Callable[[Copy], None]:
    return lambda copy: owner_of(copy, statement)
