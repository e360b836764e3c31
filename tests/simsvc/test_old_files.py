"""Files that an earlier commit wrote, read by the code at hand; see tests/old_files/README.md."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import re
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.old_files.installation import PASSWORD, Installation, read, read_pages, send
from tests.old_files.make import CLOSED, EXPECTED, INVITED, PEOPLE, REVOKED, described, replay
from tests.simsvc.web.helpers import judge_all

ARCHIVE = Path(__file__).parents[1] / "old_files" / "7b82fb7.tar.xz"


def expected() -> dict[str, Any]:
    """Return what the earlier commit answered."""
    with tarfile.open(ARCHIVE) as archive:
        file = archive.extractfile(EXPECTED)
        assert file is not None
        said: dict[str, Any] = json.load(file)
    return said


SAID = expected()
RECORDS = {record["number"]: record for record in SAID["answers"]["/api/v1/estimates?limit=100"]["items"]}
JUDGED, WAITING = SAID["batches"]
ERASED = sum(event["content"] is None for event in SAID["events"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked files, which no test changes."""
    folder = tmp_path_factory.mktemp("old-files")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "old"


def migrated(files: Path, folder: Path) -> Installation:
    """Return a copy of the old installation after `flask db upgrade`."""
    site = Installation(Path(shutil.copytree(files, folder)))
    site.run("db", "upgrade")
    return site


