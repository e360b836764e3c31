from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import func, select

from simsvc.adapters.photos import photo_files
from simsvc.adapters.results.results_journal import ResultsJournal
from simsvc.flows.estimates import bulk, look
from simsvc.settings import Settings
from simsvc.store.database import Database
from simsvc.store.records.estimates import EstimateStore
from simsvc.store.tables import EstimateRow
from simsvc.wiring.bulk import bulk_into
from simsvc.wiring.services import Services
from tests.drawn_faces import draw_face
from tests.helpers import wait_until
from tests.servers import environment_of
from tests.simsvc.cli.helpers import command_app
from tests.small_site import make_small_site

CASES = Path(__file__).parents[5] / "shared" / "cases"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_small_site(tmp_path_factory.mktemp("site"), faces=15)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of four faces in two folders, a bad photo, a hidden one, and a text."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number in range(4):
        draw_face(500 + number, 300).save(folder / ("more" if number % 2 else "") / f"{number}.jpg")
    (folder / "bad.png").write_bytes(b"no photo")
    (folder / "more" / ".hidden.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("no photo")
    return folder


def run(settings: Settings, *words: object) -> Result:
    return command_app(settings).test_cli_runner().invoke(args=["estimate", *map(str, words)])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def on_record(settings: Settings) -> int:
    with Database(settings.database_url).reading() as session:
        return session.scalar(select(func.count()).select_from(EstimateRow)) or 0


def test_every_photo_of_a_folder_has_its_row(site: Settings, folder: Path, tmp_path: Path) -> None:
    """Photos of all folders have a row in order of name; a bad one has its code and sentence."""
    out = tmp_path / "results.csv"
    result = run(site, folder, tmp_path / "gone.jpg", "--out", out)
    assert result.exit_code == 0, result.output
    assert "6 photos, 4 estimated, 2 refused" in result.output
    rows = table(out)
    names = ["0.jpg", "2.jpg", "bad.png", "more/1.jpg", "more/3.jpg"]
    assert [row["photo"] for row in rows] == [
        *(str(folder / name) for name in names),
        str(tmp_path / "gone.jpg"),
    ]
    assert [row["code"] for row in rows] == ["", "", "not_an_image", "", "", "photo_missing"]
    assert "Choose a JPEG" in rows[2]["sentence"]
    assert rows[5]["record"] == rows[5]["photo_sha256"] == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "results.csv"]


def test_the_estimates_are_those_of_single_photos(site: Settings, folder: Path, tmp_path: Path) -> None:
    """A row says what `flask estimate --json` says of the photo alone, and so does its record."""
    out = tmp_path / "results.csv"
    run(site, folder, "--out", out)
    services = Services(site)
    for row in table(out):
        single = json.loads(run(site, "--json", row["photo"]).stdout)
        low, high = single["interval_years"] or ("", "")
        evidence = single["evidence"] or {"neighbours_age_years": ""}
        expected = {
            **{
                name: single[name]
                for name in ("photo", "status", "code", "sentence", "age_years", "coverage")
            },
            **{name: single[name] for name in ("support", "model", "index", "photo_sha256", "refer_reason")},
            "flags": " ".join(single["flags"]),
            "refer": "yes" if single["refer"] else "no",
            "interval_low_years": low,
            "interval_high_years": high,
            "neighbours_age_years": evidence["neighbours_age_years"],
        }
        said = {name: "" if value is None else str(value) for name, value in expected.items()}
        assert {name: row[name] for name in said} == said
        recorded = services.estimates.find(row["record"]).estimate
        alone = services.estimates.find(single["id"]).estimate
        assert replace(recorded, ms={}) == replace(alone, ms={})


