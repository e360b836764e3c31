"""gunicorn's worker: one loop receives requests and sends answers, threads only compute.

A thread that reads from a socket waits for whoever writes to it, so that as many slow clients as there are
threads stop a worker. Here waitress's loop reads every request whole, into memory or a temporary file, before
a thread sees it, and sends what the thread wrote; gunicorn starts, replaces and ends the process as ever.

Source: waitress's documentation, "Design": an asynchronous main thread for all I/O, and threads for the rest.
"""

from __future__ import annotations

import logging
import os
import resource
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from gunicorn.errors import ConfigError
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import WSGITask
from waitress.utilities import BadRequest

from simsvc.web.http.upload import DRAIN_BYTES, REFUSAL, Refusal

GRACE_S = 20.0
LEAST_BYTES_A_SECOND = 500
"""In each so long, a body has to come, and an answer to be taken, at that rate; headers have so long,
and a second more for every so many bytes. Source: Apache's mod_reqtimeout, whose default is
"header=20-40,MinRate=500 body=20,MinRate=500". There a fast beginning pays for a slow rest, and here it does
not: what the system takes into its buffers would pay for hours."""
MOST_HEADER_S = 40.0
MOST_BODY_S = 3_600.0
"""However steadily a body comes: a batch of 1 GB by a line of 2.5 Mbit/s."""
MOST_HEADER_BYTES = 32_768
"""Of request line and headers together. Source: nginx's large_client_header_buffers, 4 of 8 KB."""
IN_MEMORY_BYTES = 262_144
"""Of one body, and of one answer, that wait in memory; the rest goes to a temporary file. A small portrait
stays in memory, and 1,000 connections hold 262 MB at most."""
ANSWER_BYTES = 67_108_864
"""Of an answer that wait for a slow reader before the thread that writes it has to wait, too; on the disk."""
SMALL_BYTES = 1_000_000
"""A body up to this size is received from anybody; the sender of a larger one is checked first. Typed text,
JSON and most portraits are smaller; what could fill a disk is larger."""
RESERVE_BYTES = 500_000_000
"""Left free on the disk of temporary files."""
MOST_CONNECTIONS = 1_000
"""Of one worker; when one more comes, the one that has waited longest for its client is closed. Source:
gunicorn's default for worker_connections."""
FILES_A_CONNECTION = 3
"""Its socket, and what overflows of a body and of an answer."""
READ_BYTES = 131_072
CHUNKED_READ_BYTES = 8_192
"""Of one read from a socket. Chunks may be a byte each, and taking one off a piece copies the rest of it."""
MOST_CONTROL_BYTES = 4_096
"""Of the line before a chunk, and of the trailer after the last one, neither of which is used here."""
LINGER_S = 2.0
"""How long a worker that ends waits for a next request on a connection that it said it keeps. Source:
gunicorn's threaded worker, STOP_KEEPALIVE_LINGER."""

_log = logging.getLogger(__name__)


class Door(Protocol):
    """What the application says of a request of which it has seen the headers."""

    largest_bytes: int

    def most_bytes(self, method: str, path: str) -> int:
        """Return how large the body may be."""

    def admits(self, environ: dict[str, Any]) -> bool:
        """Say whether who sends it may call the route at all."""


class Body(OverflowableBuffer):  # type: ignore[misc]  # waitress has no types
    """A body as it is received: up to its limit, and of a longer one nothing."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(IN_MEMORY_BYTES)
        self.most_bytes = most_bytes
        self.seen_bytes = 0
        self.dropped: Refusal | None = None

    def append(self, s: bytes) -> None:
        """Keep a piece."""
        self.seen_bytes += len(s)
        if self.dropped is None and self.seen_bytes > self.most_bytes:
            self.drop("too_large")
        if self.dropped is None:
            try:
                super().append(s)
            except OSError:  # the disk is full
                self.drop("crowded")

    def drop(self, why: Refusal) -> None:
        """Forget what was kept, and keep no more."""
        self.dropped = why
        self.close()
        self.buf, self.strbuf = None, b""


class Received(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """A request on its way in."""

    refusal: Refusal | None = None
    body: Body | None = None
    is_asked = False
    expects_word = False
    """Whether the client sends its body only when it is told to go on."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers, and find out how large the body may be."""
        try:
            super().parse_header(header_plus)
        except ValueError:  # a length of thousands of digits
            raise ParsingError("Content-Length is invalid") from None
        if self.body_rcv is None:
            self.expect_continue = False
            return
        self.body = self.body_rcv.buf = Body(self.adj.door.most_bytes(self.command, self.path))
        if self.content_length > self.body.most_bytes:
            self.refuse("too_large")
        elif self.is_large:
            self.expects_word, self.expect_continue = self.expect_continue, False

    @property
    def is_large(self) -> bool:
        """Whether the body is larger than anybody may send; one of unknown length may be."""
        large_ok = self.body is not None and self.body.most_bytes > SMALL_BYTES
        return large_ok and (self.chunked or self.content_length > SMALL_BYTES)

    def received(self, data: bytes) -> int:
        """Take a piece in and return how much of it belongs to this request."""
        consumed: int = super().received(data)
        if self.body is not None:
            if self.body.dropped and self.refusal is None:
                self.refuse(self.body.dropped)
            if self.refusal and self.body.seen_bytes > DRAIN_BYTES:
                self.completed = True
            if (
                self.chunked
                and max(len(self.body_rcv.control_line), len(self.body_rcv.trailer)) > MOST_CONTROL_BYTES
            ):
                self.error, self.completed = BadRequest("Chunk line or trailer too long"), True
        return consumed

    def refuse(self, why: Refusal) -> None:
        """Have the request answered without its body; what still comes of it is thrown away."""
        self.refusal = self.refusal or why
        self.headers["CONNECTION"] = "close"
        if self.body is not None:
            self.body.drop(why)
        if self.expect_continue or self.expects_word:
            self.expect_continue = self.expects_word = False
            self.completed = True  # the client has not sent anything yet, and need not


