"""What is served is what was logged: each way to put something else there is found, said and logged once."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, text

from simsvc.adapters.index import changed_files
from simsvc.adapters.index.files import manifest as manifests
from simsvc.adapters.index.files.face_columns import read_columns, write_columns
from simsvc.adapters.index.files.pointer import write_current
from simsvc.adapters.inference.bundle import load_document
from simsvc.adapters.inference.shipped import SHIPPED
from simsvc.adapters.photos.sources import read_source
from simsvc.domain.gallery.manifest import Manifest
from simsvc.errors import BundleDamaged, IndexDamaged, IndexNotServed, ModelNotLogged
from simsvc.flows.audit.verify_log import verify
from simsvc.flows.estimates.estimate import answered
from simsvc.settings import PACKAGE_DIR
from simsvc.store.tables import EventContentRow, EventRow
from simsvc.values.events import EventFilter, EventKind
from simsvc.web.app import create_app
from simsvc.wiring.audit.served import accept
from simsvc.wiring.audit.served_keeper import ServedKeeper
from simsvc.wiring.services import Services
from tests.small_site import build_index, draw_gallery, drawn_photo, make_small_site
from tests.tiny_bundle import make_tiny_bundle


class Site:
    """A small installation with a service that runs, and a keeper that waits for nothing."""

    def __init__(self, folder: Path) -> None:
        self.settings = make_small_site(folder, faces=15)
        app = create_app(self.settings)
        self.services: Services = app.extensions["simsvc"]
        self.services.log_start()
        self.services.warm_up()
        self.web: FlaskClient = app.test_client()
        self.first = str(self.services.shelf.current())
        self.keeper = ServedKeeper(self.settings, self.services.database, lambda _seconds: False)

    def readyz(self, part: str) -> tuple[int, str, dict[str, Any]]:
        """Return the HTTP status, the state, and one part."""
        response = self.web.get("/readyz")
        body = response.get_json()
        return response.status_code, body["status"], next(one for one in body["parts"] if one["part"] == part)

    def estimate(self) -> tuple[str | None, set[float]]:
        """Return the build that an estimate names, and the ages of its reference faces."""
        answer = answered(drawn_photo(), "me.jpg", self.services.pipeline())
        return answer.index, {near.age_years for near in answer.neighbours}

    def restarted(self) -> Services:
        """Return the services of a process that starts now."""
        return Services(self.settings)

    def served_events(self) -> list[dict[str, Any]]:
        """Return what the log says of problems in service, oldest first."""
        return [json.loads(said) for said in self.contents(EventKind.SERVED)]

    def admissions(self) -> list[dict[str, Any]]:
        """Return what the log says of models that may go into service, oldest first."""
        said = [json.loads(one) for one in self.contents(EventKind.MODEL_SWITCH)]
        return [one for one in said if "what" in one]

    def contents(self, kind: EventKind) -> list[str]:
        with self.services.log.snapshot() as snapshot:
            found = snapshot.after(None, 200, EventFilter(kind=str(kind)))
        return [logged.content for logged in found if logged.content is not None]

    def not_served(self) -> list[str]:
        """Return the sentences of `flask audit verify` on what is in service."""
        with self.services.log.snapshot() as snapshot:
            verdict = verify(snapshot, lambda _done, _total: None)
        assert {broken.code for broken in verdict.problems} <= {"not_served"}
        return [broken.sentence for broken in verdict.problems]

    def second(self) -> str:
        """Build another index, put it into service as people do, and return its label."""
        folder = draw_gallery(self.settings.index_root.parent / "other", 14)
        return build_index(self.settings, read_source("folder", folder), "other").label


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.services.database.close()


def resealed(root: Path, label: str, age_years: float) -> str:
    """Copy a build with every age changed, seal it as a build of its own, and return its label."""
    draft = root / "demo" / ".draft"
    shutil.copytree(root / label, draft)
    manifest: Manifest = manifests.read(root / label)
    (draft / manifests.FILE).unlink()
    write_columns(draft, [replace(face, age_years=age_years) for face in read_columns(draft)])
    sealed = manifests.write(draft, manifest)
    draft.rename(root / "demo" / sealed.build)
    return sealed.label


def test_a_resealed_index_put_in_by_hand_is_not_served(site: Site) -> None:
    """Every age is 99 and every hash fits, but the log does not have it: the last good build goes on."""
    root = site.settings.index_root
    forged = resealed(root, site.first, 99.0)
    write_current(root, forged)
    status, state, part = site.readyz("index")
    assert (status, state, part["code"]) == (200, "degraded", "index_not_served")
    assert forged in part["sentence"]
    assert f"{site.first} is in service" in part["sentence"]
    label, ages_years = site.estimate()
    assert label == site.first
    assert 99.0 not in ages_years
    for _ in range(3):
        site.readyz("index")
        site.keeper.look()
    assert [(said["problem"], said["reason"]) for said in site.served_events()] == [
        ("index_not_served", "not_logged")
    ]
    assert [sentence for sentence in site.not_served() if forged in sentence]


def test_a_process_that_starts_falls_back_to_what_the_log_has(site: Site) -> None:
    """A restart does not let the forged build in; without a logged build on disk, nothing is served."""
    root = site.settings.index_root
    write_current(root, resealed(root, site.first, 99.0))
    anew = site.restarted()
    assert anew.pipeline().index().label == site.first
    assert isinstance(anew.index_problem(), IndexNotServed)
    shutil.rmtree(root / site.first)
    with pytest.raises(IndexNotServed, match="the log does not have it"):
        site.restarted().warm_up()
    assert len(site.served_events()) == 1


def test_a_repair_is_logged_and_the_next_problem_again(site: Site) -> None:
    """The log says when a problem has ended; the same one later is another event."""
    root = site.settings.index_root
    forged = resealed(root, site.first, 99.0)
    for _ in range(2):
        write_current(root, forged)
        assert site.readyz("index")[1] == "degraded"
        write_current(root, site.first)
        assert site.readyz("index")[1] == "ready"
    assert [said["problem"] for said in site.served_events()] == ["index_not_served", None] * 2


def test_a_switch_by_hand_to_another_logged_build_is_found(site: Site) -> None:
    """An index folder of an older backup names a build that was once in service."""
    second = site.second()
    assert site.estimate()[0] == second
    write_current(site.settings.index_root, site.first)
    status, state, part = site.readyz("index")
    assert (status, state) == (200, "degraded")
    assert f"by the log, {second} is in service" in part["sentence"]
    assert site.estimate()[0] == second
    assert site.restarted().pipeline().index().label == second
    assert [said["reason"] for said in site.served_events()] == ["not_switched"]
    assert len(site.not_served()) == 1


def test_an_older_folder_without_the_build_in_service_serves_the_earlier_one(site: Site) -> None:
    """What the log has and the disk still has answers, and the sentence says what is missing."""
    second = site.second()
    shutil.rmtree(site.settings.index_root / second)
    write_current(site.settings.index_root, site.first)
    anew = site.restarted()
    assert anew.pipeline().index().label == site.first
    problem = anew.index_problem()
    assert problem is not None
    assert second in problem.sentence


def test_a_retired_build_that_comes_back_is_not_served(site: Site, tmp_path: Path) -> None:
    """Its folder was kept elsewhere, put back, and named in current.json."""
    root = site.settings.index_root
    shutil.copytree(root / site.first, tmp_path / "kept")
    second = site.second()
    site.services.keeping.retiring(
        f"index:{site.first}", {}, "command", lambda: shutil.rmtree(root / site.first)
    )
    shutil.copytree(tmp_path / "kept", root / site.first)
    write_current(root, site.first)
    assert site.readyz("index")[2]["code"] == "index_not_served"
    assert site.estimate()[0] == second


def test_an_edited_manifest_is_found(site: Site) -> None:
    """Other bytes under the same label are not what was logged, even if they mean the same."""
    path = site.settings.index_root / site.first / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    status, state, part = site.readyz("index")
    assert (status, state) == (200, "degraded")
    assert "is not the one that was logged" in part["sentence"]
    assert site.estimate()[0] == site.first, "what was opened before is as it was"
    with pytest.raises(IndexNotServed, match=r"manifest\.json"):
        site.restarted().warm_up()
    assert [said["reason"] for said in site.served_events()] == ["manifest"]
    assert len(site.not_served()) == 1


@pytest.mark.parametrize("name", ["faces.annoy", "thumbnails.bin"])
def test_a_file_changed_while_mapped_takes_the_service_down(site: Site, name: str) -> None:
    """The pass over all files finds it; nothing is answered from it, by running or by new processes."""
    path = site.settings.index_root / site.first / name
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\x13\x37")
    assert site.readyz("index")[0] == 200, "nobody has looked yet"
    for _ in range(2):
        site.keeper.hash_all()
    status, state, part = site.readyz("index")
    assert (status, state, part["code"]) == (503, "not ready", "index_damaged")
    assert name in part["sentence"]
    for services in (site.services, site.restarted()):
        with pytest.raises(IndexDamaged):
            services.pipeline().index()
    said = site.served_events()
    assert [one["reason"] for one in said] == ["changed"]
    assert name in said[0]["sentence"]
    assert len(site.not_served()) == 1


def test_a_restored_file_is_served_again(site: Site) -> None:
    """The build comes back with its file, and the next pass logs the end."""
    path = site.settings.index_root / site.first / "faces.annoy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\x00" if whole[-1] else whole[:-1] + b"\x01")
    site.keeper.hash_all()
    assert site.readyz("index")[0] == 503
    path.write_bytes(whole)
    assert site.readyz("index")[1] == "ready"
    site.keeper.hash_all()
    assert [said["problem"] for said in site.served_events()] == ["index_not_served", None]
    assert not (site.settings.index_root / changed_files.FILE).exists()


def test_damage_that_a_start_finds_is_logged_once(site: Site) -> None:
    """Whether a start or a pass finds it first, it is one event until it has ended."""
    index, model = site.settings.index_root / site.first / "thumbnails.bin", site.settings.bundle_dir
    for path in (index, model / "model.onnx"):
        with path.open("r+b") as file:
            file.seek(64)
            file.write(b"\x13\x37\x13\x37")
    anew = site.restarted()
    for _ in range(2):
        with pytest.raises(BundleDamaged):
            anew.pipeline()
    make_tiny_bundle(model)
    with pytest.raises(IndexDamaged):
        site.restarted().warm_up()
    site.keeper.hash_all()
    assert [said["problem"] for said in site.served_events()] == ["bundle_damaged", "index_damaged", None]


def test_a_damaged_build_is_not_hashed_with_every_request(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as no file changes, the answer is known."""
    (site.settings.index_root / site.first / "thumbnails.idx").write_bytes(b"")
    anew, looks = site.restarted(), []
    verify = manifests.verify
    monkeypatch.setattr(manifests, "verify", lambda folder: looks.append(folder) or verify(folder))
    for _ in range(3):
        with pytest.raises(IndexDamaged):
            anew.pipeline().index()
    assert len(looks) == 1


