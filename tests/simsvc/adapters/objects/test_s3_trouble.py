"""A bucket that cannot be used: each problem is named, with what to do, and without a secret."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from simsvc.adapters.objects.fsspec_store import FsspecObjects
from simsvc.errors import ObjectMissing, ObjectsRefused, ObjectsUnavailable
from tests.object_servers import ADMIN, READER, S3Server
from tests.tls_receiver import make_certificate


@contextmanager
def answering(reply: bytes | None) -> Iterator[str]:
    """Yield an endpoint that accepts connections, and answers so, or not at all, and then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        ended, open_ones = threading.Event(), list[socket.socket]()

        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                open_ones.append(connection)
                if reply is not None:
                    asked = connection.recv(65536)
                    head, end, _ = reply.partition(b"\r\n\r\n")
                    connection.sendall(head + end if asked.startswith(b"HEAD") else reply)
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()
            for one in open_ones:
                one.close()


def test_a_wrong_secret_is_named_as_the_cause(s3: S3Server, s3_url: str) -> None:
    """A wrong secret is said to be wrong, and appears nowhere."""
    objects = FsspecObjects(s3_url, s3.access((ADMIN[0], "a-wrong-secret")))
    with pytest.raises(ObjectsRefused, match="does not accept the credentials") as caught:
        objects.put("a", b"1")
    assert "a-wrong-secret" not in repr(caught.value) + str(caught.value) + repr(objects.__dict__)
    assert caught.value.__cause__ is None


def test_an_unknown_key_is_named_as_the_cause(s3: S3Server, s3_url: str) -> None:
    """An access key that nobody has is a matter of credentials."""
    with pytest.raises(ObjectsRefused, match="credentials"):
        FsspecObjects(s3_url, s3.access(("KEYNOBODY", "x"))).check()


def test_a_bucket_without_the_right_to_write_says_so(s3: S3Server, s3_url: str) -> None:
    """Credentials that may only read are refused a write, and nothing is written."""
    FsspecObjects(s3_url, s3.access()).put("there", b"1")
    reader = FsspecObjects(s3_url, s3.access(READER))
    with pytest.raises(ObjectsRefused, match="may not write"):
        reader.put("a", b"1")
    with pytest.raises(ObjectsRefused, match="may not delete"):
        reader.delete("there")
    assert [facts.key for facts in reader.keys("")] == ["there"]


def test_a_bucket_that_does_not_exist_says_so(s3: S3Server) -> None:
    """Reading, writing and listing name the missing bucket."""
    objects = FsspecObjects("s3://no-such-bucket/x", s3.access())
    for act in (lambda: objects.get("a"), lambda: list(objects.keys("")), objects.check):
        with pytest.raises(ObjectsRefused, match="bucket"):
            act()


def test_an_endpoint_that_is_gone_is_unreachable(s3: S3Server, s3_url: str) -> None:
    """An address where nobody listens is unreachable at once, for now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    objects = FsspecObjects(s3_url, s3.access(endpoint=f"http://127.0.0.1:{port}"))
    began_s = time.monotonic()
    with pytest.raises(ObjectsUnavailable, match="cannot be reached"):
        objects.get("a")
    assert time.monotonic() - began_s < 3


def test_a_certificate_that_is_not_trusted_names_the_setting(
    s3: S3Server, s3_url: str, tmp_path: Path
) -> None:
    """An endpoint with a certificate of an unknown authority is refused, and the cause stays known."""
    with socket.create_server(("127.0.0.1", 0)) as listening, tls(listening, make_certificate(tmp_path)):
        endpoint = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(ObjectsUnavailable, match="AWS_CA_BUNDLE") as caught:
            FsspecObjects(s3_url, s3.access(endpoint=endpoint)).get("a")
    assert "certificate verify failed" in str(caught.value.__cause__)


@contextmanager
def tls(listening: socket.socket, certificate: Path) -> Iterator[None]:
    """Answer connections with a certificate, and nothing else."""
    context, ended = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), threading.Event()
    context.load_cert_chain(certificate)
    listening.settimeout(0.1)

    def serve() -> None:
        while not ended.is_set():
            with suppress(OSError):  # nobody connects, or does not trust the certificate
                connection, _ = listening.accept()
                with connection:
                    context.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("act", ["put", "get"])
def test_an_endpoint_that_hangs_is_given_up(
    s3: S3Server, s3_url: str, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint that accepts and never answers is given up after its time."""
    monkeypatch.setattr("simsvc.adapters.objects.fsspec_store.READ_S", 0.5)
    monkeypatch.setattr("simsvc.adapters.objects.fsspec_store.CONNECT_S", 0.5)
    with answering(None) as endpoint:
        objects = FsspecObjects(s3_url, s3.access(endpoint=endpoint))
        began_s = time.monotonic()
        with pytest.raises(ObjectsUnavailable, match="in time"):
            objects.put("a", b"1") if act == "put" else objects.get("a")
        assert time.monotonic() - began_s < 4


def test_a_download_cut_half_way_leaves_nothing(s3: S3Server, s3_url: str, tmp_path: Path) -> None:
    """A connection that ends before the object does is named, and no file is left."""
    lines = (b"HTTP/1.1 200 OK", b"Content-Length: 100000", b"Last-Modified: Mon, 30 Nov 2026 09:00:00 GMT")
    cut = b"\r\n".join((*lines, b"", b"half"))
    with answering(cut) as endpoint:
        objects = FsspecObjects(s3_url, s3.access(endpoint=endpoint))
        with pytest.raises(ObjectsUnavailable, match="cut off"):
            objects.fetch("a", tmp_path / "a")
        with pytest.raises(ObjectsUnavailable, match="cut off"):
            objects.get("a")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_comes_back_is_used_again(s3: S3Server, s3_url: str) -> None:
    """After an endpoint was gone, the same store works once it is back."""
    objects = FsspecObjects(s3_url, s3.access())
    objects.put("a", b"1")
    with pytest.raises(ObjectMissing):
        objects.get("b")
    assert objects.get("a") == b"1"


def test_versioning_that_is_on_is_told(s3: S3Server) -> None:
    """A bucket that keeps versions says so, also once that is switched off while earlier versions remain."""
    s3.make_bucket("versioned")
    objects = FsspecObjects("s3://versioned/x", s3.access())

    def switch(status: str) -> None:
        versioning = {"Status": status}
        s3.filesystem().call_s3(
            "put_bucket_versioning", Bucket="versioned", VersioningConfiguration=versioning
        )

    def kept() -> bool:
        return objects.keeps_versions

    switch("Enabled")
    assert kept()
    switch("Suspended")
    assert not kept()
    switch("Enabled")
    objects.put("a", b"1")
    objects.put("a", b"2")
    switch("Suspended")
    assert kept()
