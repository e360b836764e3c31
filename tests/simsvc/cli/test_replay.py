"""Replay, retention and retiring, from the command line to the tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from simsvc.adapters.crypto.fernet_cipher import new_key
from simsvc.domain.estimate.age_prior import parse_age_prior
from simsvc.errors import ModelGone, PhotoDiffers, PhotoLocked, SettingsError
from simsvc.flows.estimates.estimate import estimate
from simsvc.flows.estimates.replay import describe_replay
from simsvc.settings import Settings, load_settings
from simsvc.store.tables import EstimateRow, EventRow, ModelSwitchRow, PhotoRow
from simsvc.values import RecordedEstimate
from simsvc.wiring.replay import replayer
from simsvc.wiring.services import Services
from tests.simsvc.cli.helpers import Run, command_app, runner
from tests.simsvc.web.helpers import judge_all
from tests.small_site import draw_gallery, drawn_photo, make_small_site
from tests.tiny_bundle import make_tiny_bundle

PHOTO = drawn_photo(5000)


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return make_small_site(tmp_path, faces=15)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    return str(path)


def restarted(settings: Settings) -> Run:
    """Return a caller of commands, each in an app of its own as after a restart."""

    def call(*words: str, exit_code: int = 0) -> str:
        app = command_app(settings)
        said = runner(app)(*words, exit_code=exit_code)
        app.extensions["simsvc"].database.close()
        return said

    return call


def judged(settings: Settings, data: bytes = PHOTO) -> RecordedEstimate:
    return estimate(data, "photo.jpg", Services(settings).pipeline())


def kinds(settings: Settings) -> list[str]:
    with Services(settings).database.reading() as session:
        return list(session.scalars(select(EventRow.kind).order_by(EventRow.seq)))


def test_an_estimate_agrees_with_itself(site: Settings, photo: str) -> None:
    """Made again by another process, age, range and every distance are the recorded ones to the last bit."""
    record = judged(site)
    said = json.loads(restarted(site)("replay", record.id, "--photo", photo, "--json"))
    assert said["agrees"]
    assert said["recorded"] == said["replayed"]
    assert len(said["replayed"]["neighbours"]) == 12
    assert kinds(site)[-1] == "replay"


def test_a_prior_is_replayed_as_it_was(site: Settings, photo: str, tmp_path: Path) -> None:
    """An estimate under a prior comes out the same where another prior, or none, is set today."""
    folder = make_tiny_bundle(tmp_path / "told", shares=True)
    at = site.model_copy(update={"bundle_dir": folder, "age_prior": parse_age_prior("41-43")})
    restarted(at)("model", "accept")
    label = restarted(at)(
        "index", "build", "--source", "folder", "--path", str(draw_gallery(tmp_path / "g", 15))
    )
    record = judged(at)
    assert record.estimate.age_prior is not None, label
    assert record.estimate.age_prior.ages == "41-43"
    for today in (None, parse_age_prior("0:1")):
        said = json.loads(
            restarted(at.model_copy(update={"age_prior": today}))(
                "replay", record.id, "--photo", photo, "--json"
            )
        )
        assert said["agrees"]
        assert said["recorded"] == said["replayed"]
        assert said["engine"] == said["recorded_engine"] == "onnxruntime fp32"


def test_a_refusal_can_be_replayed_too(site: Settings, tmp_path: Path) -> None:
    """What was refused is refused again, with the same code."""
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    record = judged(site, b"no photo")
    assert "agrees" in restarted(site)("replay", record.id, "--photo", str(tmp_path / "bad.jpg"))


def test_replay_takes_the_recorded_index_and_model(site: Settings, photo: str, tmp_path: Path) -> None:
    """After an index switch, changes of faces, a model switch and restarts it agrees still."""
    record, run = judged(site), restarted(site)
    draw_gallery(tmp_path / "more", 14)
    run("index", "build", "--source", "folder", "--path", str(tmp_path / "more"), "--name", "other", "--use")
    assert "agrees" in run("replay", record.id, "--photo", photo)
    run("face", "remove", record.estimate.neighbours[0].face_id)
    run("face", "relabel", record.estimate.neighbours[1].face_id, "--age", "99")
    assert "agrees" in run("replay", record.id, "--photo", photo)
    switched = site.model_copy(update={"bundle_dir": make_tiny_bundle(tmp_path / "newer", seed=1)})
    anew = restarted(switched)
    anew("model", "accept")
    anew("index", "build", "--source", "folder", "--path", str(tmp_path / "more"), "--name", "newer", "--use")
    newer = judged(switched)
    assert newer.estimate.model != record.estimate.model
    assert newer.estimate.age_years != record.estimate.age_years
    for each in (record, newer):
        assert "agrees" in anew("replay", each.id, "--photo", photo)
    with Services(site).database.reading() as session:
        assert list(session.scalars(select(ModelSwitchRow.version))) == ["tiny-0", "tiny-1"]


def test_an_estimate_by_lance_agrees_with_itself(site: Settings, photo: str, tmp_path: Path) -> None:
    """With an index of Lance, faces changed since and another index in service, the replay is to the bit."""
    run = restarted(site)
    draw_gallery(tmp_path / "more", 14)
    more = ("--source", "folder", "--path", str(tmp_path / "more"), "--name", "more")
    built = run("index", "build", *more, "--index", "lance", "--use")
    assert "intact" in run("index", "verify")
    assert "Lance compares every face" in run("index", "recall")
    record = judged(site)
    assert (record.estimate.index or "") in built
    run("face", "remove", record.estimate.neighbours[0].face_id)
    run("face", "relabel", record.estimate.neighbours[1].face_id, "--age", "99")
    assert judged(site).estimate.neighbours[0] != record.estimate.neighbours[0]
    run("index", "build", *more, "--index", "annoy", "--use")
    said = json.loads(run("replay", record.id, "--photo", photo, "--json"))
    assert said["agrees"]
    assert said["recorded"] == said["replayed"]
    next((site.index_root / (record.estimate.index or "")).glob("faces.lance/data/*")).write_bytes(b"")
    assert "damaged" in run("replay", record.id, "--photo", photo, exit_code=1)


def test_replay_knows_the_faces_added_before_the_estimate(site: Settings, photo: str) -> None:
    """A face added live answers in the replay of what was judged after it, not of what was judged before."""
    before, run = judged(site), restarted(site)
    like = site.batch_dir.parent / "like.jpg"
    like.write_bytes(drawn_photo(5024))
    face_id = run("face", "add", str(like), "--age", "50", "--source", "clinic").split()[0]
    after = judged(site)
    assert face_id in {near.face_id for near in after.estimate.neighbours}
    assert (before.estimate.face_changes, after.estimate.face_changes) == (0, 1)
    for record in (before, after):
        assert "agrees" in run("replay", record.id, "--photo", photo)
    unfinished = site.index_root / "demo" / ".embedded"
    unfinished.write_bytes(b"what a killed build left")
    run("erase", "face", face_id, "--yes")
    assert not unfinished.exists()
    assert "agrees" in run("replay", before.id, "--photo", photo)
    said = run("replay", after.id, "--photo", photo, exit_code=1)
    assert face_id in said
    assert "1 of its reference faces have been erased since" in said


def test_another_photo_is_refused(site: Settings, tmp_path: Path) -> None:
    """Only the very file that was judged can be replayed; without any, a sentence says so."""
    record = judged(site)
    (tmp_path / "other.jpg").write_bytes(drawn_photo(5001))
    run = restarted(site)
    assert "not the photo of the record" in run(
        "replay", record.id, "--photo", str(tmp_path / "other.jpg"), exit_code=1
    )
    assert "The photo of this record was not kept" in run("replay", record.id, exit_code=1)
    with pytest.raises(PhotoDiffers):
        replayer(Services(site)).replay(record.id, "command", b"")


@pytest.mark.parametrize("name", ["faces.annoy", "faces.json", "manifest.json"])
def test_a_tampered_index_is_refused(site: Settings, photo: str, name: str) -> None:
    """One changed byte of any file of the build, and nothing is replayed with it."""
    record = judged(site)
    path = site.index_root / (record.estimate.index or "") / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    said = restarted(site)("replay", record.id, "--photo", photo, exit_code=1)
    assert "damaged" in said or "manifest.json" in said


@pytest.mark.parametrize("name", ["model.onnx", "model.json"])
def test_a_tampered_model_is_refused(site: Settings, photo: str, name: str) -> None:
    """One changed byte of the kept model, and nothing is replayed with it."""
    record = judged(site)
    path = site.model_root / (record.estimate.bundle_sha256 or "") / name
    path.write_bytes(path.read_bytes().replace(b"tiny", b"tinY", 1) + b" ")
    assert "cannot be used" in restarted(site)("replay", record.id, "--photo", photo, exit_code=1)


def test_what_differs_is_named(site: Settings) -> None:
    """A record that was changed by hand does not agree, and the report says in what."""
    record = judged(site)
    services = Services(site)
    with services.database.transaction() as session:
        session.execute(update(EstimateRow).values(age_years=EstimateRow.age_years + 1.0))
    replay = replayer(services).replay(record.id, "command", PHOTO)
    assert [entry.what for entry in replay.differences] == ["age_years"]
    assert describe_replay(replay)["agrees"] is False


def test_builds_and_models_in_use_are_not_retired(site: Settings, photo: str, tmp_path: Path) -> None:
    """In service never; with records only by --force, which is logged; replay then says what is gone."""
    record, run = judged(site), restarted(site)
    label = record.estimate.index or ""
    assert "is in service" in run("index", "retire", label, "--force", exit_code=1)
    draw_gallery(tmp_path / "more", 14)
    run("index", "build", "--source", "folder", "--path", str(tmp_path / "more"), "--name", "other", "--use")
    assert "1 records were made with" in run("index", "retire", label, exit_code=1)
    assert "agrees" in run("replay", record.id, "--photo", photo)
    run("index", "retire", label, "--force")
    assert kinds(site)[-1] == "retirement"
    assert label not in run("index", "list")
    assert "no longer exists" in run("replay", record.id, "--photo", photo, exit_code=1)
    assert list(site.index_root.glob("demo/*")) == []


def test_a_kept_model_is_retired_only_by_force(site: Settings, photo: str, tmp_path: Path) -> None:
    """The copy of the model in service stays; an older one that records refer to goes by --force alone."""
    record = judged(site)
    assert "is in service" in restarted(site)("model", "retire", "tiny-0", "--force", exit_code=1)
    run = restarted(site.model_copy(update={"bundle_dir": make_tiny_bundle(tmp_path / "newer", seed=1)}))
    assert "tiny-0" in run("model", "list")
    assert "1 records were made with" in run("model", "retire", "tiny-0", exit_code=1)
    run("model", "retire", "tiny-0", "--force")
    assert "no longer kept" in run("replay", record.id, "--photo", photo, exit_code=1)
    with pytest.raises(ModelGone):
        Services(site).models.find(record.estimate.bundle_sha256, None)
    assert "No kept model" in run("model", "retire", "tiny-0", "--force", exit_code=1)


def kept(site: Settings, *keys: str, days: int = 30) -> Settings:
    return site.model_copy(update={"photo_days": days, "photo_keys": keys})


def tokens(settings: Settings) -> list[bytes]:
    with Services(settings).database.reading() as session:
        return list(session.scalars(select(PhotoRow.token)))


def test_photos_are_not_kept_unless_asked_for(site: Settings) -> None:
    """By default no table holds the photo."""
    assert load_settings({}).photo_days == 0
    judged(site)
    assert tokens(site) == []


def test_a_kept_photo_is_encrypted_and_replays(site: Settings) -> None:
    """On the disk lies nothing of the photo; with the key, a replay needs no other."""
    settings = kept(site, new_key())
    record = judged(settings)
    assert len(tokens(settings)) == 1
    stored = b"".join(path.read_bytes() for path in site.bundle_dir.parent.glob("simsvc.sqlite3*"))
    assert PHOTO[100:160] not in stored
    assert "agrees" in restarted(settings)("replay", record.id)
    other = restarted(kept(site, new_key()))
    assert "any key in SIMSVC_PHOTO_KEYS" in other("replay", record.id, exit_code=1)


def test_keys_rotate(site: Settings) -> None:
    """After rotation the new key alone opens every photo, and the old one none."""
    old, new = new_key(), new_key()
    records = [judged(kept(site, old), drawn_photo(seed)) for seed in (5000, 5001)]
    assert "2 kept photos" in restarted(kept(site, new, old))("retention", "rotate-key")
    for record in records:
        assert "agrees" in restarted(kept(site, new))("replay", record.id)
        with pytest.raises(PhotoLocked):
            replayer(Services(kept(site, old))).replay(record.id, "command")
    assert "2 kept photos cannot be decrypted" in restarted(kept(site, old))(
        "retention", "rotate-key", exit_code=1
    )
    assert kinds(site).count("retention") == 2


def test_photos_are_deleted_when_their_time_is_over(site: Settings) -> None:
    """Older than the days set they go and others stay; switched off, all go; the records stay."""
    settings = kept(site, new_key(), days=7)
    older, newer = (judged(settings, drawn_photo(seed)) for seed in (5000, 5001))
    services = Services(settings)
    with services.database.transaction() as session:
        first = session.scalars(select(PhotoRow).order_by(PhotoRow.estimate)).first()
        assert first is not None
        first.kept_at = datetime.now(UTC) - timedelta(days=8)
    assert "1 kept photos deleted, 1 left" in restarted(settings)("retention", "run")
    assert "The photo of this record was not kept" in restarted(settings)("replay", older.id, exit_code=1)
    assert "agrees" in restarted(settings)("replay", newer.id)
    assert "1 kept photos deleted, 0 left" in restarted(settings.model_copy(update={"photo_days": 0}))(
        "retention", "run"
    )
    assert services.estimates.find(newer.id).estimate.age_years is not None


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"SIMSVC_PHOTO_DAYS": "30"}, "has no key"),
        ({"SIMSVC_PHOTO_KEYS": "short"}, "not a key"),
        ({"SIMSVC_PHOTO_DAYS": "-1"}, "whole number"),
    ],
)
def test_photos_are_never_kept_without_a_key(environment: dict[str, str], sentence: str) -> None:
    """Such settings end the start with a sentence; keys are in no representation of the settings."""
    with pytest.raises(SettingsError, match=sentence):
        load_settings(environment)
    key = new_key()
    assert key not in repr(load_settings({"SIMSVC_PHOTO_KEYS": f"{key}, {new_key()}"}))


def test_a_new_key_is_one(site: Settings) -> None:
    """What is printed can be set as it is."""
    key = restarted(site)("retention", "new-key").strip()
    assert load_settings({"SIMSVC_PHOTO_KEYS": key, "SIMSVC_PHOTO_DAYS": "1"}).photo_keys == (key,)


def test_a_photo_is_not_kept_by_a_batch_unless_asked_for(site: Settings) -> None:
    """Photos of batches are kept like any other, and only where the settings say so."""
    for settings, count in ((site, 0), (kept(site, new_key()), 1)):
        services = Services(settings)
        batch = services.batches.take_in([("a.jpg", PHOTO)], "a.zip", "0" * 32, dict)
        judge_all(services, batch)
        assert len(tokens(settings)) == count
