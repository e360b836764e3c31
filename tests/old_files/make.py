"""Make 7b82fb7.tar.xz: an installation that commit 7b82fb7 wrote, and what that commit answered about it.

README.md says how to run it. All photos are drawings, or the composites that ship with the demo gallery.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from PIL import Image

import simsvc
from tests.drawn_faces import draw_face
from tests.old_files.installation import PASSWORD, Installation, read, read_pages, send, upload
from tests.tiny_bundle import make_tiny_bundle

COMMIT = "7b82fb7440649cf9b3eda54cb64c287da2d3184b"
GALLERY = Path(simsvc.__file__).parent / "bundle" / "gallery"
EXPECTED = "expected.json"
COMPOSITES = 16
DRAWINGS = 40
PEOPLE = {"Ursula Writer": "underwriter", "Otto Auditor": "auditor", "Ada Admin": "admin"}
CLOSED, INVITED = "Cleo Closed", "Ines Invited"
TOKENS = {"desk": ("estimate",), "audits": ("audit",), "all": ("estimate", "audit", "admin")}
REVOKED = "revoked"


def main(out: Path) -> None:
    """Make the archive `out`."""
    checkout = Path(simsvc.__file__).parents[1]
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=checkout, text=True).strip()
    assert commit == COMMIT, f"{checkout} is at {commit}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old = folder / "old"
        about = fill(old, draw_photos(old / "photos"))
        shutil.copytree(old, folder / "copy")  # reading is logged, so a copy is read
        expected = {"commit": COMMIT, **about, **read_all(folder / "copy", about)}
        (folder / EXPECTED).write_text(json.dumps(expected, indent=1, ensure_ascii=False))
        with tarfile.open(out, "w:xz", preset=9) as archive:
            archive.add(folder / EXPECTED, EXPECTED)  # first, where it is found quickly
            archive.add(old, "old", filter=plain)


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what SQLite keeps beside an open database."""
    return None if member.name.endswith(("-shm", "-wal")) else member


def draw_photos(folder: Path) -> dict[str, bytes]:
    """Write the photos that are estimated, good and bad ones; return them by name."""
    folder.mkdir(parents=True)
    photos = {f"drawn-{seed}.jpg": jpeg(draw_face(seed, 240)) for seed in range(1000, 1010)}
    photos["composite.jpg"] = (GALLERY / "composite_0100.jpg").read_bytes()
    photos["text.jpg"] = b"no photo"
    photos["letter.pdf"] = b"%PDF-1.7\n" + bytes(100)
    photos["cut.jpg"] = photos["drawn-1000.jpg"][:3000]
    photos["wall.png"] = png(Image.new("RGB", (300, 300), (150, 160, 170)))
    photos["stamp.png"] = png(draw_face(1000, 20))
    photos["two.jpg"] = jpeg(two_faces())
    photos["far.jpg"] = jpeg(far_face())
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    return photos


def jpeg(image: Image.Image) -> bytes:
    """Return an image as JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    """Return an image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def two_faces() -> Image.Image:
    """Return two drawn faces of one size."""
    image = Image.new("RGB", (480, 240))
    for number in (0, 1):
        image.paste(draw_face(1000 + number, 240), (240 * number, 0))
    return image


def far_face() -> Image.Image:
    """Return a face that is too small to be judged."""
    image = Image.new("RGB", (400, 400), (150, 160, 170))
    image.paste(draw_face(1001, 70), (165, 165))
    return image


