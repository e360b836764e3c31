"""The servers that are not simsvc: PostgreSQL, Redis, SeaweedFS, haproxy and Ray, each on its hosts."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from tests.cluster.hosts import Host
from tests.helpers import wait_until
from tests.postgres_server import postgres_programs, server_account

PATIENCE_S = 60.0
PASSWORD = "heron-41"  # noqa: S105 - of servers that live as long as the run
S3_KEY, S3_SECRET, BUCKET = "simsvc", "secret-of-a-run", "simsvc"
S3_PORT, RAY_PORT, PROXY_PORT, WEB_PORT = 8333, 6379, 8000, 8000
BIN = Path(sys.executable).parent
"""Where weed and ray are installed with the test tools."""
RAY_ACCESS = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "4fd3b2f7" * 8}
"""What every node and every program that uses them must know. Source: Ray's documentation, "Ray token
authentication"."""
OBJECT_STORE_BYTES = 120_000_000
"""Of each Ray node, which sends paths and results, never photos; Ray's own default is 30% of the memory."""

HAPROXY = """
global
    maxconn 512
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout queue 10s
    timeout check 3s
    option forwardfor
    option redispatch
    retries 2
frontend service
    bind {bind}
    default_backend web
backend web
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""
"""Two failed checks take a host out, and end what it holds: it may not answer for a long time."""


def start_postgres(host: Host) -> str:
    """Start PostgreSQL, as safe as it comes, and return the address of its database."""
    data, account = host.folder / "data", server_account()
    secret = host.folder / "password"
    secret.write_text(PASSWORD)
    if account:
        for path in (host.folder, host.folder / "tmp", secret):
            shutil.chown(path, account)
    as_account = ["setpriv", "--reuid", account, "--regid", account, "--init-groups"] if account else []
    if not data.exists():
        # fmt: off
        made = host.run(
            *as_account, postgres_programs() / "initdb", "-D", data, "-U", "simsvc", "-E", "UTF8",
            "--no-sync", "--auth=scram-sha-256", "--pwfile", secret,
        )
        # fmt: on
        assert made.returncode == 0, made.stderr
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all simsvc 10.77.0.0/24 scram-sha-256\n")
    options = (
        f"-clisten_addresses={host.address}",
        "-cmax_connections=200",
        "-cunix_socket_directories=/tmp",
    )
    host.start("postgres", *as_account, postgres_programs() / "postgres", "-D", data, *options)
    url = f"postgresql://simsvc:{PASSWORD}@{host.address}/postgres"
    wait_until(lambda: _answers_sql(url), PATIENCE_S)
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'simsvc'").fetchall():
            connection.execute("CREATE DATABASE simsvc")
    return f"postgresql://simsvc:{PASSWORD}@{host.address}/simsvc"


def _answers_sql(url: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2).close()
        return True
    return False


def start_redis(host: Host) -> str:
    """Start Redis, in memory only, and return its address."""
    options = ("--bind", host.address, "--requirepass", PASSWORD, "--save", "", "--appendonly", "no")
    host.start("redis", "redis-server", *options)
    url = f"redis://:{PASSWORD}@{host.address}:6379/0"
    wait_until(lambda: answers_redis(url), PATIENCE_S)
    return url


def answers_redis(url: str) -> bool:
    """Return whether Redis answers."""
    with suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=2) as client:
        return bool(client.ping())
    return False


def start_object_store(host: Host, volumes: Sequence[Host]) -> str:
    """Start SeaweedFS: master and S3 on one host, volumes on others, each file on two; return its address."""
    (host.folder / "master").mkdir(exist_ok=True)
    (host.folder / "filer").mkdir(exist_ok=True)
    identity = {
        "name": "simsvc",
        "credentials": [{"accessKey": S3_KEY, "secretKey": S3_SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    rights = host.folder / "s3.json"
    rights.write_text(json.dumps({"identities": [identity]}))
    where = (f"-ip={host.address}", f"-ip.bind={host.address}")
    host.start(
        "master",
        *(BIN / "weed", "master", *where, f"-mdir={host.folder / 'master'}", "-volumeSizeLimitMB=64"),
        *("-defaultReplication=001", "-telemetry=false"),
    )
    for volume in volumes:
        start_volume(volume, host)
    host.start(
        "filer",
        *(BIN / "weed", "filer", *where, f"-master={host.address}:9333"),
        *(f"-defaultStoreDir={host.folder / 'filer'}", "-s3", f"-s3.port={S3_PORT}", f"-s3.config={rights}"),
    )
    url = f"http://{host.address}:{S3_PORT}"
    wait_until(lambda: stores_objects(url), PATIENCE_S)
    return url


def start_volume(volume: Host, master: Host) -> None:
    """Start a volume server, which keeps the bytes of objects."""
    folder = volume.folder / "volume"
    folder.mkdir(exist_ok=True)
    volume.start(
        "volume",
        *(BIN / "weed", "volume", f"-ip={volume.address}", f"-ip.bind={volume.address}", "-max=64"),
        *(f"-master={master.address}:9333", f"-dir={folder}", "-port=8080"),
    )


def stores_objects(url: str) -> bool:
    """Return whether an object can be written to the bucket and read back; the bucket is made if missing."""
    client = Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=S3_KEY,
        aws_secret_access_key=S3_SECRET,
        config=Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 0}),
    )
    try:
        with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="probe", Body=b"probe")
        return bool(client.get_object(Bucket=BUCKET, Key="probe")["Body"].read() == b"probe")
    except (BotoCoreError, ClientError):
        return False
    finally:
        client.close()


def start_proxy(host: Host, web: Sequence[Host]) -> str:
    """Start haproxy before the web hosts, and return its address."""
    bind = f"{host.address}:{PROXY_PORT}"
    servers = "\n".join(f"    server {each.name} {each.address}:{WEB_PORT}" for each in web)
    file = host.folder / "haproxy.cfg"
    file.write_text(HAPROXY.format(bind=bind, servers=servers))
    host.start("haproxy", "haproxy", "-db", "-f", file)
    return bind


def start_ray(host: Host, head: Host | None = None) -> None:
    """Start a Ray node with one core: the head, or one that joins it."""
    place = (
        ("--head", f"--port={RAY_PORT}", "--include-dashboard=false", "--num-cpus=0")
        if head is None
        else (f"--address={head.address}:{RAY_PORT}", "--num-cpus=1")
    )
    host.start(
        "ray",
        *(BIN / "ray", "start", "--block", "--disable-usage-stats", f"--node-ip-address={host.address}"),
        *(f"--object-store-memory={OBJECT_STORE_BYTES}", *place),
        **RAY_ACCESS,
    )
