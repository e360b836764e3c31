"""gunicorn's settings: `gunicorn -c python:simsvc.web.gunicorn_conf "simsvc.web.app:create_app()"`."""

from __future__ import annotations

import re
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
    """Leaves the tokens of one-time links out of the access log."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> Any:
        """Return what the access log may show."""
        shown = super().atoms(resp, req, environ, request_time)
        return {name: _without_token(value) for name, value in shown.items()}


def _without_token(value: Any) -> Any:
    return re.sub(r"/welcome/[^\s?/]+", "/welcome/...", value) if isinstance(value, str) else value


logger_class = DiscreetLogger


def post_worker_init(worker: Any) -> None:
    """Warm the engines up, so that the worker's first photo is as fast as the next."""
    try:
        worker.wsgi.extensions["simsvc"].warm_up()
    except SimsvcError as error:
        worker.log.warning("%s Until then, the service answers 503.", error.sentence)
