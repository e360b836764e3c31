from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import Result

from simsvc.cli.estimate import readable_line
from simsvc.domain.estimate.output.serialize import describe_unrecorded
from simsvc.messages import Message
from simsvc.settings import Settings
from simsvc.store import migrate
from simsvc.values import Estimate
from simsvc.web.app import create_app
from tests.simsvc.cli.helpers import command_app
from tests.simsvc.web.programs import program
from tests.small_site import drawn_photo, make_small_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_small_site(tmp_path_factory.mktemp("site"), faces=15)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "me.jpg").write_bytes(drawn_photo())
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam")
    return tmp_path


def run(settings: Settings, *words: str) -> Result:
    return command_app(settings).test_cli_runner().invoke(args=["estimate", *words])


def test_each_photo_gives_one_json_object_a_line(site: Settings, photos: Path) -> None:
    """Estimated, refused and missing photos each have their line, in the order given."""
    names = [str(photos / name) for name in ("me.jpg", "letter.txt", "gone.jpg")]
    result = run(site, "--json", *names)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [row["photo"] for row in rows] == names
    assert [row["status"] for row in rows] == ["estimated", "refused", "refused"]
    assert [row["code"] for row in rows] == [None, "not_an_image", "photo_missing"]
    assert len(rows[0]["neighbours"]) == 12
    assert set(rows[0]["neighbours"][0]) == {"face_id", "age_years", "similarity", "estimated_age_years"}


def test_the_object_is_that_of_the_api(site: Settings, photos: Path) -> None:
    """What the command prints is what the API gives for the same record, but for the photo's path."""
    row = json.loads(run(site, "--json", str(photos / "me.jpg")).stdout)
    answer = program(create_app(site), "audit").get(f"/api/v1/estimates/{row['id']}").get_json()
    assert {**row, "photo": "me.jpg"} == answer
    assert list(row) == list(answer)


def test_without_json_a_person_reads_a_line(site: Settings, photos: Path) -> None:
    """A line for a person has the age and the evidence, or the refusal."""
    result = run(site, str(photos / "me.jpg"), str(photos / "letter.txt"))
    estimated, refused = result.stdout.splitlines()
    assert " years. Of the 12 most similar reference faces" in estimated
    assert "no result (not_an_image)" in refused


def test_a_line_has_the_range_and_the_referral() -> None:
    """A calibrated estimate's line has its range, a withheld one's the reason; neither without."""
    row: dict[str, object] = {
        **describe_unrecorded(
            Estimate(
                "me.jpg",
                "ab",
                "estimated",
                sentence=Message("Of 12."),
                age_years=48.3,
                interval_years=(41.2, 55.8),
                coverage=0.9,
                refer_reason=Message("It is blurred."),
            )
        ),
        "id": "0123",
    }
    expected = (
        "me.jpg: 48.3 years, likely between 41 and 56 (90% range). Of 12. "
        "Send for review: It is blurred. Record 0123."
    )
    assert readable_line(row) == expected
    plain = {**row, "interval_years": None, "coverage": None, "refer": False, "refer_reason": None}
    assert readable_line(plain) == "me.jpg: 48.3 years. Of 12. Record 0123."


def test_a_refusal_alone_is_no_failure(site: Settings, photos: Path) -> None:
    """The exit status is 0 where a photo was read, even if it was refused."""
    assert run(site, str(photos / "letter.txt")).exit_code == 0


@pytest.mark.parametrize("name", ["gone.jpg", ""])
def test_nothing_read_at_all_is_a_failure(site: Settings, photos: Path, name: str) -> None:
    """The exit status is 1 where no file could be read; each still has its line."""
    result = run(site, "--json", str(photos / name))
    assert result.exit_code == 1
    assert json.loads(result.stdout)["code"] == "photo_missing"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_has_its_line(site: Settings, photos: Path) -> None:
    """A file that may not be read is named with what to do."""
    (photos / "me.jpg").chmod(0)
    assert "permissions" in run(site, "--json", str(photos / "me.jpg")).stdout


def test_a_file_over_the_limit_is_not_read(site: Settings, photos: Path) -> None:
    """A file of too many bytes is refused by its size."""
    result = run(site.model_copy(update={"max_upload_bytes": 1_000}), "--json", str(photos / "me.jpg"))
    assert json.loads(result.stdout)["code"] == "photo_too_many_bytes"


def test_a_missing_index_is_one_sentence(site: Settings, photos: Path, tmp_path: Path) -> None:
    """Without an index the command says what to run, without a traceback."""
    result = run(site.model_copy(update={"index_root": tmp_path / "none"}), str(photos / "me.jpg"))
    assert result.exit_code == 1
    assert "flask index build" in result.stderr
    assert "Traceback" not in result.output


def test_the_database_is_upgraded_by_command(site: Settings, tmp_path: Path) -> None:
    """`flask db upgrade` makes the tables, and again does nothing."""
    settings = site.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'var' / 'new.sqlite3'}"})
    runner = command_app(settings).test_cli_runner()
    first, second = (runner.invoke(args=["db", "upgrade"]) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"revision {migrate.newest()}" in first.output
    assert create_app(settings).test_client().get("/healthz").status_code == 200
