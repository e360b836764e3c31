from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from flask import Flask

from simsvc.settings import load_settings
from simsvc.web.app import create_app
from simsvc.web.traffic.body_size import MOST_BYTES, most_bytes

DEPLOY = Path(__file__).resolve().parents[1] / "docs" / "deploy"
CONF = (DEPLOY / "nginx.conf").read_text()


def limits() -> dict[str, int]:
    """Return the largest body of each location, in bytes, and of all others under ""."""
    sizes = re.compile(r"client_max_body_size (\d+)m;")
    found = {"": int(sizes.findall(CONF.partition("location")[0])[0]) * 2**20}
    for path, block in re.findall(r"location [=~]? ?(\S+) \{(.*?)\}", CONF, re.DOTALL):
        if size := sizes.findall(block):
            found[path] = int(size[0]) * 2**20
    return found


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(load_settings({}))


def test_nginx_lets_through_what_each_route_takes(app: Flask) -> None:
    """No route takes more than nginx passes on, and none is passed much more than it takes."""
    settings, found = load_settings({}), limits()
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()):
            continue
        path = re.sub(r"<[^>]+>", "0" * 32, str(rule.rule))
        regex = [size for form, size in found.items() if form.startswith("^") and re.match(form, path)]
        passed = found.get(path) or (regex[0] if regex else found[""])
        taken = most_bytes(rule.endpoint, settings)
        assert taken <= passed <= max(1.1 * taken, 2.1 * MOST_BYTES), path


@pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed: apt-get install nginx-light"
)
def test_nginx_takes_its_example(tmp_path: Path) -> None:
    """`nginx -t` finds nothing wrong with the example; its certificate is made for the test."""
    key, certificate = tmp_path / "age.key", tmp_path / "age.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=age.example",
         "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    conf = CONF.replace("/etc/nginx/age.example.pem", str(certificate))
    conf = conf.replace("/etc/nginx/age.example.key", str(key)).replace("/run/nginx.pid", f"{tmp_path}/pid")
    (tmp_path / "nginx.conf").write_text(conf)
    done = subprocess.run(
        ["nginx", "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