def test_a_swapped_model_takes_the_service_down(site: Site) -> None:
    """The running process goes on with its model, /readyz says so, and a start refuses the other one."""
    make_tiny_bundle(site.settings.bundle_dir, seed=7)
    status, state, part = site.readyz("model")
    assert (status, state, part["code"]) == (503, "not ready", "model_not_logged")
    assert "replaced by tiny-7" in part["sentence"]
    site.keeper.look()
    assert ["tiny-7" in sentence for sentence in site.not_served()] == [True]
    for _ in range(2):
        with pytest.raises(ModelNotLogged, match="flask model accept"):
            site.restarted().warm_up()
        with pytest.raises(ModelNotLogged):
            site.restarted().log_start()
    assert [(said["problem"], said["version"]) for said in site.served_events()] == [
        ("model_not_logged", "tiny-7")
    ]
    assert [said["version"] for said in site.admissions()] == ["tiny-0"]


def test_an_edited_model_json_is_another_model(site: Site) -> None:
    """The ranges come from there: the same weights with another calibration need the same acceptance."""
    path = site.settings.bundle_dir / "model.json"
    path.write_text(path.read_text() + " ")
    assert site.readyz("model")[0] == 503
    with pytest.raises(ModelNotLogged):
        site.restarted().warm_up()