def test_the_log_fits_after_many_at_once(
    site: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that go on record by batches are chained as single ones are."""
    monkeypatch.setattr(bulk, "BATCH", 2)
    before = on_record(site)
    run(site, folder, "--out", tmp_path / "results.csv")
    assert on_record(site) == before + 5
    result = command_app(site).test_cli_runner().invoke(args=["audit", "verify"])
    assert result.exit_code == 0, result.output


def test_nothing_goes_on_record_where_that_is_asked(site: Settings, folder: Path, tmp_path: Path) -> None:
    """With --no-record the rows name no record, the database has none, and a sentence says so."""
    before = on_record(site)
    result = run(site, folder, "--out", tmp_path / "results.csv", "--no-record")
    assert "auditors cannot find them" in result.stderr
    assert {row["record"] for row in table(tmp_path / "results.csv")} == {""}
    assert on_record(site) == before


def test_a_finished_table_is_not_made_again(site: Settings, folder: Path, tmp_path: Path) -> None:
    """The same command once more judges nothing and says what to do."""
    out = tmp_path / "results.csv"
    run(site, folder, "--out", out)
    before, data = on_record(site), out.read_bytes()
    result = run(site, folder, "--out", out)
    assert (result.exit_code, on_record(site), out.read_bytes()) == (1, before, data)
    assert "already exists and is complete" in result.output


@pytest.mark.parametrize(
    "cut", ["before the journal", "in the journal", "before the commit", "after the commit"]
)
def test_a_run_that_was_cut_off_goes_on(
    site: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """Wherever a batch breaks off, each photo ends up with one row and one record."""
    monkeypatch.setattr(bulk, "BATCH", 2)
    out, before = tmp_path / "results.csv", on_record(site)
    with monkeypatch.context() as patch:
        _cut_off_in_second_batch(patch, cut)
        assert run(site, folder, "--out", out).exception
    part = out.with_name("results.csv.part")
    if cut == "in the journal":
        with part.open("ab") as file:
            file.write(b'[[1,2,{"photo"')
    assert not out.exists()
    result = run(site, folder, "--out", out)
    judged = 1 if cut == "after the commit" else 3
    assert f"This run: {judged} photos" in result.output
    rows = table(out)
    assert len({row["photo"] for row in rows}) == len(rows) == on_record(site) - before == 5
    assert not part.exists()
    services = Services(site)
    for row in rows:
        assert services.estimates.find(row["record"]).estimate.photo_sha256 == row["photo_sha256"]


def _cut_off_in_second_batch(patch: pytest.MonkeyPatch, cut: str) -> None:
    """Raise what nothing catches, as a kill leaves things, at one moment of the second batch."""
    append, together, calls = ResultsJournal.append, EstimateStore.together, []

    def cut_append(self: ResultsJournal, done: Any) -> None:
        calls.append(1)
        if len(calls) == 2 and cut in {"before the journal", "in the journal"}:
            raise KeyboardInterrupt
        append(self, done)
        if len(calls) == 2 and cut == "before the commit":
            raise KeyboardInterrupt

    def cut_together(self: EstimateStore) -> Any:
        if len(calls) == 2:
            raise KeyboardInterrupt
        return together(self)

    patch.setattr(ResultsJournal, "append", cut_append)
    if cut == "after the commit":
        patch.setattr(EstimateStore, "together", cut_together)


def _begin_only(patch: pytest.MonkeyPatch, site: Settings, folder: Path, out: Path) -> None:
    """Leave what a run leaves that was killed after its first batch of two."""
    patch.setattr(bulk, "BATCH", 2)
    with patch.context() as cut:
        _cut_off_in_second_batch(cut, "before the journal")
        run(site, folder, "--out", out)


def test_a_photo_that_changed_between_two_runs_is_judged_again(
    site: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of an unfinished run is not taken for another photo of the same name."""
    out = tmp_path / "results.csv"
    _begin_only(monkeypatch, site, folder, out)
    (folder / "0.jpg").write_bytes(b"no photo any more")
    run(site, folder, "--out", out)
    rows = {Path(row["photo"]).name: row for row in table(out)}
    assert (len(rows), rows["0.jpg"]["code"]) == (5, "not_an_image")


def test_an_unfinished_run_does_not_mix(
    site: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows on record and rows that are not, or of two models, do not come into one table."""
    out = tmp_path / "results.csv"
    _begin_only(monkeypatch, site, folder, out)
    result = run(site, folder, "--out", out, "--no-record")
    assert result.exit_code == 1
    assert "or choose another file with --out" in result.output


def test_a_defect_costs_one_row(
    site: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo on which a library fails as nobody foresaw is a row, and the others are judged."""

    def fails_on_one(data: bytes, **limits: Any) -> Any:
        if data == b"no photo":
            raise RuntimeError("a defect")
        return decode(data, **limits)

    decode = look.decode
    monkeypatch.setattr(look, "decode", fails_on_one)
    run(site, folder, "--out", tmp_path / "results.csv")
    rows = {Path(row["photo"]).name: row for row in table(tmp_path / "results.csv")}
    assert (len(rows), rows["bad.png"]["code"], rows["bad.png"]["record"]) == (5, "not_judged", "")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--out", "results.xlsx"], 1, ".csv or .parquet"),
        (["--out", "no/such/folder/results.csv"], 1, "Cannot write results"),
        (["--out", "results.csv", "--json"], 2, "--json or --out"),
        (["--no-record"], 2, "only works with --out"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    site: Settings, folder: Path, words: list[str], code: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another kind of table, a folder that is not there, and words that do not go together."""
    monkeypatch.chdir(folder)
    result = run(site, folder, *words)
    assert (result.exit_code, says in result.output) == (code, True), result.output
    assert "Traceback" not in result.output


def test_parquet_without_pyarrow_is_a_sentence(
    site: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is installed without PyArrow; asked for Parquet, it says how to get it, before any work."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    before = on_record(site)
    result = run(site, folder, "--out", tmp_path / "results.parquet")
    assert "pip install 'simsvc[parquet]'" in result.output
    assert (result.exit_code, on_record(site)) == (1, before)


def test_parquet_holds_what_csv_holds(site: Settings, folder: Path, tmp_path: Path) -> None:
    """The same rows, with numbers as numbers and what is missing as null."""
    reason = "PyArrow is not installed; it belongs to the parquet extra"
    parquet = pytest.importorskip("pyarrow.parquet", reason=reason)
    run(site, folder, "--out", tmp_path / "results.csv")
    run(site, folder, "--out", tmp_path / "results.parquet")
    rows, told = table(tmp_path / "results.csv"), parquet.read_table(tmp_path / "results.parquet").to_pylist()
    for row, one in zip(rows, told, strict=True):
        assert list(one) == list(row)
        for name in ("photo", "age_years", "neighbours_age_years", "support", "photo_sha256", "code"):
            assert row[name] == ("" if one[name] is None else str(one[name]))
        assert one["refer"] is (row["refer"] == "yes")


def test_a_table_is_safe_for_spreadsheets(
    site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file name that a spreadsheet program would run as a formula is neutralised."""
    monkeypatch.chdir(tmp_path)
    Path("=1+1.jpg").write_bytes(b"no photo")
    run(site, "=1+1.jpg", "--out", "results.csv")
    assert table(Path("results.csv"))[0]["photo"] == "'=1+1.jpg"


def test_names_that_are_no_text_have_rows(site: Settings, tmp_path: Path) -> None:
    """A file name that is not UTF-8 is shown with its bytes escaped."""
    name = os.fsencode(tmp_path) + b"/\xff.jpg"
    Path(os.fsdecode(name)).write_bytes(b"no photo")
    (shown,) = {file.shown for file in photo_files.list_photos([tmp_path]).files}
    assert shown.endswith("/\\xff.jpg")
    result = run(site, tmp_path, "--out", tmp_path / "results.csv")
    assert (result.exit_code, table(tmp_path / "results.csv")[0]["code"]) == (0, "not_an_image")
    alone = json.loads(run(site, "--json", os.fsdecode(name)).stdout)
    assert (alone["photo"], alone["code"]) == (shown, "not_an_image")


def test_content_decides_what_is_a_photo(site: Settings, folder: Path, tmp_path: Path) -> None:
    """Photos of any ending and of none have rows, raw photos too; what is left out is counted and named."""
    for name in ("a.jfif", "b.jpe", "c.mpo", "d", "e.txt", "f.JPG"):
        draw_face(510, 300).save(folder / name, "JPEG")
    (folder / "g.cr3").write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")
    (folder / "h").write_bytes(b"\xff\x0a" + bytes(40))
    left_out = [
        "@eaDir/a.jfif/SYNOPHOTO_THUMB_M.jpg",
        "more/@eaDir/1.jpg",
        "__MACOSX/._a.jfif",
        "._d",
        "d.xmp",
    ]
    left_out += ["#recycle/1.jpg", "#recycle/2.jpg", "Thumbs.db", ".git/1.jpg", "film.mp4"]
    for name in left_out:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no photo")
    (folder / "link").symlink_to(folder / "more")
    result = run(site, folder, "--out", tmp_path / "results.csv")
    rows = {Path(row["photo"]).name: row["code"] for row in table(tmp_path / "results.csv")}
    assert {name for name, code in rows.items() if not code} == {
        *(f"{number}.jpg" for number in range(4)),
        *("a.jfif", "b.jpe", "c.mpo", "d", "e.txt", "f.JPG"),
    }
    assert rows.keys() - {name for name, code in rows.items() if not code} == {"bad.png", "g.cr3", "h"}
    for line in (
        "3 left out: thumbnail made by a NAS or photo program "
        "(@eaDir/a.jfif/SYNOPHOTO_THUMB_M.jpg, Thumbs.db, more/@eaDir/1.jpg)",
        "2 left out: hidden (.git/, more/.hidden.jpg)",
        "2 left out: no photo by its first bytes (film.mp4, notes.txt)",
        "2 left out: system file (._d, __MACOSX/._a.jfif)",
        "1 left out: in a recycle bin or snapshot folder (#recycle/)",
        "1 left out: link to a folder (link/)",
        "1 left out: settings file of a photo program (d.xmp)",
    ):
        assert line in result.output.splitlines()


def test_a_folder_without_photos_says_what_it_holds(site: Settings, tmp_path: Path) -> None:
    """Where everything is left out, the refusal counts and names it."""
    (tmp_path / "notes.txt").write_text("no photo")
    result = run(site, tmp_path, "--out", tmp_path / "results.csv")
    assert result.exit_code == 1
    assert "1 left out: no photo by its first bytes (notes.txt)" in result.output


def test_a_folder_without_out_is_told_as_that(site: Settings, folder: Path) -> None:
    """A folder among single photos is refused as a folder, with the option that takes it."""
    result = run(site, folder)
    assert result.exit_code == 1
    assert "This is a folder" in result.output
    assert "--out" in result.output


def test_names_are_shown_in_one_form(site: Settings, tmp_path: Path) -> None:
    """Table and records have composed names, and files that only Unicode tells apart are said."""
    folder = tmp_path / "p"
    folder.mkdir()
    for at, name in enumerate(["Mu\u0308ller.jpg", "a\u0308.jpg", "ä.jpg"]):
        draw_face(520 + at, 300).save(folder / name)
    result = run(site, folder, "--out", tmp_path / "results.csv")
    rows = table(tmp_path / "results.csv")
    assert [Path(row["photo"]).name for row in rows] == ["Müller.jpg", "a\u0308.jpg", "ä.jpg"]
    names = {Services(site).estimates.find(row["record"]).estimate.photo_name for row in rows}
    assert names == {"Müller.jpg", "ä.jpg"}
    assert "1 names belong to several files" in result.output
    assert str(folder / "ä.jpg") in result.output


def test_a_named_file_is_judged_whatever_its_name(site: Settings, tmp_path: Path) -> None:
    """Who names a file, or a folder, means it: only what lies in named folders is left out by its name."""
    folder = tmp_path / "@eaDir"
    folder.mkdir()
    draw_face(530, 300).save(folder / "a.jpg")
    draw_face(531, 300).save(tmp_path / ".b", "JPEG")
    run(site, folder, tmp_path / ".b", "--out", tmp_path / "results.csv")
    assert [row["code"] for row in table(tmp_path / "results.csv")] == ["", ""]


@pytest.mark.data
@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is absent")
def test_cases_of_endings(site: Settings, tmp_path: Path) -> None:
    """The five photos of five endings have rows, and those of other formats are refused by what they are."""
    run(site, CASES / "jfif", CASES / "jxl_raw", "--out", tmp_path / "results.csv")
    rows = [row["photo"] for row in table(tmp_path / "results.csv")]
    assert len(rows) == 9


def test_two_runs_do_not_write_one_table(site: Settings, folder: Path, tmp_path: Path) -> None:
    """While a run is at work on a table, another one is told to wait."""
    with bulk_into(Services(site), tmp_path / "results.csv", recorded=True):
        assert "Another run is writing" in run(site, folder, "--out", tmp_path / "results.csv").output


_ENDS = """
import os, sys
from simsvc.flows.estimates import look
decode = look.decode
look.decode = lambda data, **limits: os._exit(9) if data == b"no photo" else decode(data, **limits)
from flask.cli import cli
cli(["--app", "simsvc.flask_app", "estimate", *sys.argv[1:]])
"""


@pytest.mark.slow
def test_a_photo_that_ends_the_process_is_given_up(site: Settings, folder: Path, tmp_path: Path) -> None:
    """A photo with which three processes died becomes a row, and the run comes to its end."""
    out = tmp_path / "results.csv"
    command = [sys.executable, "-c", _ENDS, str(folder), "--out", str(out)]
    twice_before = json.dumps({str(folder / "bad.png"): 2})
    out.with_name("results.csv.trying").write_text(twice_before + "\n")
    ended = [subprocess.run(command, env=environment_of(site), check=False).returncode for _ in range(2)]
    assert ended == [9, 0]
    rows = {Path(row["photo"]).name: row for row in table(out)}
    assert {name: row["code"] for name, row in rows.items() if row["code"]} == {"bad.png": "not_judged"}
    assert len(rows) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "results.csv"]


def killed_at_work(command: list[str], site: Settings, part: Path) -> None:
    """Run a command until what it writes has grown, and kill it."""
    enough_bytes = 200 + (part.stat().st_size if part.exists() else 0)
    with subprocess.Popen(command, env=environment_of(site), stderr=subprocess.DEVNULL) as process:
        wait_until(
            lambda: process.poll() is not None or (part.exists() and part.stat().st_size > enough_bytes)
        )
        process.kill()


@pytest.mark.proof
@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_every_photo_once(site: Settings, tmp_path: Path) -> None:
    """Killed (-9) at two moments then run to its end: one row and one record a photo, and the log fits."""
    folder, out, before = tmp_path / "photos", tmp_path / "results.csv", on_record(site)
    folder.mkdir()
    for number in range(150):
        draw_face(number % 30, 120 + number // 30).save(folder / f"{number:03}.png")
    command = [sys.executable, "-m", "flask", "--app", "simsvc.flask_app", "estimate", folder, "--out", out]
    for _ in range(2):
        killed_at_work([*map(str, command)], site, out.with_name("results.csv.part"))
    assert run(site, folder, "--out", out).exit_code == 0 or out.exists()
    rows = table(out)
    assert len({row["photo"] for row in rows}) == len(rows) == 150
    assert on_record(site) == before + 150
    assert len({row["record"] for row in rows}) == 150
    assert command_app(site).test_cli_runner().invoke(args=["audit", "verify"]).exit_code == 0