class Answer(WSGITask):  # type: ignore[misc]  # waitress has no types
    """A request that a thread answers."""

    def start(self) -> None:
        """Count it; a worker that ends keeps no connection."""
        super().start()
        if self.channel.server.owner.begin_request():
            self.set_close_on_finish()

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment, in which stands why the body is missing."""
        environ: dict[str, Any] = super().get_environment()
        environ["wsgi.multiprocess"] = True
        environ["SERVER_SOFTWARE"] = "simsvc"
        environ[REFUSAL] = self.request.refusal
        return environ


@dataclass(frozen=True)
class Question:
    """Asks the application, in a thread, whether it would take a large body from this client."""

    connection: Connection
    request: Received

    def service(self) -> None:
        """Ask, and let the loop go on with the connection."""
        admitted = False
        try:
            environ = Answer(self.connection, self.request).get_environment()
            admitted = self.connection.adj.door.admits(environ)
        finally:
            self.connection.go_on(self.request, admitted)

    def cancel(self) -> None:
        """End the connection with the worker."""
        self.connection.cancel()


class Threads:
    """The threads that answer, of which no more begin than are needed at once.

    waitress's own begin all together, and each request wakes the one that has slept longest: with 60 of them
    a photo took 3 ms longer than with these, and a worker 45 MB more.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)

    def add_task(self, task: Any) -> None:
        """Have a thread do something."""
        self._pool.submit(self._do, task)

    def shutdown(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _do(task: Any) -> None:
        try:
            task.service()
        except Exception:
            _log.exception("a request could not be answered")


class Connection(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A client's connection, which is closed when the client takes too long."""

    request: Received | None
    sent_continue: bool

    parser_class = Received
    task_class = Answer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.is_asking = False
        self.is_kept = False
        self.sent_bytes = 0
        self.got_bytes = 0
        self.since_s = self.body_since_s = time.monotonic()
        self.answering_s = 0.0
        self._sent_before = 0
        self._ahead = b""
        super().__init__(*args, **kwargs)

    def readable(self) -> bool:
        """Say whether more is wanted of the client now; what it has sent ahead is taken first."""
        if self.is_asking:
            return False
        self._say_go_on()
        wanted = bool(super().readable())
        if wanted and self._ahead:
            self.received(b"")
            return self.readable()
        return wanted

    def _say_go_on(self) -> None:
        """Tell a client that waits for the word to send its body.

        Only the loop does: a thread that sent it would do so beside the loop, which takes no lock to send
        where nothing is being answered, so that the word went out twice and the body was waited for forever.
        """
        with self.requests_lock:
            request = self.request
            if request is None or self.requests or self.sent_continue:
                return
            if request.expect_continue and request.headers_finished:
                self.send_continue()

    def recv(self, buffer_size: int) -> bytes:
        """Return what has come, smaller pieces of a body in chunks."""
        chunked = self.request is not None and self.request.chunked
        data: bytes = super().recv(CHUNKED_READ_BYTES if chunked else buffer_size)
        self.got_bytes += len(data)
        return data

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what the client's side takes, and return how much."""
        sent: int = super().send(data, do_close)
        self.sent_bytes += sent
        return sent

    def received(self, data: bytes) -> bool:
        """Take a piece in; of a large body, ask first who sends it."""
        if self.request is None:
            self.since_s, self.got_bytes = time.monotonic(), len(data)
        taken = self._take(self._ahead + data)
        request = self.request
        if request is not None and request.headers_finished and not request.is_asked:
            request.is_asked = True
            self.since_s = self.body_since_s = time.monotonic()
            self.got_bytes = 0
            if request.is_large and request.refusal is None:
                self._ask(request)
        return taken

    def _take(self, data: bytes) -> bool:
        """Take one request in; what is sent behind it waits until its answer has gone.

        waitress takes in all that it has read, and answers it into buffers: hundreds of answers, each with a
        file of its own, for a client that reads none of them.
        """
        self._ahead = b""
        with self.requests_lock:
            if self.will_close or self.close_when_flushed:
                return False
            while data and not self.requests:
                request = self.request = self.request or self.parser_class(self.adj)
                data = data[request.received(data) :]
                if request.expect_continue and request.headers_finished and not self.sent_continue:
                    self.send_continue()
                if request.completed:
                    self.sent_continue = False
                    self.request = None
                    if not request.empty:
                        self.requests.append(request)
                        self.server.add_task(self)
            self._ahead = data
        return True

    def _ask(self, request: Received) -> None:
        if self.server.owner.is_crowded():
            with self.requests_lock:
                request.refuse("crowded")
                self._serve_if_complete(request)
        else:
            self.is_asking = True
            self.server.add_task(Question(self, request))

    def go_on(self, request: Received, admitted: bool) -> None:
        """Receive the body, or no more than is needed to refuse it."""
        with self.requests_lock:
            if not admitted:
                request.refuse("not_admitted")
                self._serve_if_complete(request)
            else:
                request.expect_continue = request.expects_word
        self.since_s, self.got_bytes = time.monotonic(), 0
        self.is_asking = False
        self.server.pull_trigger()  # the loop sends the word, if the client waits for one

    def _serve_if_complete(self, request: Received) -> None:
        if request.completed:
            self.request = None
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def service(self) -> None:
        """Answer one request; then the client has its time for the next one."""
        super().service()
        self.since_s, self.got_bytes, self.is_kept = time.monotonic(), 0, True

    @property
    def waits_for_client(self) -> bool:
        """Whether nothing is to be done for this connection before its client does something."""
        return not self.requests and not self.is_asking

    def close_if_idle(self) -> None:
        """Close the connection where nothing of a request has come, and nothing is to be sent."""
        if self.waits_for_client and self.request is None and not self.total_outbufs_len:
            self.handle_close()

    def keep_time(self, now_s: float, keepalive_s: float) -> None:
        """Close the connection, or answer without a body, where the client's time is over."""
        if self.total_outbufs_len:
            self._keep_time_of_answer(now_s)
            return
        self.answering_s = 0.0
        spent_s, request = now_s - self.since_s, self.request
        if not self.waits_for_client:
            return
        if request is not None and request.headers_finished:
            self._keep_time_of_body(request, now_s)
        elif request is not None:
            allowed_s = min(MOST_HEADER_S, GRACE_S + self.got_bytes / LEAST_BYTES_A_SECOND)
            if spent_s > allowed_s:
                self.handle_close()
        elif spent_s > (keepalive_s if self.is_kept else GRACE_S):
            self.handle_close()

    def _keep_time_of_answer(self, now_s: float) -> None:
        if self.answering_s and now_s - self.answering_s <= GRACE_S:
            return
        if self.answering_s and not _is_enough(self.sent_bytes - self._sent_before):
            # at once: the system is not to keep what the client does not take
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.handle_close()
        self.answering_s, self._sent_before = now_s, self.sent_bytes

    def _keep_time_of_body(self, request: Received, now_s: float) -> None:
        if now_s - self.since_s <= GRACE_S:
            return
        if _is_enough(self.got_bytes) and now_s - self.body_since_s < MOST_BODY_S:
            self.since_s, self.got_bytes = now_s, 0
            return
        with self.requests_lock:
            request.refuse("too_slow")
            request.completed = True
            self._serve_if_complete(request)


def _is_enough(bytes_done: int) -> bool:
    return bytes_done >= GRACE_S * LEAST_BYTES_A_SECOND


class _Listening:
    """What a worker's listening sockets have in common."""

    channel_class = Connection
    owner: BufferedWorker
    active_channels: dict[int, Connection]

    def maintenance(self, now: float) -> None:
        """Leave the clock to the worker."""

    def handle_accept(self) -> None:
        """Take a connection, and close the one that has waited longest where they are too many."""
        super().handle_accept()  # type: ignore[misc]  # of the class beside this one
        if len(self.active_channels) > self.owner.most_connections:
            waiting = [each for each in self.active_channels.values() if each.waits_for_client]
            if waiting:
                min(waiting, key=lambda each: each.since_s).handle_close()


class _Tcp(_Listening, TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """A TCP socket that listens."""


class _Unix(_Listening, UnixWSGIServer):  # type: ignore[misc]  # waitress has no types
    """A UNIX socket that listens."""


class BufferedWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Receives and sends in one loop; answers in threads."""

    most_connections = MOST_CONNECTIONS
    _map: dict[int, Any]
    _servers: Sequence[Any] = ()

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse what this worker cannot do.

        Raises:
            ConfigError: TLS is to end here.
        """
        del log
        if cfg.is_ssl:
            raise ConfigError(
                "This server speaks no TLS: leave --certfile and --keyfile out; a proxy in front ends it."
            )

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End once what is under way is answered."""
        del sig, frame
        self.alive = False
        self._wake()

    def begin_request(self) -> bool:
        """Count a request; say whether the worker ends, so that its connection is not kept."""
        self.nr += 1
        if self.alive and self.nr >= self.max_requests:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
            self._wake()
        return not self.alive

    def is_crowded(self) -> bool:
        """Say whether the large bodies that are on their way could fill the disk."""
        receiving = [each.request for server in self._servers for each in server.active_channels.values()]
        large = [each for each in receiving if each is not None and each.is_large and not each.refusal]
        waiting = sum(max(each.content_length, each.body.seen_bytes) for each in large)
        free = shutil.disk_usage(tempfile.gettempdir()).free
        missing = sum(max(0, each.content_length - each.body.seen_bytes) for each in large)
        too_many: bool = waiting > 2 * self._door.largest_bytes
        return too_many or missing + RESERVE_BYTES > free

    def run(self) -> None:
        """Serve until told to end, or until gunicorn's first process is gone."""
        self._door: Door = self.wsgi.extensions["simsvc-door"]
        self.most_connections = min(MOST_CONNECTIONS, _files() // FILES_A_CONNECTION)
        logging.getLogger("waitress").addFilter(_without_addresses)
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every task that waits
        self._threads = Threads(self.cfg.threads)
        self._map = {}
        self._servers = tuple(self._listen(listener.sock) for listener in self.sockets)
        next_look_s = 0.0
        while self.alive and self.ppid == os.getppid():
            self.notify()
            wasyncore.poll2(1.0, self._map)
            if (now_s := time.monotonic()) >= next_look_s:
                next_look_s = now_s + 1.0
                self._keep_times(now_s)
        self._finish()

    def _listen(self, sock: socket.socket) -> Any:
        adjustments = Adjustments(
            threads=self.cfg.threads,
            backlog=self.cfg.backlog,
            clear_untrusted_proxy_headers=False,  # the application knows its proxies
            connection_limit=2 * MOST_CONNECTIONS,  # the longest waiting are closed before
            ident=None,
            inbuf_overflow=IN_MEMORY_BYTES,
            log_socket_errors=False,
            max_request_body_size=1 << 62,  # each route has its own
            max_request_header_size=MOST_HEADER_BYTES,
            outbuf_high_watermark=ANSWER_BYTES,
            outbuf_overflow=IN_MEMORY_BYTES,
            recv_bytes=READ_BYTES,
            server_name=socket.gethostname() if sock.family == socket.AF_UNIX else sock.getsockname()[0],
        )
        adjustments.door = self._door
        kind = _Unix if sock.family == socket.AF_UNIX else _Tcp
        server = kind(
            self.wsgi,
            self._map,
            False,
            sock,
            dispatcher=self._threads,
            adj=adjustments,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
            bind_socket=False,
        )
        server.owner = self
        server.accept_connections()
        return server

    def _connections(self) -> Iterable[Connection]:
        return [each for server in self._servers for each in list(server.active_channels.values())]

    def _keep_times(self, now_s: float) -> None:
        for connection in self._connections():
            connection.keep_time(now_s, self.cfg.keepalive)

    def _wake(self) -> None:
        for server in self._servers:
            server.pull_trigger()

    def _finish(self) -> None:
        """Take no more connections; answer what is under way, as long as gunicorn lets a worker."""
        for server in self._servers:
            server.del_channel()
            server.socket.close()
        began_s = time.monotonic()
        while (open_ones := self._connections()) and (
            spent_s := time.monotonic() - began_s
        ) < self.cfg.graceful_timeout:
            self.notify()
            self._keep_times(time.monotonic())
            if spent_s > LINGER_S:
                for connection in open_ones:
                    connection.close_if_idle()
            wasyncore.poll2(0.2, self._map)
        self._threads.shutdown()


def _files() -> int:
    """Let this process open as many files as it may and could need; return how many are for connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = 200
    wanted = MOST_CONNECTIONS * FILES_A_CONNECTION + others
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(FILES_A_CONNECTION, soft - others)


def _without_addresses(record: logging.LogRecord) -> bool:
    """Take paths out of waitress's lines: that of a one-time link is a secret."""
    record.msg = str(record.msg).partition(" %s")[0]
    record.args = ()
    return True