def fill(folder: Path, photos: dict[str, bytes]) -> dict[str, Any]:
    """Make the installation and return what a reader has to know of it."""
    make_tiny_bundle(folder / "model", seed=1)
    first = Installation(folder, SIMSVC_GALLERY_DIR=str(demo(folder.parent)), SIMSVC_PHOTO_DAYS="0")
    first.run("db", "upgrade")
    accounts(first)
    tokens = make_tokens(first)
    first.run("index", "build")
    person, program = first.person("Ursula Writer"), first.program(tokens["desk"])
    from_desk(person, photos, "drawn-1000.jpg", case="A-1", born="1980-02-28", taken="2026-11-01")
    ask(program, photos, "drawn-1001.jpg", "text.jpg", "wall.png")
    first.run("estimate", str(folder / "photos" / "composite.jpg"))

    shutil.rmtree(folder / "model")
    measured(make_tiny_bundle(folder / "model", seed=2, shares=True))
    build_twice(folder, photos, tokens["all"])
    second = Installation(folder, SIMSVC_AGE_PRIOR="18-75")
    person, program = second.person("Ursula Writer"), second.program(tokens["all"])
    ask(program, photos, "letter.pdf", "cut.jpg", "drawn-1002.jpg", case="B/2", birth_date="1990-05-05")
    change_faces(second, program, photos)
    from_desk(person, photos, "drawn-1000.jpg", "drawn-1003.jpg", case="A-1", born="1980-02-28")
    from_desk(person, photos, "two.jpg", "far.jpg", "stamp.png", case="C 3", born="2001-12-31")

    third = Installation(folder)
    person, program = third.person("Ursula Writer"), third.program(tokens["all"])
    judged = send_batch(person, photos, "drawn-1001.jpg", "drawn-1005.jpg", "text.jpg", "wall.png")
    services = third.app.extensions["simsvc"]
    while services.batches.judge_next(judged, services.pipeline):
        pass
    ask(third.program(tokens["desk"]), photos, "drawn-1006.jpg", "drawn-1007.jpg")
    decide(person, program)
    third.run("erase", "estimate", ask(program, photos, "drawn-1009.jpg")[0], "--yes")
    waiting = send_batch(person, photos, "drawn-1008.jpg", "text.jpg")
    third.run("replay", newest(program)["id"])
    third.run("audit", "checkpoint", "--out", str(folder / "checkpoint.json"))
    finish_database(folder / "simsvc.sqlite3")
    third.run("backup", "create", str(folder / "backup"))
    cases = ["A-1", "B/2", "C 3"]
    return {"tokens": tokens, "cases": cases, "batches": [judged, waiting]}


def build_twice(folder: Path, photos: dict[str, bytes], token: str) -> None:
    """Put two builds into service one after the other; make a record with the first, then retire it.

    The second one's labels lie ten years above the model's estimates, so that it corrects them.
    """
    site = Installation(folder)
    path = drawings(folder.parent / "brief", dict.fromkeys(range(100, 112), 40.0))
    site.run("index", "build", "--source", "folder", "--path", str(path), "--name", "brief", "--use")
    ask(site.program(token), photos, "drawn-1008.jpg")
    path = drawings(folder.parent / "clinic", dict.fromkeys(range(DRAWINGS), 40.0))
    table = folder.parent / "ages.csv"
    site.run("estimate", str(path), "--out", str(table), "--no-record")
    with table.open(encoding="utf-8-sig", newline="") as file:
        ages = {int(Path(row["photo"]).stem): float(row["age_years"]) for row in csv.DictReader(file)}
    drawings(path, {seed: ages[seed] + 10 + seed % 3 for seed in ages})
    site.run("index", "build", "--source", "folder", "--path", str(path), "--name", "clinic", "--use")
    label = re.findall(r"brief/\S+", site.run("index", "list"))[0]
    site.run("index", "retire", label, "--force")