def test_an_accepted_model_goes_into_service(site: Site) -> None:
    """Accepting is an event; until the restart the earlier model answers, and /readyz says so."""
    make_tiny_bundle(site.settings.bundle_dir, seed=7)
    site.keeper.look()
    accept(site.settings, site.services.database)
    status, state, part = site.readyz("model")
    assert (status, state) == (200, "degraded")
    assert "Restart the service" in part["sentence"]
    anew = site.restarted()
    anew.log_start()
    assert anew.pipeline().model.version == "tiny-7"
    assert [(one["version"], one["what"]) for one in site.admissions()] == [
        ("tiny-0", "first"),
        ("tiny-7", "accepted"),
    ]
    assert [one["problem"] for one in site.served_events()] == ["model_not_logged", None]
    assert site.not_served() == []


def test_a_model_file_changed_in_service_takes_it_down(site: Site) -> None:
    """The weights are in memory, but the next start would refuse them."""
    path = site.settings.bundle_dir / "model.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    site.keeper.hash_all()
    status, _, part = site.readyz("model")
    assert (status, part["code"]) == (503, "model_not_logged")
    assert "model.onnx of the model was changed" in part["sentence"]
    with pytest.raises(BundleDamaged):
        site.restarted().warm_up()
    path.write_bytes(whole)
    site.restarted().warm_up()
    site.keeper.hash_all()
    assert site.readyz("model")[0] == 200
    assert [said["problem"] for said in site.served_events()] == ["model_not_logged", None]


