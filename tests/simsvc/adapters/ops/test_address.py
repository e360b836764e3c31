from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simsvc.adapters.ops.address import (
    NAME,
    address_for_links,
    forget_address,
    found_address,
    leave_address,
    local_url,
    public_base,
)


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/age"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000/age"),
        (":9000", "http://127.0.0.1:9000/age"),
        ("[::]:9000", "http://[::1]:9000/age"),
        ("[::1]:9000", "http://[::1]:9000/age"),
        ("[2001:db8::7]:80", "http://[2001:db8::7]:80/age"),
        ("desk.example:8000", "http://desk.example:8000/age"),
        ("tcp://127.0.0.1:7", "http://127.0.0.1:7/age"),
        ("127.0.0.1", "http://127.0.0.1:8000/age"),
        ("unix:/run/simsvc.sock", "http://localhost/age"),
    ],
)
def test_an_address_can_be_opened_on_this_machine(bind: str, url: str) -> None:
    """Whatever a server is bound to, its address is one that a browser opens."""
    assert local_url(bind, "/age") == url


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://age.example", "https://age.example/age"),
        ("https://age.example/", "https://age.example/age"),
        ("https://example.org/age", "https://example.org/age"),
        ("https://example.org/other/", "https://example.org/other"),
    ],
)
def test_what_is_set_gets_the_prefix_where_it_names_none(url: str, base: str) -> None:
    """An address with a path is whole; one without begins the prefix."""
    assert public_base(url, "/age") == base


def test_what_the_server_left_is_found_while_it_runs(tmp_path: Path) -> None:
    """Of a process that lives the address is read, by its account alone; afterwards it is forgotten."""
    folder = tmp_path / "batches"
    leave_address(folder, "http://127.0.0.1:9000/age")
    assert found_address(folder) == "http://127.0.0.1:9000/age"
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    assert address_for_links("", "/other", "127.0.0.1:8000", folder) == "http://127.0.0.1:9000/age"
    assert address_for_links("https://a.example", "/x", "127.0.0.1:8000", folder) == "https://a.example/x"
    forget_address(folder)
    assert found_address(folder) is None
    assert address_for_links("", "/other", "127.0.0.1:8000", folder) == "http://127.0.0.1:8000/other"


def test_what_a_killed_server_left_counts_for_nothing(tmp_path: Path) -> None:
    """Its process is gone, so that its address is not told; nor is what cannot be read."""
    told = "import os; print(os.getpid())"
    gone = subprocess.run([sys.executable, "-c", told], capture_output=True, check=True)
    (tmp_path / NAME).write_text(json.dumps({"url": "http://127.0.0.1:1", "process": int(gone.stdout)}))
    assert found_address(tmp_path) is None
    for text in ("", "{", "[]", '{"url": 1}', '{"url": "x", "process": "y"}', "\0"):
        (tmp_path / NAME).write_text(text)
        assert found_address(tmp_path) is None


def test_another_servers_address_is_left_alone(tmp_path: Path) -> None:
    """A server that ends forgets only what it left itself."""
    (tmp_path / NAME).write_text(json.dumps({"url": "http://127.0.0.1:2", "process": os.getppid()}))
    forget_address(tmp_path)
    assert found_address(tmp_path) == "http://127.0.0.1:2"
