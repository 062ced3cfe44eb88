"""A RabbitMQ of the tests' own: the programs of Debian's package, in a temporary directory."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import psutil
import trustme
from aio_pika.abc import AbstractIncomingMessage

from ingestion.brokers.consumer import Consumer
from ingestion.brokers.rabbitmq import RabbitMQ
from tests.door import Door
from tests.servers import LAUNCHER, free_port, is_free, wait_until

# Debian's wrapper in /usr/sbin insists on its own user and directories; this is what it wraps.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
MISSING = "RabbitMQ is not installed: apt-get install rabbitmq-server"
NO_PATH = "/nonexistent"


class NoId(str):
    """An empty message id that is left out; where it finds none, aio-pika makes one up."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


def is_installed() -> bool:
    """Whether there are programs to start."""
    return SERVER.exists() and shutil.which("epmd") is not None


class RabbitMQServer:
    """One node, with a port mapper of its own; both are gone after `stop`, and all they wrote."""

    def __init__(self, authority: trustme.CA | None = None) -> None:
        """With an authority it also listens on `tls_port`, with a certificate of that one."""
        self.home = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        self.port, self.tls_port = free_port(), free_port()
        self._authority = authority
        self._mapper_port = free_port()
        self._mapper: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        self.up = asyncio.Event()
        """Set while it answers."""

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """Its address, as seen through a wire that listens on that port."""
        return f"amqp://guest:guest@127.0.0.1:{port}/"

    async def start(self) -> None:
        """Start it, or start it again, and return when it answers."""
        self._launch()
        await wait_until(self._answers, timeout=90)
        self.up.set()

    def _launch(self) -> None:
        # Asks the kernel to kill both when the tests die, and turns into them.
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, *map(str, (os.geteuid(), os.getegid(), os.getpid()))]
        if self._mapper is None:
            program = shutil.which("epmd")
            mapper = [*launcher, str(program), "-port", str(self._mapper_port), "-address", "127.0.0.1"]
            self._mapper = subprocess.Popen(mapper, stdin=subprocess.DEVNULL, start_new_session=True)
        with (self.home / "rabbitmq.log").open("ab") as log:
            self._node = subprocess.Popen(
                [*launcher, str(SERVER)],
                cwd=self.home,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def leave(self, *, crash: bool) -> None:
        """Stop the node, politely or as a crash would; what it has confirmed stays."""
        if self._node is None:
            return
        self.up.clear()
        family = psutil.Process(self._node.pid).children(recursive=True)
        self._node.send_signal(signal.SIGKILL if crash else signal.SIGTERM)
        await asyncio.to_thread(self._node.wait, 30)
        await asyncio.to_thread(psutil.wait_procs, family, 10)
        self._node = None

    async def stop(self) -> None:
        """Stop node and port mapper at once, and remove what they wrote."""
        await self.leave(crash=True)
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait(10)
            self._mapper = None
        shutil.rmtree(self.home, ignore_errors=True)

    async def control(self, *words: str) -> None:
        """Let rabbitmqctl say this to the node."""
        program = SERVER.with_name("rabbitmqctl")
        process = await asyncio.create_subprocess_exec(
            str(program), *words, env=self._environment(), cwd=self.home,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()

    def _environment(self) -> dict[str, str]:
        home = self.home
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),  # the cookie is made there
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RUNNING_UNDER_SYSTEMD": "1",  # the script turns into the node, and no shell waits for it
            "RABBITMQ_NODENAME": f"tests-{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1",
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": NO_PATH,
            "RABBITMQ_CONF_ENV_FILE": NO_PATH,
            "RABBITMQ_CONFIG_FILE": self._configuration() if self._authority else NO_PATH,
            "RABBITMQ_ADVANCED_CONFIG_FILE": NO_PATH,
        }

    def _configuration(self) -> str:
        """The listener with TLS, written down."""
        assert self._authority is not None
        certificate = self._authority.issue_cert("127.0.0.1")
        for name, pem in (("chain", certificate.cert_chain_pems[0]), ("key", certificate.private_key_pem)):
            pem.write_to_path(str(self.home / f"{name}.pem"))
        self._authority.cert_pem.write_to_path(str(self.home / "ca.pem"))
        files = {"cacertfile": "ca", "certfile": "chain", "keyfile": "key"}
        lines = [f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}"]
        lines += [f"ssl_options.{name} = {self.home / file}.pem" for name, file in files.items()]
        (self.home / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        return str(self.home / "rabbitmq.conf")

    async def _answers(self) -> bool:
        assert self._node is not None
        assert self._node.poll() is None, (self.home / "rabbitmq.log").read_text()
        if is_free(self.port):
            return False  # asked so that the library does not log each attempt
        try:
            async with await aio_pika.connect(self.url, timeout=5):
                return True
        except OSError:
            return False


class Line:
    """A queue that no other test uses, and what tests do with it beside consuming it."""

    def __init__(self, server: RabbitMQServer) -> None:
        self.server = server
        self.queue = f"events-{uuid4().hex[:8]}"
        self.arguments: Any = {
            "x-single-active-consumer": True,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": f"{self.queue}.dead-letter",
        }

    def consumer(self, door: Door, port: int | None = None) -> Consumer:
        """One that takes from the queue into that database, through the wire at `port` if there is one."""
        return Consumer(RabbitMQ(self.server.url_at(port or self.server.port), self.queue), door.acceptor)

    async def publish(self, bodies: Iterable[bytes], *, has_id: bool = True, **properties: Any) -> int:
        """Publish these in order; returns how many the broker has confirmed to keep."""
        async with await aio_pika.connect(self.server.url, timeout=10) as connection:
            channel = await connection.channel()
            await channel.declare_queue(f"{self.queue}.dead-letter", durable=True)
            await channel.declare_queue(self.queue, durable=True, arguments=self.arguments)

            async def send(body: bytes) -> None:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, **properties)
                if not has_id:
                    message.message_id = NoId()
                await channel.default_exchange.publish(message, self.queue, timeout=30)

            # They are written in the order in which they begin; only the confirmations are waited for together.
            return len(await asyncio.gather(*(send(body) for body in bodies)))

    async def left(self) -> int:
        """How many messages wait to be delivered, to be asked when nobody consumes: what is not acknowledged is back by then."""
        async with await aio_pika.connect(self.server.url, timeout=10) as connection:
            queue = await (await connection.channel()).get_queue(self.queue)
            return queue.declaration_result.message_count or 0

    async def is_empty(self) -> bool:
        """Whether none waits."""
        return await self.left() == 0

    async def dead(self) -> list[AbstractIncomingMessage]:
        """The dead letters there are; they stay."""
        found = []
        async with await aio_pika.connect(self.server.url, timeout=10) as connection:
            queue = await (await connection.channel()).get_queue(f"{self.queue}.dead-letter")
            while (message := await queue.get(fail=False)) is not None:
                found.append(message)
        return found