def test_the_shipped_model_is_known() -> None:
    """Whoever ships another model names it in `adapters.inference.shipped`."""
    assert load_document(PACKAGE_DIR / "bundle" / "model").document_sha256 in SHIPPED


def test_a_log_of_the_version_before_gets_its_builds_once(site: Site) -> None:
    """The rows count, the log says that they were found at the upgrade, and a forged build is refused."""
    database, root = site.services.database, site.settings.index_root
    second = site.second()
    _forget_builds(site)
    anew = site.restarted()
    for _ in range(2):
        anew.log_start()
    assert [json.loads(said)["what"] for said in site.contents(EventKind.BUILD)] == ["found at upgrade"] * 2
    assert anew.pipeline().index().label == second
    write_current(root, resealed(root, site.first, 99.0))
    assert anew.pipeline().index().label == second
    database.close()


def test_a_model_of_the_version_before_is_known_by_its_weights(site: Site) -> None:
    """The earlier event has the weights' SHA-256 only; another model is refused at the upgrade, too."""
    _forget_builds(site)
    _forget_model(site)
    site.restarted().log_start()
    assert site.admissions()[-1]["what"] == "found at upgrade"
    _forget_model(site)
    make_tiny_bundle(site.settings.bundle_dir, seed=7)
    with pytest.raises(ModelNotLogged):
        site.restarted().log_start()