@pytest.fixture(scope="module")
def old(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Return the migrated installation, to which tests add no records."""
    return migrated(files, tmp_path_factory.mktemp("migrated") / "old")


@pytest.fixture(scope="module")
def program(old: Installation) -> FlaskClient:
    return old.program(SAID["tokens"]["all"])


@pytest.fixture(scope="module")
def auditor(old: Installation) -> FlaskClient:
    return old.person("Otto Auditor")


@pytest.fixture(scope="module")
def restored(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Return an empty installation into which the old back-up was restored."""
    folder = tmp_path_factory.mktemp("restored")
    shutil.copytree(files / "model", folder / "model")
    site = Installation(folder)
    site.run("backup", "restore", str(files / "backup"))
    return site


TODAY = {
    "too few to judge a face": "too few to estimate an age",
    "incomplete, so it cannot be read to its end": "incomplete and cannot be read completely",
    "which is not accepted": "which is not supported",
    "crop the photo to it.": "crop the photo to the face.",
    "a photo taken in better light": "a photo with better light",
    "The reference faces that look most alike": "The most similar reference faces",
    "their ages lie outside": "their ages are outside",
    "Compare the faces and their labels.": "Compare the faces and their known ages.",
}
"""How today's pages word what the earlier commit recorded."""


def today(sentence: str | None) -> str:
    """Return a recorded sentence as pages word it today."""
    for earlier, now in TODAY.items():
        sentence = (sentence or "").replace(earlier, now)
    return sentence or ""


def without_calibration_words(said: Any) -> Any:
    """Return an answer without the sentence of a site calibration, which records do not hold."""
    if isinstance(said, list):
        return [without_calibration_words(one) for one in said]
    if not isinstance(said, dict):
        return said
    kept = {name: without_calibration_words(value) for name, value in said.items()}
    if isinstance(calibration := kept.get("calibration"), dict):
        calibration.pop("sentence", None)
    return kept


def verdict(site: Installation) -> dict[str, Any]:
    """Return what the API says of the log."""
    said: dict[str, Any] = read(site.program(SAID["tokens"]["all"]), "/api/v1/audit/verify")
    return said


def same(before: Any, now: Any) -> bool:
    """Say whether all of the old answer is in the new one, which may have more fields."""
    if isinstance(before, dict):
        return isinstance(now, dict) and all(key in now and same(before[key], now[key]) for key in before)
    if isinstance(before, list):
        return isinstance(now, list) and len(before) == len(now) and all(map(same, before, now))
    return bool(before == now)


def test_a_missing_or_changed_value_is_not_the_same() -> None:
    """The comparison allows new fields and nothing else."""
    assert same({"a": [1, {"b": None}]}, {"a": [1, {"b": None, "c": 2}], "d": 3})
    for now in ({}, {"a": [1]}, {"a": [1, {}]}, {"a": [1, {"b": 0}]}, {"a": [1, {"b": None}, 2]}, None):
        assert not same({"a": [1, {"b": None}]}, now)


def test_the_whole_installation_is_well(old: Installation) -> None:
    """After the migration `flask check` finds nothing wrong with database, log, model and index."""
    assert "WRONG" not in old.run("check")


def test_migrating_twice_changes_nothing(old: Installation) -> None:
    """`flask db upgrade` on a migrated database reports the same revision again."""
    assert old.run("db", "upgrade") == old.run("db", "upgrade")


def test_the_log_fits(old: Installation) -> None:
    """Every event, its content and its record still have the hashes that the old commit wrote."""
    old.run("audit", "verify")
    said = verdict(old)
    assert said["fits"]
    assert said["events"] >= len(SAID["events"])


def test_a_checkpoint_is_proved(old: Installation) -> None:
    """The log contains what it did when the old commit wrote a checkpoint."""
    old.run("audit", "prove", str(old.folder / "checkpoint.json"))


def test_the_log_reads_the_same(program: FlaskClient) -> None:
    """Every old event is listed with the same content and hashes; new ones come after them."""
    events = read_pages(program, "/api/v1/audit/events")
    assert same(SAID["events"], events[: len(SAID["events"])])


@pytest.mark.parametrize("path", SAID["answers"])
def test_the_api_answers_the_same(program: FlaskClient, path: str) -> None:
    """Records, lists, decisions, models, builds and monitoring answer as the old commit did."""
    assert same(without_calibration_words(SAID["answers"][path]), read(program, path))


@pytest.mark.parametrize("record", SAID["crops"])
def test_the_crop_is_the_same(program: FlaskClient, record: str) -> None:
    """The judged crop is byte for byte the recorded one."""
    crop = program.get(f"/api/v1/estimates/{record}/crop").data
    assert hashlib.sha256(crop).hexdigest() == SAID["crops"][record]


@pytest.mark.parametrize("path", SAID["tables"])
def test_tables_are_the_same(auditor: FlaskClient, path: str) -> None:
    """History and batch results export the same columns; later versions add some at the end."""
    old = list(csv.reader(io.StringIO(SAID["tables"][path])))
    new = list(csv.reader(io.StringIO(auditor.get(path, buffered=True).data.decode("utf-8-sig"))))
    assert [row[: len(old[0])] for row in new] == old


def words(client: FlaskClient, path: str, language: str = "en") -> str:
    """Return a page as text without tags."""
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return html.unescape(re.sub(r"<[^>]+>", "", answer.text))


def facts(record: dict[str, Any]) -> list[str]:
    """Return what a page about a record has to say."""
    if record["age_years"] is None:
        return [today(record["sentence"])]
    low, high = record["interval_years"] or (None, None)
    return [f"{record['age_years']:.0f} years"] + (
        [f"between {low:.0f} and {high:.0f}"] if low is not None else []
    )


@pytest.mark.parametrize("number", RECORDS)
def test_a_record_page_shows_the_recorded_answer(auditor: FlaskClient, number: int) -> None:
    """The page of an old record says its age and range, or its stored refusal, and why it is unreliable."""
    record = RECORDS[number]
    page = words(auditor, f"/estimates/{record['id']}")
    for fact in (*facts(record), today(record["refer_reason"]), record["case"] or "", record["photo"]):
        assert fact in page


@pytest.mark.parametrize(
    "number", [n for n, record in RECORDS.items() if record["sentence"] or record["refer_reason"]]
)
def test_stored_sentences_are_translated(auditor: FlaskClient, number: int) -> None:
    """What the old commit stored in English is shown in Chinese."""
    record = RECORDS[number]
    page = words(auditor, f"/estimates/{record['id']}", "zh-Hans")
    for sentence in filter(None, (record["sentence"], record["refer_reason"])):
        assert sentence not in page
        assert today(sentence) not in page


@pytest.mark.parametrize("number", [n for n, record in RECORDS.items() if record["age_years"] is not None])
def test_the_pictures_of_a_record_are_there(auditor: FlaskClient, number: int) -> None:
    """The crop and the reference faces that a record's page shows can be loaded."""
    page = auditor.get(f"/estimates/{RECORDS[number]['id']}").text
    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert any("/crop.png" in path for path in pictures)
    assert {path: auditor.get(path).status_code for path in pictures} == dict.fromkeys(pictures, 200)


@pytest.mark.parametrize("number", RECORDS)
def test_a_record_prints(auditor: FlaskClient, number: int) -> None:
    """An old record still becomes a PDF."""
    assert auditor.get(f"/estimates/{RECORDS[number]['id']}/record.pdf", buffered=True).data[:5] == b"%PDF-"


@pytest.mark.parametrize("case", SAID["cases"])
def test_a_case_page_shows_its_records(auditor: FlaskClient, case: str) -> None:
    """The page of an old case has the answer of each of its photos."""
    page = words(auditor, f"/cases/{quote(case)}")
    records = [record for record in RECORDS.values() if record["case"] == case]
    assert records
    for record in records:
        for fact in (f"record {record['number']}", facts(record)[0].lower()):
            assert fact in page.lower()


def test_a_batch_page_shows_its_results(auditor: FlaskClient) -> None:
    """The page of an old batch has ages, refusals and what was left out."""
    page = words(auditor, f"/batches/{JUDGED}")
    judged = [
        record
        for record in RECORDS.values()
        if record["id"] in SAID["tables"][f"/batches/{JUDGED}/results.csv"]
    ]
    assert len(judged) == 4
    shown = [
        re.sub(r"^(\d+) years$", r"\1 (", facts(record)[0]) for record in judged
    ]  # with the range after it
    for fact in (*shown, "4 of 4 done", "notes.txt", "unread"):
        assert fact in page


@pytest.mark.parametrize("path", ["/history", "/gallery", "/model", "/indexes", "/batches"])
def test_other_pages_open(auditor: FlaskClient, path: str) -> None:
    """Lists and pages about model and index open on old files."""
    assert words(auditor, path)


@pytest.mark.parametrize("record", SAID["replays"])
def test_a_replay_agrees(old: Installation, program: FlaskClient, record: str) -> None:
    """A replay of an old record, kept photo or sent one, ends as it did then: agreeing, or its build gone."""
    photo = old.folder / "photos" / SAID["photos"][record]
    assert same(SAID["replays"][record], replay(program, record, photo))


def test_the_replay_command_agrees(old: Installation) -> None:
    """`flask replay` decrypts a photo that the old commit kept, and agrees: it exits with 1 otherwise."""
    record = next(record for record, said in SAID["replays"].items() if said["kept"] and said["agrees"])
    old.run("replay", record)


def test_the_index_is_whole(old: Installation) -> None:
    """Every file of the old index is as built and fits the model."""
    assert SAID["estimate"]["index"] in old.run("index", "verify")


@pytest.mark.parametrize("name", ["old", "restored"])
def test_a_photo_has_the_same_neighbours(
    files: Path, tmp_path: Path, restored: Installation, name: str
) -> None:
    """A new estimate on the old index finds the same faces, as they were relabelled, added and removed."""
    site = migrated(files, tmp_path / "old") if name == "old" else restored
    photo = (files / "photos" / "drawn-1002.jpg").read_bytes()
    made, before = described(site.program(SAID["tokens"]["all"]), photo), SAID["estimate"]
    named = [(near["face_id"], near["age_years"]) for near in made["neighbours"]]
    assert named == [(near["face_id"], near["age_years"]) for near in before["neighbours"]]
    assert made["age_years"] == pytest.approx(before["age_years"], abs=0.011)  # another processor may round
    assert (made["model"], made["index"]) == (before["model"], before["index"])


def test_a_restored_log_fits(files: Path, restored: Installation) -> None:
    """The log of the restored back-up fits, with the old checkpoint in it."""
    assert verdict(restored)["fits"]
    restored.run("audit", "prove", str(files / "checkpoint.json"))


@pytest.mark.parametrize("number", RECORDS)
def test_a_restored_record_is_the_same(restored: Installation, number: int) -> None:
    """A record of the restored back-up answers as before."""
    path = f"/api/v1/estimates/{RECORDS[number]['id']}"
    before = without_calibration_words(SAID["answers"][path])
    assert same(before, read(restored.program(SAID["tokens"]["all"]), path))


def test_an_old_record_is_erased(files: Path, tmp_path: Path) -> None:
    """Erasing an old record leaves a log that fits."""
    site = migrated(files, tmp_path / "old")
    site.run("erase", "estimate", RECORDS[1]["id"], "--yes")
    said = verdict(site)
    assert (said["fits"], said["erased"]) == (True, ERASED + 1)


def test_a_waiting_batch_is_judged(files: Path, tmp_path: Path) -> None:
    """Photos that were waiting when the old commit stopped are judged."""
    site = migrated(files, tmp_path / "old")
    services = site.app.extensions["simsvc"]
    judge_all(services, WAITING)
    table = site.person("Otto Auditor").get(f"/batches/{WAITING}/results.csv", buffered=True).text
    assert re.findall(r'"(waiting|estimated|refused)"', table) == ["estimated", "refused"]


@pytest.mark.parametrize("name", PEOPLE)
def test_an_old_password_opens_its_account(old: Installation, name: str) -> None:
    """Somebody of each role signs in with the old password."""
    assert old.person(name).get("/history").status_code == 200


@pytest.mark.parametrize("name", [CLOSED, INVITED])
def test_accounts_without_access_stay_shut(old: Installation, name: str) -> None:
    """A closed account and one without a password cannot sign in."""
    answer = send(old.app.test_client(), "/sign-in", "/sign-in", name=name, password=PASSWORD)
    assert answer.status_code == 403


@pytest.mark.parametrize(("name", "status"), [("desk", 403), ("audits", 200), ("all", 200), (REVOKED, 401)])
def test_an_old_token_keeps_its_scopes(old: Installation, name: str, status: int) -> None:
    """An old token opens what it opened, and a revoked one nothing."""
    client = old.program(SAID["tokens"][name])
    assert client.get("/api/v1/audit/verify").status_code == status


HARM = {
    "a record": (
        "UPDATE estimates SET sentence = 'X' || substr(sentence, 2) WHERE sequence = 3",
        26,
        "record_differs",
    ),
    "a decision": (
        "UPDATE decisions SET note = 'X' || substr(note, 2) WHERE number = 2",
        56,
        "record_differs",
    ),
    "a content": (
        "UPDATE event_contents SET content = replace(content, 'no_face', 'no_fact') WHERE seq = 27",
        27,
        "content",
    ),
    "an event": ("UPDATE events SET actor = 'X' || substr(actor, 2) WHERE seq = 28", 28, "chain"),
}
"""What is harmed to how, the number of the event, and the code of the break."""


@pytest.mark.parametrize("what", HARM)
def test_one_changed_byte_is_named(files: Path, tmp_path: Path, what: str) -> None:
    """A byte of a record or event changed past the triggers breaks the log, which names the event."""
    statement, seq, code = HARM[what]
    shutil.copytree(files, tmp_path / "old")
    with closing(sqlite3.connect(tmp_path / "old" / "simsvc.sqlite3")) as database, database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        assert database.execute(statement).rowcount == 1
        for _, sql in triggers:
            database.execute(sql)
    site = Installation(tmp_path / "old")
    site.run("db", "upgrade")
    broken, event = verdict(site)["broken"], SAID["events"][seq - 1]
    assert (broken["seq"], broken["subject"], broken["code"]) == (seq, event["subject"], code)
    assert f" {seq} " in site.run("audit", "verify", status=1)
