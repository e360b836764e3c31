"""gunicorn's settings: `gunicorn -c python:simsvc.web.gunicorn_conf "simsvc.web.app:create_app()"`."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

from gunicorn.glogging import Logger

from simsvc.errors import SimsvcError
from simsvc.settings import load_settings

_settings = load_settings()

bind = _settings.bind
workers = _settings.workers
worker_class = "gthread"
threads = 4  # uploads and thumbnails wait on the network while a photo is judged
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


_batch_worker: subprocess.Popen[bytes] | None = None


def when_ready(server: Any) -> None:
    """Start the process that judges batches; it ends with this server and replaces its own dead children."""
    global _batch_worker  # noqa: PLW0603 - gunicorn calls plain functions; the process is the server's
    if not _settings.batch_worker:
        return
    command = [sys.executable, "-m", "flask", "--app", "simsvc.flask_app", "batch", "work", "--with-parent"]
    _batch_worker = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - a program of our own, no shell
    server.log.info("batches are judged by process %s", _batch_worker.pid)


def on_exit(server: Any) -> None:
    """Let the photo at hand be judged, then end."""
    del server
    if _batch_worker is not None and _batch_worker.poll() is None:
        _batch_worker.terminate()
        try:
            _batch_worker.wait(graceful_timeout)
        except subprocess.TimeoutExpired:
            _batch_worker.kill()  # the photo waits on, and is judged after the next start


def post_worker_init(worker: Any) -> None:
    """Log what the worker serves with, and warm the engines up: its first photo is as fast as the next."""
    services = worker.wsgi.extensions["simsvc"]
    try:
        services.log_start()
        services.warm_up()
    except SimsvcError as error:
        worker.log.warning("%s Until then, the service answers 503.", error.sentence)
