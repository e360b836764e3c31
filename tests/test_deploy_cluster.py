"""The examples of an installation of several hosts, held against the programs and the code that read them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from simsvc.adapters.objects.fsspec_store import FsspecObjects
from simsvc.errors import ObjectsRefused
from simsvc.flows.parts import look_at_objects
from simsvc.settings import Settings, load_settings
from tests.object_servers import s3_server

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = ROOT / "docs" / "how-to" / "deploy" / "cluster"
PAGE = ROOT / "docs" / "how-to" / "scale" / "index.md"
KNOWN = {str(field.validation_alias) for field in Settings.model_fields.values() if field.description}
OTHERS = {"MALLOC_ARENA_MAX"}
"""Variables of the C library."""
SHARED = {"DATABASE_URL", "SIMSVC_RATE_STORAGE", "SIMSVC_OBJECTS", "SECRET_KEY", "SIMSVC_LOG_KEY_FILE"}
"""What hosts must agree on."""
UNITS = ("simsvc-web.service", "simsvc-batch@.service")


def env_file() -> dict[str, str]:
    lines = (CLUSTER / "simsvc.env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value.strip('"') for name, value in pairs}


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CLUSTER / "compose.yaml").read_text())
    return document


def manifests() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = yaml.safe_load((CLUSTER / "kubernetes.yaml").read_text())["items"]
    return items


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in manifests() if item["kind"] == kind}


def kubernetes_settings() -> dict[str, str]:
    secrets = of_kind("Secret")["simsvc-secrets"]["stringData"]
    return {**of_kind("ConfigMap")["simsvc-settings"]["data"], **secrets}


def pod_specs() -> Iterator[dict[str, Any]]:
    for item in manifests():
        if item["kind"] in {"Deployment", "Job"}:
            yield item["spec"]["template"]["spec"]


EXAMPLES = {
    "simsvc.env": env_file,
    "compose.yaml": lambda: compose()["x-simsvc"]["environment"],
    "kubernetes.yaml": kubernetes_settings,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_setting_of_an_example_is_known_and_usable(name: str) -> None:
    """Settings are those of this version, their values load, and what hosts share is among them."""
    given: Mapping[str, str] = EXAMPLES[name]()
    assert set(given) - KNOWN - OTHERS == set()
    assert set(given) >= SHARED
    load_settings({key: text for key, text in given.items() if key in KNOWN})


def test_the_examples_say_the_same() -> None:
    """Where two examples set the same folder or switch, they set it alike."""
    given = [example() for example in EXAMPLES.values()]
    same = {
        key
        for key in set.intersection(*(set(one) for one in given))
        if key.endswith(("_DIR", "_ROOT", "_FILE"))
    }
    assert len(same) >= 5
    for key in same:
        assert len({one[key] for one in given}) == 1, key


def test_compose_names_only_services_and_volumes_that_it_has() -> None:
    """Whatever a service depends on or mounts is declared or lies beside the file."""
    document = compose()
    services, volumes = document["services"], set(document["volumes"])
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        assert "image" in service, name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            beside = source.startswith("./") and (source.endswith(".pem") or (CLUSTER / source).exists())
            assert beside or source in volumes, f"{name} mounts {source}"
    build = document["x-simsvc"]["build"]
    context = (CLUSTER / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()
    assert all((ROOT / "requirements" / f"{lock}.txt").is_file() for lock in build["args"]["LOCKS"].split())


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed")
def test_compose_takes_the_example() -> None:
    """`docker compose config` finds nothing wrong; it needs no daemon."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker has no compose here")
    command = ["docker", "compose", "-f", str(CLUSTER / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_manifests_name_only_what_they_declare() -> None:
    """Settings, secrets, volumes and labels that a pod refers to are in the same file."""
    maps, secrets = of_kind("ConfigMap"), of_kind("Secret")
    for spec in pod_specs():
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes["files"]["secret"]["secretName"] in secrets
        for container in (*spec["initContainers"], *spec["containers"]):
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
            for source in container.get("envFrom", ()):
                assert source.get("configMapRef", {}).get("name", "simsvc-settings") in maps
                assert source.get("secretRef", {}).get("name", "simsvc-secrets") in secrets
    web = of_kind("Deployment")["simsvc-web"]["spec"]["template"]["metadata"]["labels"]
    for kind in ("Service", "PodDisruptionBudget"):
        (item,) = of_kind(kind).values()
        selector = item["spec"]["selector"]
        assert set(selector.get("matchLabels", selector).items()) <= set(web.items())
    for deployment in of_kind("Deployment").values():
        assert (
            deployment["spec"]["selector"]["matchLabels"]
            == deployment["spec"]["template"]["metadata"]["labels"]
        )


def test_a_pods_disk_holds_its_cache() -> None:
    """The cache is dropped from before the pod outgrows its volume, for which it would be evicted."""
    cache_bytes = int(kubernetes_settings()["SIMSVC_CACHE_BYTES"])
    for spec in pod_specs():
        (data,) = (volume for volume in spec["volumes"] if volume["name"] == "data")
        assert int(data["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 2**30 > 1.2 * cache_bytes


def test_pods_are_killed_for_no_part_but_their_own() -> None:
    """Liveness asks /healthz, which no lost database fails; readiness asks /readyz."""
    (web,) = of_kind("Deployment")["simsvc-web"]["spec"]["template"]["spec"]["containers"]
    assert web["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_ingress_passes_metrics_to_named_addresses_only() -> None:
    """The one path /metrics is limited to a network, and takes precedence over the prefix of all others."""
    key = "nginx.ingress.kubernetes.io/whitelist-source-range"
    found = {
        (path["path"], path["pathType"]): ingress["metadata"]["annotations"].get(key, "everywhere")
        for ingress in of_kind("Ingress").values()
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert found == {("/", "Prefix"): "everywhere", ("/metrics", "Exact"): "10.0.0.0/24"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_reads_the_manifests() -> None:
    """Every item parses in kubectl; without a cluster, it checks no schema."""
    command = ["kubectl", "create", "--dry-run=client", "--validate=false", "-o", "name"]
    done = subprocess.run(
        [*command, "-f", str(CLUSTER / "kubernetes.yaml")], capture_output=True, text=True, check=False
    )
    if "connect" in done.stderr or "refused" in done.stderr:
        pytest.skip("this kubectl asks a cluster")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == len(manifests())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return key and certificate in one file, and the folder for more."""
    folder = tmp_path_factory.mktemp("tls")
    key, pem = folder / "age.key", folder / "age.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=age.example",
         "-keyout", str(key), "-out", str(pem)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    pem.write_text(pem.read_text() + key.read_text())
    return pem, key


@pytest.mark.skipif(
    shutil.which("haproxy") is None, reason="haproxy is not installed: apt-get install haproxy"
)
def test_haproxy_takes_its_example(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """`haproxy -c` finds nothing wrong, and warns of nothing."""
    conf = (CLUSTER / "haproxy.cfg").read_text()
    conf = conf.replace("/etc/haproxy/age.example.pem", str(certificate[0]))
    (tmp_path / "haproxy.cfg").write_text(conf)
    command = ["haproxy", "-c", "-dW", "-f", str(tmp_path / "haproxy.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed: apt-get install nginx-light"
)
def test_nginx_takes_its_example(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """`nginx -t` finds nothing wrong with nginx.conf when its upstream is the one of two hosts."""
    conf = (CLUSTER.parent / "nginx.conf").read_text()
    upstream = re.compile(r"    upstream simsvc \{.*?\n    \}\n", re.DOTALL)
    assert len(upstream.findall(conf)) == 1
    conf = upstream.sub((CLUSTER / "nginx-upstream.conf").read_text(), conf)
    for name, path in zip((".pem", ".key"), certificate, strict=True):
        conf = conf.replace(f"/etc/nginx/age.example{name}", str(path))
    (tmp_path / "nginx.conf").write_text(conf.replace("/run/nginx.pid", f"{tmp_path}/pid"))
    command = ["nginx", "-t", "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path: Path, name: str) -> None:
    """`systemd-analyze verify` finds nothing wrong with a unit whose program is one that is there."""
    unit = (CLUSTER / name).read_text()
    unit = re.sub(r"/opt/simsvc/\.venv/bin/\w+", "/bin/true", unit).replace("/opt/simsvc", "/")
    path = tmp_path / name.replace("@.", "@1.")
    path.write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False
    )
    wrong = [line for line in done.stderr.splitlines() if path.name in line]
    assert wrong == []


def test_units_run_commands_that_there_are() -> None:
    """The programs of the units are gunicorn with the shipped settings, and a command of simsvc."""
    starts = {
        name: re.findall(r"^ExecStart=\S+/(.+)$", (CLUSTER / name).read_text(), re.MULTILINE)
        for name in UNITS
    }
    assert starts[UNITS[0]] == ["gunicorn -c python:simsvc.web.gunicorn_conf simsvc.web.app:create_app()"]
    assert starts[UNITS[1]] == ["flask --app simsvc.flask_app batch work"]


def test_the_s3_account_has_the_rights_that_it_needs_and_no_others(tmp_path: Path) -> None:
    """A real server lets the example's account do what `flask check` tries, in its own bucket only."""
    pytest.importorskip("s3fs")
    (account,) = json.loads((CLUSTER / "s3.json").read_text())["identities"]
    keys = account["credentials"][0]
    url = env_file()["SIMSVC_OBJECTS"]
    with s3_server(tmp_path, [account]) as server:
        server.make_bucket(url.removeprefix("s3://").partition("/")[0])
        access = server.access((keys["accessKey"], keys["secretKey"]))
        assert "keeps no versions" in look_at_objects(FsspecObjects(url, access))
        with pytest.raises(ObjectsRefused):
            FsspecObjects("s3://first", access).put("a", b"1")


def test_the_page_names_every_example() -> None:
    """No example lies there without a word on it."""
    text = PAGE.read_text()
    assert [path.name for path in CLUSTER.iterdir() if f"deploy/cluster/{path.name}" not in text] == []
