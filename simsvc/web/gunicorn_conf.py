"""gunicorn's settings: `gunicorn -c python:simsvc.web.gunicorn_conf "simsvc.web.app:create_app()"`."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

from gunicorn.glogging import Logger

from simsvc.errors import SimsvcError
from simsvc.settings import load_settings
from simsvc.web.turns import THREADS

_settings = load_settings()

bind = _settings.bind
workers = _settings.workers
worker_class = "gthread"
threads = THREADS  # most of them only wait: for the network, or for their turn
preload_app = False  # engines are constructed after the fork, once in each worker
timeout = 60  # a photo takes well under 2 s; a slow network must not kill a worker
graceful_timeout = 30
keepalive = 5
raw_env = ["OMP_NUM_THREADS=1"]  # the detector's threads would fight over the cores that the workers share
control_socket_disable = True  # gunicorn 25 and later would put one into the home folder
max_requests = 5_000  # image decoders leave memory in pieces over time
max_requests_jitter = 500
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms %({x-request-id}o)s'


class DiscreetLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Leaves out of the access log what is secret or personal: one-time links, cases, queries."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> Any:
        """Return what the access log may show."""
        shown = super().atoms(resp, req, environ, request_time)
        return {name: discreet(value) for name, value in shown.items()}


def discreet(value: Any) -> Any:
    """Return a piece of the access log without tokens, case references and queries."""
    if not isinstance(value, str):
        return value
    return re.sub(r"(/welcome/|/cases/|\?)[^\s\"]+", r"\1...", value)


logger_class = DiscreetLogger


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
        for number in (signal.SIGTERM, signal.SIGKILL):  # killed, the photo waits on for the next start
            if self._thread.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(self._pid, number)
                self._thread.join(patience_s)

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


def when_ready(server: Any) -> None:
    """Start the process that judges batches."""
    if _settings.batch_worker:
        _batch_worker.start(server.log)


def on_exit(server: Any) -> None:
    """End the process that judges batches."""
    del server
    _batch_worker.end(graceful_timeout)


def post_worker_init(worker: Any) -> None:
    """Log what the worker serves with, and warm the engines up: its first photo is as fast as the next."""
    services = worker.wsgi.extensions["simsvc"]
    try:
        services.log_start()
        services.warm_up()
    except SimsvcError as error:
        worker.log.warning("%s Until then, the service answers 503.", error.sentence)