def demo(folder: Path) -> Path:
    """Write a folder with the first composites of the demo gallery."""
    gallery = folder / "demo"
    gallery.mkdir()
    shutil.copy(GALLERY / "manifest.json", gallery)
    rows = (GALLERY / "labels.csv").read_text().splitlines()
    chosen = [rows[0], *rows[1 :: max(1, len(rows) // COMPOSITES)]]
    (gallery / "labels.csv").write_text("\n".join(chosen) + "\n")
    for row in chosen[1:]:
        shutil.copy(GALLERY / row.partition(",")[0], gallery)
    return gallery


def drawings(folder: Path, ages: dict[int, float]) -> Path:
    """Write a folder of drawings, whose seeds are given, with their labels."""
    folder.mkdir(exist_ok=True)
    rows = ["file,age"]
    for seed, age_years in ages.items():
        (folder / f"{seed}.jpg").write_bytes(jpeg(draw_face(seed, 160)))
        rows.append(f"{seed}.jpg,{age_years:.1f}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def measured(bundle: Path) -> None:
    """Let a model state intervals, quality thresholds and when a person should decide."""
    path = bundle / "model.json"
    document = json.loads(path.read_text())
    about = {"source": "drawn faces", "model_sha256": document["files"]["model.onnx"]["sha256"]}
    bands = [
        {"from_years": 0.0, "below_years": -6.0, "above_years": 7.0, "faces": 100},
        {"from_years": 40.0, "below_years": -9.0, "above_years": 8.5, "faces": 200},
    ]
    document |= {
        "calibration": {
            "format": 1,
            "method": "split-conformal by band",
            "coverage": 0.9,
            "split": "valid",
            "faces": 300,
            "bands": bands,
            **about,
        },
        "quality": {"sharpness_at_least": 40.0, "luminance_at_least": 130.0, **about},
        "withhold": {"luminance_at_least": 120.0, **about},
    }
    path.write_text(json.dumps(document, indent=1))


def accounts(site: Installation) -> None:
    """Add an account of each role, a closed one and one that was only invited."""
    for name, role in {**PEOPLE, CLOSED: "underwriter"}.items():
        link = site.run("user", "add", name, "--role", role)
        path = re.findall(r"/welcome/\S+", link)[0]
        answer = send(site.app.test_client(), path, path, password=PASSWORD, again=PASSWORD)
        assert answer.status_code == 303, answer.text
    site.run("user", "disable", CLOSED)
    site.run("user", "add", INVITED, "--role", "auditor")


def make_tokens(site: Installation) -> dict[str, str]:
    """Make the tokens and return their texts by name."""
    made = {
        name: site.run("token", "create", name, *(f"--scope={scope}" for scope in scopes)).split()[-1]
        for name, scopes in {**TOKENS, REVOKED: ("audit",)}.items()
    }
    site.run("token", "revoke", made[REVOKED][: len("simsvc_0123456789ab")])
    return made


def finish_database(path: Path) -> None:
    """Let the tokens count until 2099, which the service allows for a year only, and empty the WAL."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE tokens SET expires_at = '2099-01-01 00:00:00.000000'")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def from_desk(client: FlaskClient, photos: dict[str, bytes], *names: str, **declared: str) -> None:
    """Have photos estimated by the form."""
    files = [upload(photos[name], name) for name in names]
    answer = send(client, "/", "/estimates", photo=files, **declared)
    assert answer.status_code == 303, answer.text


def ask(client: FlaskClient, photos: dict[str, bytes], *names: str, **declared: str) -> list[str]:
    """Have photos estimated by the API; return the records' ids."""
    ids = []
    for name in names:
        answer = client.post("/api/v1/estimates", data={"photo": upload(photos[name], name), **declared})
        assert answer.status_code == 201, answer.text
        ids.append(answer.get_json()["id"])
    return ids


def newest(client: FlaskClient) -> dict[str, Any]:
    """Return the newest record."""
    record = read(client, "/api/v1/estimates?limit=1")["items"][0]["id"]
    found: dict[str, Any] = read(client, f"/api/v1/estimates/{record}")
    return found


def change_faces(site: Installation, program: FlaskClient, photos: dict[str, bytes]) -> None:
    """Add two faces, relabel two and remove one that answered just now."""
    near = [face["face_id"] for face in newest(program)["neighbours"]]
    form = {"age_years": "33.5", "source": "added", "photo": upload(photos["drawn-1004.jpg"], "new.jpg")}
    added = program.post("/api/v1/faces", data=form)
    assert added.status_code == 201, added.text
    path = site.folder / "photos" / "drawn-1005.jpg"
    site.run("face", "add", str(path), "--age", "61", "--source", "added")
    site.run("face", "relabel", near[0], "--age", "77.5")
    site.run("face", "relabel", added.get_json()["face_id"], "--age", "34")
    site.run("face", "remove", near[1])


def send_batch(client: FlaskClient, photos: dict[str, bytes], *names: str) -> str:
    """Send a batch with cases and files that are left out; return its id."""
    files = [upload(photos[name], f"mail/{name}") for name in names]
    files += [upload(b"notes", "mail/notes.txt"), upload(b"", "mail/.DS_Store")]
    table = f"file,case,birth_date,unread\n{names[0]},B/2,1990-05-05,x\ntext.jpg,D-4,1970-01-01,y\n"
    cases = upload(table.encode(), "cases.csv")
    answer = send(client, "/batches", "/batches", photos=files, cases=cases)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].rpartition("/")[2]


def decide(person: FlaskClient, program: FlaskClient) -> None:
    """Put decisions of every kind on record, by people and programs; one is decided twice."""
    found = [
        row for row in read(program, "/api/v1/estimates?limit=100")["items"] if row["status"] == "estimated"
    ]
    override = {"kind": "override", "age_years": 44, "reason": "Seen in person.", "note": "Two\nlines."}
    answer = program.post(f"/api/v1/estimates/{found[0]['id']}/decisions", json={**override, "after": 0})
    assert answer.status_code == 201, answer.text
    for record, number, fields in (
        (found[0], 1, {"kind": "refer", "note": "Ask again."}),
        (found[1], 0, {"kind": "accept"}),
        (found[2], 0, {"kind": "override", "age": "52", "reason": "身份证 checked."}),
    ):
        page = f"/estimates/{record['id']}"
        answer = send(person, page, f"{page}/decisions", after=str(number), **fields)
        assert answer.status_code == 303, answer.text


def read_all(folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Return what the service answers about everything in an installation."""
    site = Installation(folder)
    program = site.program(about["tokens"]["all"])
    events = read_pages(program, "/api/v1/audit/events")
    auditor = site.person("Otto Auditor")  # who signs in is logged, too
    records = read_pages(program, "/api/v1/estimates")
    photos = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in (folder / "photos").iterdir()}
    return {
        "events": events,
        "answers": {path: read(program, path) for path in paths(program, records)},
        "crops": {
            record["id"]: hashlib.sha256(
                program.get(f"/api/v1/estimates/{record['id']}/crop").data
            ).hexdigest()
            for record in records
            if record["age_years"] is not None
        },
        "tables": {path: auditor.get(path).data.decode("utf-8-sig") for path in tables(about)},
        "photos": {record["id"]: photos[record["photo_sha256"]].name for record in records},
        "replays": {
            record["id"]: replay(program, record["id"], photos[record["photo_sha256"]]) for record in records
        },
        "estimate": described(program, (folder / "photos" / "drawn-1002.jpg").read_bytes()),
    }


def paths(client: FlaskClient, records: list[dict[str, Any]]) -> Iterator[str]:
    """Give the paths of the API that are read."""
    instants = sorted(record["created_at"].replace("+00:00", "Z") for record in records)
    first, middle, last = instants[0], instants[len(instants) // 2], instants[-1]
    yield "/api/v1/estimates?limit=100"
    for record in records:
        path = f"/api/v1/estimates/{record['id']}"
        yield from (path, f"{path}/neighbours", f"{path}/decisions")
    yield from (f"/api/v1/{name}" for name in ("indexes", "models", "fairness"))
    for build in read(client, "/api/v1/indexes")["items"]:
        yield f"/api/v1/indexes/{build['label']}"
    for model in read(client, "/api/v1/models")["items"]:
        yield f"/api/v1/models/{model['sha256']}"
    yield (
        f"/api/v1/monitoring/drift?reference_since={first}&reference_before={middle}"
        f"&current_since={middle}&current_before={last}"
    )


def tables(about: dict[str, Any]) -> list[str]:
    """Return the paths of the tables that pages offer."""
    return ["/history/export.csv", *(f"/batches/{batch}/results.csv" for batch in about["batches"])]


def replay(client: FlaskClient, record: str, photo: Path) -> dict[str, Any]:
    """Make an estimate again by the API, with the photo sent where it is not kept; return what came of it."""
    path = f"/api/v1/estimates/{record}/replay"
    answer = client.post(path)
    kept = answer.get_json().get("code") != "photo_not_kept"
    if not kept:
        answer = client.post(path, data={"photo": upload(photo.read_bytes(), photo.name)})
    said = answer.get_json()
    names = ("agrees", "differences", "code", "model", "index", "face_changes", "recorded")
    return {"kept": kept, "status": answer.status_code, **{name: said.get(name) for name in names}}


def described(client: FlaskClient, photo: bytes) -> dict[str, Any]:
    """Have a photo estimated and return what must not differ."""
    answer = client.post("/api/v1/estimates", data={"photo": upload(photo, "again.jpg")}).get_json()
    names = ("status", "age_years", "interval_years", "flags", "model", "index", "neighbours")
    return {name: answer[name] for name in names}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
