"""gunicorn's settings: `gunicorn -c python:simsvc.web.gunicorn_conf "simsvc.web.app:create_app()"`."""

from __future__ import annotations

import gc

gc.disable()  # until `when_ready`, as in `simsvc.flask_app`

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from typing import Any

from gunicorn.glogging import Logger

from simsvc.adapters.ops import logs
from simsvc.adapters.ops.address import forget_address, leave_address, local_url, public_base, url_of
from simsvc.adapters.ops.in_use import share
from simsvc.adapters.ops.private_files import keep_private
from simsvc.errors import SimsvcError
from simsvc.settings import load_settings
from simsvc.web.traffic.admission import THREADS
from simsvc.wiring.audit.served_keeper import start_keeper
from simsvc.wiring.host_presence import HostPresence
from simsvc.wiring.services import in_use_lock, open_database, private_places

_settings = load_settings()
keep_private()  # before anything is made; a Unix socket's mode is gunicorn's own affair

MEMORY_DIR = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - made with names of their own
"""Where files live in memory; without it, where temporary files do. Source: gunicorn's FAQ, "How do I avoid
Gunicorn excessively blocking in os.fchmod?"."""

bind = _settings.bind
workers = _settings.workers
worker_class = "simsvc.web.worker.BufferedWorker"
threads = THREADS  # most of them only wait for their turn; the network is waited for by none
preload_app = False  # engines are constructed after the fork, once in each worker
timeout = 60  # longer than any photo may take (40 s); a slow network must not kill a worker
graceful_timeout = 30  # a request that takes longer is given up
keepalive = 5
raw_env = ["OMP_NUM_THREADS=1"]  # the detector's threads would fight over the cores that the workers share
control_socket_disable = True  # gunicorn 25 and later would put one into the home folder
worker_tmp_dir = MEMORY_DIR  # workers tell there that they live; a slow or read-only disk must not end them
max_requests = 5_000  # image decoders leave memory in pieces over time
max_requests_jitter = 500
accesslog = None  # web.metering writes a line for every request, which says less about people

COUNTS_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which each process counts, to prometheus_client, when it is first imported."""


class LineLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Writes gunicorn's lines, and those of the service, in the form that the settings ask for."""

    def setup(self, cfg: Any) -> None:
        """Give gunicorn's handlers and the root logger the form."""
        super().setup(cfg)
        form = load_settings().log
        logs.configure(form)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.formatter(form))

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Write what failed; an error of our own, such as a wrong setting, in its one sentence."""
        error = sys.exc_info()[1]
        if isinstance(error, SimsvcError):
            self.error(error.sentence)
        else:
            super().exception(msg, *args, **kwargs)


logger_class = LineLogger


class BatchWorker:
    """The process that judges batches, started anew whenever it ends before the server does.

    It is spawned and not forked: the master forks its workers while a thread waits here, and what a fork
    shares with another one, such as the pipe inside `subprocess.Popen`, would keep the thread waiting.
    """

    COMMAND = (sys.executable, "-m", "flask", "--app", "simsvc.flask_app", "batch", "work", "--with-parent")
    PAUSE_S = 2.0
    """Before another one is started, so that one that cannot run at all costs little."""

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._pid = 0
        self._thread = threading.Thread()

    def start(self, log: Any) -> None:
        """Start the process, and a thread that waits for its end."""
        self._spawn(log)
        self._thread = threading.Thread(target=self._look_after, args=(log,), daemon=True)
        self._thread.start()

    def end(self, patience_s: float) -> None:
        """Let the photo at hand be judged, then end."""
        self._ending.set()
        for number in (signal.SIGTERM, signal.SIGKILL):  # killed, its photo waits until the lease ends
            if self._thread.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(self._pid, number)
                self._thread.join(patience_s)

    def end_one(self, log: Any) -> None:
        """Let the process end after the photo at hand; another one takes its place."""
        log.info("the process that judges batches is started anew")
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)

    def _look_after(self, log: Any) -> None:
        while True:
            with suppress(ChildProcessError):  # the master was faster to take note of the end
                os.waitpid(self._pid, 0)
            if self._ending.wait(self.PAUSE_S):
                return
            log.warning("the process that judges batches has ended; another one takes its place")
            self._spawn(log)

    def _spawn(self, log: Any) -> None:
        self._pid = os.posix_spawn(sys.executable, self.COMMAND, os.environ, setsid=True)
        log.info("batches are judged by process %s", self._pid)


_batch_worker = BatchWorker()
_presence = HostPresence(_settings)


def on_starting(server: Any) -> None:
    """Keep restores away, close files to others, and say that this host runs.

    Make the folder for the workers' counts, or else each counts for itself.
    """
    share(in_use_lock(_settings))  # workers inherit it, so that it is held until the last of them ends
    private_places(_settings).close()
    _presence.begin()
    try:
        os.environ[COUNTS_DIR] = tempfile.mkdtemp(prefix="simsvc-counts-", dir=MEMORY_DIR)
    except OSError as error:
        server.log.warning(
            "nothing temporary can be written, so /metrics tells of one worker only: %s", error
        )


def when_ready(server: Any) -> None:
    """Leave the address for commands on this machine; start the process that judges batches.

    What is loaded is frozen before workers are forked, so that they share it.
    Source: Python's documentation of `gc.freeze`.
    """
    gc.freeze()
    gc.enable()
    try:
        leave_address(_settings.batch_dir, address_of(server.LISTENERS[0].sock))
    except OSError as error:
        server.log.warning("commands cannot read where the service is: %s", error)
    if _settings.batch_worker:
        _batch_worker.start(server.log)


def address_of(sock: socket.socket) -> str:
    """Return where people reach what listens on a socket, which `--bind` may have chosen."""
    if _settings.public_url:
        return public_base(_settings.public_url, _settings.script_name)
    if sock.family == socket.AF_UNIX:
        return local_url("unix:", _settings.script_name)
    host, port = sock.getsockname()[:2]
    return url_of(host, port, _settings.script_name)


def on_reload(server: Any) -> None:
    """Start the process that judges batches anew: it, too, is to see what has changed."""
    if _settings.batch_worker:
        _batch_worker.end_one(server.log)


def child_exit(server: Any, worker: Any) -> None:
    """Keep what a worker has counted, and forget what it was just measuring."""
    del server
    if COUNTS_DIR not in os.environ:
        return
    from prometheus_client import multiprocess  # noqa: PLC0415 - reads the folder's name when it is imported

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library has none here


def on_exit(server: Any) -> None:
    """End the process that judges batches, forget what was counted, and say that this host has ended."""
    del server
    forget_address(_settings.batch_dir)
    _batch_worker.end(graceful_timeout)
    shutil.rmtree(os.environ.get(COUNTS_DIR, ""), ignore_errors=True)
    _presence.end()


def post_worker_init(worker: Any) -> None:
    """Log what the worker serves with, and warm the engines up: its first photo is as fast as the next."""
    services = worker.wsgi.extensions["simsvc"]
    try:
        services.log_start()
        services.warm_up()
    except SimsvcError as error:
        worker.log.warning("%s Until then, the service answers 503.", error.sentence)
    services.start_log_threads()
    if not _settings.batch_worker:  # which otherwise does this
        start_keeper(_settings, open_database(_settings))


def worker_exit(server: Any, worker: Any) -> None:
    """Write what waits to be logged before a worker ends, and sign the last events."""
    del server
    app: Any = getattr(worker, "wsgi", None)
    if hasattr(app, "extensions"):  # else it never started
        services = app.extensions["simsvc"]
        services.read_log.close()
        services.stop_log_threads()
