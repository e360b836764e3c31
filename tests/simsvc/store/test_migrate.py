from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from simsvc.domain.audit.content import estimate_facts
from simsvc.domain.estimate import explain
from simsvc.domain.estimate.flags import FLAGS
from simsvc.errors import StoreError
from simsvc.store import migrate
from simsvc.store.database import Database
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import PARTS, BatchPhotoRow, BatchRow, EstimateRow, Table


def test_files_are_numbered_by_their_revisions() -> None:
    """Migrations form one line, whose order is that of the files' numbers."""
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    newest_first = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert list(migrate.revisions()) == newest_first[::-1]
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.newest()]


def test_only_an_upgrade_imports_alembic() -> None:
    """A worker of the server does not import what only migrations need."""
    code = "import sys, simsvc.web.app; sys.exit('alembic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_migrations_make_exactly_the_tables(database: Database) -> None:
    """After all migrations, the database and the typed tables do not differ."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    """A second upgrade leaves the database at the head."""
    assert migrate.upgrade(database.engine) == migrate.revision(database.engine) == migrate.newest()


def test_a_new_database_has_no_revision(tmp_path: Path) -> None:
    """A database that was never migrated says so, and its folder is made."""
    database = Database(f"sqlite:///{tmp_path / 'deep' / 'new.sqlite3'}")
    assert migrate.revision(database.engine) is None


def test_a_file_that_is_no_database_is_a_typed_error(tmp_path: Path) -> None:
    """A damaged database file gives a sentence, not a traceback."""
    (tmp_path / "not.sqlite3").write_bytes(b"hello " * 1000)
    database = Database(f"sqlite:///{tmp_path / 'not.sqlite3'}")
    with pytest.raises(StoreError):
        migrate.upgrade(database.engine)


def test_every_table_is_indexed_where_it_is_searched(database: Database) -> None:
    """Estimates are found by id, time, account, case and photo; no index is kept that nothing searches by."""
    inspector = inspect(database.engine)
    columns = {tuple(index["column_names"]) for index in inspector.get_indexes("estimates")}
    assert columns - {("public_id",)} == {
        ("created_at", "age_years", "outcome"),
        ("asked_by",),
        ("case_reference",),
        ("photo_sha256",),
        ("verdict", "created_at"),
        *(columns for columns, _ in PARTS.values()),
    }
    assert [u["column_names"] for u in inspector.get_unique_constraints("estimates")] == [["public_id"]]
    assert inspector.get_indexes("neighbours") == []


OLD_ROW = """INSERT INTO estimates
(public_id, created_at, status, photo_name, photo_sha256, age_years, flags, ms)
VALUES ('0123', '2026-01-02 03:04:05', 'estimated', 'me.jpg', 'ab', 41.5, '["other_faces_behind"]', '{}')"""


def test_a_record_of_before_intervals_is_still_read(tmp_path: Path) -> None:
    """A row written by the first version survives the upgrade; what it never had is None."""
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate.upgrade(database.engine, "0001")
    with database.engine.begin() as connection:
        connection.execute(text(OLD_ROW))
    migrate.upgrade(database.engine)
    found = EstimateStore(database).find("0123").estimate
    assert (found.age_years, found.flags) == (41.5, ("other_faces_behind",))
    assert (found.interval_years, found.coverage, found.evidence) == (None, None, None)
    assert (found.support, found.quality, found.refer, found.asked_by) == (None, None, False, None)


SMALL = (
    "The photo has only 20 x 31 pixels, too few to judge a face. Choose the original photo, not a thumbnail."
)
PDF = "This file is a PDF document, which is not accepted. Save it as JPEG or PNG and try again."
EVIDENCE = (
    "This photo is itself among the reference faces (labelled 60-71); it was left out of the comparison. "
    "Of the 12 labelled faces that look most alike, 1 is within 5 years of the estimate. "
    "Their ages run from 38 to 45; their mean, weighted by nearness, is 41."
)
LATER = "A sentence that no version of simsvc ever said, with 100% of its gaps filled."


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (
            "photo_too_small",
            SMALL,
            {"code": "photo_too_small", "reason": None, "params": {"width_px": 20, "height_px": 31}},
        ),
        (
            "unsupported_format",
            PDF,
            {
                "code": "unsupported_format",
                "reason": "other",
                "params": {"kind": {"template": "a PDF document", "params": {}}},
            },
        ),
        ("no_face", LATER, None),
        (None, LATER, None),
    ],
)
def test_old_refusals_get_code_and_parameters(
    tmp_path: Path, code: str | None, said: str, told: dict[str, object] | None
) -> None:
    """A known form becomes code and parameters, any other stays a sentence; what was said is unchanged."""
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate.upgrade(database.engine, "0014")
    values = {"code": code, "said": said}
    with database.engine.begin() as connection:
        connection.execute(text(OLD_ROW.replace("'estimated'", "'refused'")))
        connection.execute(text("UPDATE estimates SET code = :code, sentence = :said"), values)
        connection.execute(
            text(
                "INSERT INTO batches (public_id, name, created_at, asked_by, problem) "
                "VALUES ('b', 'b.zip', '2026-01-02 03:04:05', 'u1', :said)"
            ),
            values,
        )
        connection.execute(
            text(
                "INSERT INTO batch_photos (batch, position, photo_name, status, attempts, code, sentence) "
                "VALUES (1, 0, 'me.jpg', 'refused', 1, :code, :said)"
            ),
            values,
        )
    migrate.upgrade(database.engine)
    with Session(database.engine) as session:
        estimate, photo, batch = (
            session.scalars(select(row)).one() for row in (EstimateRow, BatchPhotoRow, BatchRow)
        )
        assert (estimate.messages or {}).get("sentence") == photo.message == batch.problem_message == told
        assert {estimate.sentence, photo.sentence, batch.problem} == {said}
    assert str(EstimateStore(database).find("0123").estimate.sentence) == said


def test_old_evidence_can_be_translated(tmp_path: Path) -> None:
    """Several sentences of an old record are found again one by one, and its log still fits."""
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate.upgrade(database.engine, "0014")
    both = f"{FLAGS['blurred']} {FLAGS['tilted']}"
    with database.engine.begin() as connection:
        connection.execute(text(OLD_ROW))
        connection.execute(
            text("UPDATE estimates SET sentence = :said, refer_reason = :why"),
            {"said": EVIDENCE, "why": both},
        )
    migrate.upgrade(database.engine)
    found = EstimateStore(database).find("0123").estimate
    facts = estimate_facts(found)
    assert (facts["sentence"], facts["refer_reason"]) == (EVIDENCE, both)
    said: list[str] = []
    for message in (found.sentence, found.refer_reason):
        assert message
        message.render(lambda template: said.append(template) or template)  # type: ignore[func-returns-value]
    assert {explain.OWN_PHOTO, explain.ONE_CLOSE, explain.AGES, FLAGS["blurred"], FLAGS["tilted"]} < set(said)


def test_old_records_get_verdict_outcome_and_decision(tmp_path: Path) -> None:
    """Records of earlier versions are found by them; without a birth date there is no verdict."""
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate.upgrade(database.engine, "0015")
    rows = [
        ("estimated", 40.0, 35.0, 45.0, None, "1984-01-01"),
        ("estimated", 40.0, 35.0, 45.0, None, "1950-01-01"),
        ("estimated", 40.0, 35.0, 45.0, "The face is blurred.", "1984-01-01"),
        ("refused", None, None, None, None, "1984-01-01"),
        ("estimated", 40.0, 35.0, 45.0, None, None),
    ]
    with database.engine.begin() as connection:
        for number, (status, age, low, high, reason, born) in enumerate(rows, 1):
            connection.execute(
                text(
                    "INSERT INTO estimates (public_id, created_at, status, photo_name, photo_sha256, flags, "
                    "ms, age_years, interval_low_years, interval_high_years, coverage, refer_reason, "
                    "birth_date) VALUES (:id, '2026-01-02 03:04:05', :status, 'a', 'b', '[]', '{}', :age, "
                    ":low, :high, :cover, :reason, :born)"
                ),
                {"id": f"{number:032x}", "status": status, "age": age, "low": low, "high": high}
                | {"cover": None if low is None else 0.9, "reason": reason, "born": born},
            )
        for number, kind in enumerate(("refer", "accept"), 1):
            connection.execute(
                text(
                    "INSERT INTO decisions (estimate, number, kind, reason, note, decided_by, created_at) "
                    "VALUES (1, :number, :kind, '', '', 'u', '2026-01-02 03:04:05')"
                ),
                {"number": number, "kind": kind},
            )
    migrate.upgrade(database.engine)
    with Session(database.engine) as session:
        found = session.execute(select(EstimateRow.outcome, EstimateRow.verdict, EstimateRow.decision)).all()
    assert [tuple(row) for row in found] == [
        ("estimated", "fits", "accept"),
        ("estimated", "outside", None),
        ("withheld", "cannot_tell", None),
        ("refused", "cannot_tell", None),
        ("estimated", None, None),
    ]
