"""Addresses with TLS and passwords, as docs/how-to/scale writes them, against real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from simsvc.adapters.ops.rate_storage import answer_ms
from simsvc.errors import StoreError
from simsvc.store.database import Database
from tests.helpers import wait_until
from tests.postgres_server import UNSAFE_AND_FAST, postgres_server
from tests.servers import free_port

PASSWORD = "a password / with @ signs"  # noqa: S105 - of servers that end with the test
HOST = "127.0.77.7"
"""An address of this machine at which no other PostgreSQL listens."""
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def tls() -> Iterator[Path]:
    """Return a folder with ca.pem and key.pem, and with other.pem of another authority."""
    folder = Path(tempfile.mkdtemp(prefix="simsvc-tls-"))
    folder.chmod(0o755)
    for name in ("ca", "other"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test",
             "-addext", f"subjectAltName=IP:127.0.0.1,IP:{HOST}",
             "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")],
            check=True,
            capture_output=True,
        )  # fmt: skip
        (folder / f"{name}.key").chmod(0o640 if os.geteuid() == 0 else 0o600)
        (folder / f"{name}.pem").chmod(0o644)
    yield folder
    shutil.rmtree(folder)


def test_the_databases_certificate_is_checked(tls: Path) -> None:
    """With verify-full, a server is spoken to by TLS, and one whose authority is another is refused."""
    files = (f"ssl_cert_file={tls}/ca.pem", f"ssl_key_file={tls}/ca.key")
    with postgres_server((*UNSAFE_AND_FAST, f"listen_addresses={HOST}", "ssl=on", *files)):
        url = (
            f"postgresql://simsvc:{quote(PASSWORD, safe='')}@{HOST}/postgres?sslmode=verify-full&sslrootcert="
        )
        database = Database(f"{url}{tls}/ca.pem")
        with database.read_connection() as connection:
            sent = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert connection.exec_driver_sql(sent).scalar_one()
        database.close()
        database = Database(f"{url}{tls}/other.pem")
        with pytest.raises(StoreError) as refused, database.read_connection():
            pass
        assert PASSWORD not in str(refused.value)
        database.close()


def test_the_certificate_of_redis_is_checked(tls: Path) -> None:
    """Over rediss, requests are counted where the certificate is of the named authority, and else nowhere."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("There is no Redis server. Install it: apt-get install -y redis-server")
    port = free_port()
    options = ["--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", ""]
    options += [
        "--tls-cert-file",
        f"{tls}/ca.pem",
        "--tls-key-file",
        f"{tls}/ca.key",
        "--tls-auth-clients",
        "no",
    ]
    url = f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0?ssl_ca_certs={tls}"
    server = subprocess.Popen(
        [program, *options, "--requirepass", PASSWORD], stdout=subprocess.DEVNULL, cwd=tls
    )
    try:

        def answers() -> bool:
            try:
                return answer_ms(f"{url}/ca.pem") > 0
            except ConnectionError:
                return False

        wait_until(answers, PATIENCE_S)
        with pytest.raises(ConnectionError):
            answer_ms(f"{url}/other.pem")
    finally:
        server.kill()
        server.wait(PATIENCE_S)