def test_a_new_database_takes_the_build_that_is_there(site: Site, tmp_path: Path) -> None:
    """It is recorded and logged as found; another one by hand is refused from then on."""
    from tests.databases import sqlite_database  # noqa: PLC0415 - one test only

    settings = site.settings.model_copy(update={"database_url": sqlite_database(tmp_path / "new.sqlite3")})
    anew = Services(settings)
    assert anew.pipeline().index().label == site.first
    assert site.first in anew.builds.made_at()
    write_current(settings.index_root, resealed(settings.index_root, site.first, 99.0))
    assert anew.pipeline().index().label == site.first
    assert anew.index_problem() is not None
    anew.database.close()


def test_a_build_from_elsewhere_has_to_be_accepted(site: Site) -> None:
    """Switching to a build that the log does not have is refused; accepting it is an event."""
    other = resealed(site.settings.index_root, site.first, 41.0)
    with pytest.raises(IndexNotServed, match="--accept"):
        site.services.switcher().use(other)
    assert site.services.shelf.current() == site.first
    site.services.switcher().use(other, accept=True)
    assert site.estimate() == (other, {41.0})
    assert [json.loads(said)["what"] for said in site.contents(EventKind.BUILD)] == ["made", "accepted"]
    assert site.served_events() == site.not_served() == []


def test_a_switch_that_is_half_done_is_no_problem(site: Site) -> None:
    """current.json is written before the log commits: whoever looks in between waits for the log."""
    second = site.second()
    store, found = site.services.switches, []

    def look() -> None:
        found.append(site.services.pipeline().index().label)

    with store.recording(site.first, second, None, site.services.now()):
        site.services.shelf.switch(site.first)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(0.2)
    thread.join()
    assert found == [site.first]
    assert site.served_events() == []


def test_a_pass_goes_on_where_another_process_ended(site: Site) -> None:
    """What was hashed before a restart is not hashed again in the same pass."""
    hashed: list[str] = []
    position = site.settings.index_root / ".recheck.json"
    watched = site.keeper.watched()
    done = [f"index:{site.first}:{name}" for name in sorted(watched[0].files)]
    position.write_text(json.dumps(done))
    inner = site.keeper._hashed
    site.keeper._hashed = lambda path: hashed.append(path.name) or inner(path)  # type: ignore[method-assign]
    site.keeper.hash_all()
    assert hashed == ["model.onnx"]
    assert not position.exists()


def _forget_builds(site: Site) -> None:
    """Make the log one that knows no builds, as earlier versions left it."""
    _without_triggers(site, str(EventKind.BUILD))


def _forget_model(site: Site) -> None:
    with site.services.database.transaction() as session:
        _drop_triggers(session)
        for row in session.query(EventContentRow).join(EventRow, EventRow.seq == EventContentRow.seq):
            kind = session.get(EventRow, row.seq)
            if kind is not None and kind.kind == str(EventKind.MODEL_SWITCH):
                _say_less(session, kind, row)


def _say_less(session: Any, event: EventRow, content: EventContentRow) -> None:
    from simsvc.domain.audit.chain import canonical, content_sha256, event_sha256  # noqa: PLC0415
    from simsvc.values.events import Event  # noqa: PLC0415

    said = json.loads(content.content)
    if "sha256" not in said:  # that of a row
        session.delete(content)
        return
    kept = canonical({"version": said["version"], "sha256": said["sha256"]})
    content.content = kept
    event.content_sha256 = content_sha256(content.salt, kept)
    fields = ("seq", "at", "kind", "actor", "subject", "content_sha256", "previous_sha256", "sha256")
    event.sha256 = event_sha256(Event(**{name: getattr(event, name) for name in fields}))
    session.flush()


def _without_triggers(site: Site, kind: str) -> None:
    with site.services.database.transaction() as session:
        _drop_triggers(session)
        gone = [row.seq for row in session.query(EventRow).filter(EventRow.kind == kind)]
        session.execute(delete(EventContentRow).where(EventContentRow.seq.in_(gone)))
        session.execute(delete(EventRow).where(EventRow.seq.in_(gone)))


def _drop_triggers(session: Any) -> None:
    names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
    for name in names:
        session.execute(text(f"DROP TRIGGER {name}"))
