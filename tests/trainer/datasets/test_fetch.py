import hashlib
import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsvc.errors import SourceUnknown
from tests.trainer.datasets.helpers import CONTENT, Shelf, archive_of
from trainer.datasets.archives import ARCHIVES, Archive, named
from trainer.datasets.fetch import FetchFailed, confirmed, fetch


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A running server on 127.0.0.1."""
    server = Shelf()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_whole_file(shelf: Shelf, tmp_path: Path) -> None:
    """A download gives the very bytes, in a new folder, and leaves nothing beside them."""
    path = fetch(archive_of(shelf, hashlib.sha256(CONTENT).hexdigest()), tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["a.tar"]


def test_goes_on_where_it_stopped(shelf: Shelf, tmp_path: Path) -> None:
    """A download broken off twice is completed by the third call, and no byte is sent twice."""
    shelf.limit_bytes = 400_000
    for _ in range(2):
        with pytest.raises(FetchFailed, match=r"400,000|800,000"):
            fetch(archive_of(shelf), tmp_path)
    assert not (tmp_path / "a.tar").exists()
    assert fetch(archive_of(shelf), tmp_path).read_bytes() == CONTENT
    assert shelf.asked == [None, "bytes=400000-", "bytes=800000-"]
    assert shelf.sent_bytes == len(CONTENT)


def test_goes_on_at_a_server_that_was_killed(tmp_path: Path) -> None:
    """A download whose server dies half-way fails with a sentence and is completed once it is back."""
    first = Shelf()
    first.limit_bytes = 300_000
    threading.Thread(target=first.serve_forever, args=(0.02,), daemon=True).start()
    with pytest.raises(FetchFailed):
        fetch(archive_of(first), tmp_path)
    first.shutdown()
    first.server_close()
    with pytest.raises(FetchFailed, match="cannot be reached"):
        fetch(archive_of(first), tmp_path)
    second = Shelf(first.server_port)
    threading.Thread(target=second.serve_forever, args=(0.02,), daemon=True).start()
    assert fetch(archive_of(second), tmp_path).read_bytes() == CONTENT
    assert second.asked == ["bytes=300000-"]
    second.shutdown()
    second.server_close()


@pytest.mark.parametrize("ranges", [True, False])
def test_begins_again_where_the_file_changed(shelf: Shelf, tmp_path: Path, ranges: bool) -> None:
    """A file that changed meanwhile, or a server that knows no ranges, makes the download begin again."""
    shelf.limit_bytes = 500_000
    with pytest.raises(FetchFailed):
        fetch(archive_of(shelf), tmp_path)
    shelf.content, shelf.etag, shelf.ranges = CONTENT[::-1], '"two"', ranges
    shelf.limit_bytes = len(CONTENT)
    assert fetch(archive_of(shelf), tmp_path).read_bytes() == CONTENT[::-1]


def test_leftovers_without_memo(shelf: Shelf, tmp_path: Path) -> None:
    """Bytes of unknown origin under the partial name are not trusted."""
    (tmp_path / "a.tar.part").write_bytes(b"x" * 1000)
    assert fetch(archive_of(shelf), tmp_path).read_bytes() == CONTENT


def test_wrong_checksum(shelf: Shelf, tmp_path: Path) -> None:
    """A file without the published checksum is removed, with a sentence."""
    with pytest.raises(FetchFailed, match="checksum"):
        fetch(archive_of(shelf, "0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_present_file_is_not_fetched_again(shelf: Shelf, tmp_path: Path) -> None:
    """A file that is already there is returned without asking the server."""
    fetch(archive_of(shelf), tmp_path)
    fetch(archive_of(shelf), tmp_path)
    assert shelf.asked == [None]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_refusal(shelf: Shelf, tmp_path: Path, status: int) -> None:
    """A server that refuses gives a sentence with its status."""
    shelf.status = status
    with pytest.raises(FetchFailed, match=str(status)):
        fetch(archive_of(shelf), tmp_path)


def test_folder_that_cannot_be_written(shelf: Shelf, tmp_path: Path) -> None:
    """A path that is a file gives a sentence that offers --to."""
    (tmp_path / "file").touch()
    with pytest.raises(FetchFailed, match="--to"):
        fetch(archive_of(shelf), tmp_path / "file")


def test_no_network(tmp_path: Path) -> None:
    """A name that cannot be resolved gives a sentence."""
    archive = Archive("wiki", "http://archive.invalid/a.tar", "a.tar", "1 MB", "page", "terms")
    with pytest.raises(FetchFailed, match="cannot be reached"):
        fetch(archive, tmp_path)


@pytest.mark.parametrize(
    ("typed", "accepted"), [("yes\n", True), (" YES \n", True), ("y\n", False), ("\n", False)]
)
def test_confirmation(monkeypatch: pytest.MonkeyPatch, typed: str, accepted: bool) -> None:
    """Only a typed yes accepts the terms."""
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert confirmed() is accepted


def test_confirmation_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be typed, the sentence offers --yes."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(FetchFailed, match="--yes"):
        confirmed()


@pytest.mark.parametrize("archive", ARCHIVES.values(), ids=list(ARCHIVES))
def test_table(archive: Archive) -> None:
    """Every archive of the table has an https address, a plain file name, and terms in its notice."""
    assert archive.url.startswith("https://")
    assert re.fullmatch(r"[a-z_-]+\.(zip|tar)", archive.file_name)
    assert archive.url.endswith(f"/{archive.file_name}")
    assert archive.terms in archive.notice


@pytest.mark.parametrize("name", ["utkface", "http://127.0.0.1/x.zip", ""])
def test_unknown_archive(name: str) -> None:
    """Only names of the table are taken, never an address."""
    with pytest.raises(SourceUnknown, match="appa-real"):
        named(name)
