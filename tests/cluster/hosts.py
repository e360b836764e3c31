"""Hosts on one machine: a network namespace each, joined by a bridge, whose links can be cut."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers import ROOT, wait_until

BRIDGE = "simsvc-bridge"
LINK = "sv-"
PREFIX = "simsvc-"
"""How names of namespaces begin, and those of cables: what is found is a left-over of an earlier run."""
LOCK = Path("/run/simsvc-cluster.lock")
NETWORK = "10.77.0"
END_S = 20.0
"""How long killed processes may take to end."""
ENTER = 'hostname "$0" && mount --bind "$1" /tmp && shift && exec "$@"'
"""Gives what is started a host name and a /tmp of its own, as on a machine of its own."""


class CannotMakeHosts(Exception):
    """This machine, or this account, cannot make network namespaces."""


@dataclass(eq=False)
class Host:
    """A host with an address of its own.

    Attributes:
        name: of the host, and of its namespace after PREFIX.
        number: last part of its address.
        folder: of its files and logs.
        environment: variables that everything started on it gets.
    """

    name: str
    number: int
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Return its IPv4 address."""
        return f"{NETWORK}.{self.number}"

    @property
    def link(self) -> str:
        """Return the name of its end of the cable at the bridge; at most 15 characters."""
        return LINK + self.name

    @property
    def mac(self) -> str:
        """Return the address of its network card."""
        return f"02:00:0a:4d:00:{self.number:02x}"

    def start(self, name: str, *command: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program on this host; what it says goes to `name`.log in the folder."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                self._inside(command),
                cwd=ROOT,
                env={**os.environ, **self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def run(
        self, *command: str | Path, timeout_s: float = 120.0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on this host until it ends, and return what it said."""
        done = subprocess.run(
            self._inside(command),
            cwd=ROOT,
            env={**os.environ, **self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        with self.log("commands").open("a") as log:
            words = " ".join(str(word) for word in command)
            log.write(f"$ {words}\n{done.stdout}{done.stderr}[{done.returncode}]\n")
        return done

    def log(self, name: str) -> Path:
        """Return the file that a program's output goes to."""
        return self.folder / f"{name}.log"

    def pids(self) -> set[int]:
        """Return every process that runs on this host, whoever started it."""
        return pids_in(PREFIX + self.name)

    def kill(self) -> None:
        """Kill every process of this host with -9, all at once, as when a machine loses its power."""
        kill_all(PREFIX + self.name)
        for process in self._running:
            process.wait(END_S)
        self._running.clear()

    def freeze(self, *, thaw: bool = False) -> None:
        """Stop every process of this host where it is, or let them go on."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT if thaw else signal.SIGSTOP)

    def cut(self) -> None:
        """Take the cable out of the bridge: nothing comes through, and nobody is told, so that all hang."""
        _ip("link", "set", self.link, "nomaster")

    def mend(self) -> None:
        """Put the cable back."""
        _ip("link", "set", self.link, "master", BRIDGE)

    def _inside(self, command: Sequence[str | Path]) -> list[str | Path]:
        temporary = self.folder / "tmp"
        enter = ["ip", "netns", "exec", PREFIX + self.name, "unshare", "--mount", "--uts", "sh", "-c", ENTER]
        return [*enter, self.name, temporary, *command]


@contextmanager
def network(folder: Path, names: Mapping[str, int]) -> Iterator[dict[str, Host]]:
    """Make a host of each name at each address, and take all of them away again at the end.

    Raises:
        CannotMakeHosts: this account may not, or another run is at it.
    """
    with _alone():
        remove_left_overs()
        hosts = {name: Host(name, number, folder / name) for name, number in names.items()}
        try:
            _ip("link", "add", BRIDGE, "type", "bridge")
            _ip("address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
            _ip("link", "set", BRIDGE, "up")
            for host in hosts.values():
                _make(host)
            _introduce(hosts.values())
            yield hosts
        finally:
            for host in hosts.values():
                host.kill()
            remove_left_overs()


def remove_left_overs() -> None:
    """Kill what still runs in namespaces of an earlier run, and remove them and the bridge."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for name in (line.split()[0] for line in listed.splitlines() if line.startswith(PREFIX)):
        kill_all(name)
        _ip("netns", "delete", name)
    for link in Path("/sys/class/net").iterdir():
        if link.name.startswith(LINK) or link.name == BRIDGE:
            with suppress(OSError):  # the kernel takes a cable away some time after its host
                _ip("link", "delete", link.name)


def pids_in(namespace: str) -> set[int]:
    """Return the processes in a namespace."""
    found = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    return {int(line) for line in found.stdout.split()}


def kill_all(namespace: str) -> None:
    """Kill every process in a namespace, and those that they started meanwhile."""

    def gone() -> bool:
        left = pids_in(namespace)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait_until(gone, END_S)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the names of namespaces and addresses: two runs would end each other."""
    if os.geteuid() != 0:
        raise CannotMakeHosts("only root may make network namespaces")
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotMakeHosts("another run has the namespaces") from None
        yield


def _make(host: Host) -> None:
    (host.folder / "tmp").mkdir(parents=True)
    namespace = PREFIX + host.name
    _ip("netns", "add", namespace)
    _ip("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    _ip("link", "set", host.link, "master", BRIDGE, "up")
    _ip("-n", namespace, "link", "set", "eth0", "address", host.mac)
    _ip("-n", namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
    _ip("-n", namespace, "link", "set", "lo", "up")
    _ip("-n", namespace, "link", "set", "eth0", "up")


def _introduce(hosts: Collection[Host]) -> None:
    """Tell every host the others' network cards: else ARP would tell of a cut link after three seconds."""
    for host in hosts:
        known = f"{host.address} lladdr {host.mac} nud permanent".split()
        _ip("neighbour", "replace", *known, "dev", BRIDGE)
        for other in hosts:
            if other is not host:
                _ip("-n", PREFIX + other.name, "neighbour", "replace", *known, "dev", "eth0")


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        problem = f"ip {' '.join(words)}: {done.stderr.strip()}"
        raise CannotMakeHosts(problem) if "not permitted" in problem else OSError(problem)
