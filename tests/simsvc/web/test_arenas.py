"""Heaps of a worker: bounded, where the C library is glibc."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from simsvc.web.gunicorn_conf import ARENAS, share_arenas

COUNT = """
import ctypes, sys, threading
from simsvc.web.gunicorn_conf import share_arenas
if sys.argv[1] == "bounded":
    share_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(9)
def allocate():
    libc.malloc(1000)
    together.wait(30)
    together.wait(30)
threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
together.wait(30)
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
together.wait(30)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_few_heaps(tmp_path):
    heaps = {}
    for kind in ("bounded", "free"):
        told = tmp_path / kind
        subprocess.run([sys.executable, "-c", COUNT, kind, str(told)], check=True, timeout=60)
        heaps[kind] = told.read_text().count("<heap nr=")
    assert heaps["bounded"] <= ARENAS < heaps["free"]


def test_a_library_without_arenas_is_no_error():
    assert share_arenas("no-such-library.so") is False
