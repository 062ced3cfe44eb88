"""How another process starts the double, asks it to do something, and looks at what it has counted."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import httpx

ROOT = Path(__file__).parents[2]


class SendGridProcess:
    """`async with SendGridProcess() as sendgrid:` runs the double; `url` is for the channel, `public_key` for the webhook."""

    def __init__(self, *, port: int = 0, api_key: str = "SG.double") -> None:
        self.api_key = api_key
        self.url = ""
        self.public_key = ""
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        output = self._start()
        try:
            told = json.loads(await asyncio.wait_for(asyncio.to_thread(output.readline), 40))
        except BaseException:
            self._end()
            raise
        self.url, self.public_key = told["url"], told["public_key"]
        self._http = httpx.AsyncClient(base_url=told["control"], trust_env=False, timeout=60)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.aclose()
        await asyncio.to_thread(self._end)

    async def state(self) -> dict[str, Any]:
        """`accepted` by send_key, `calls`, `behaviours`, `rejected`, `told` by status, and how many are still being told."""
        assert self._http is not None
        answer = await self._http.get("/")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def script(self, *behaviours: str | Mapping[str, Any]) -> None:
        """What becomes of the next calls, by name, or as {"behaviour": name, "after": seconds}."""
        steps = [{"behaviour": each} if isinstance(each, str) else each for each in behaviours]
        await self._ask("script", steps)

    async def mix(self, shares: Mapping[str, float], *, seed: int = 0) -> None:
        """The shares of behaviours among all further calls."""
        await self._ask("mix", {"shares": shares, "seed": seed})

    async def webhooks(self, url: str, **rule: Any) -> None:
        """To whom to tell, and by which Rule, what becomes of each further message."""
        await self._ask("webhooks", {"url": url, "rule": rule})

    async def tell(self, *words: str, send_keys: Sequence[str] = ()) -> None:
        """Tell these words of these messages, or of all that were accepted; returns when they are taken."""
        await self._ask("tell", {"words": words, "send_keys": send_keys})

    async def _ask(self, what: str, body: Any) -> None:
        assert self._http is not None
        answer = await self._http.post(f"/{what}", json=body)
        answer.raise_for_status()

    def _start(self) -> IO[str]:
        words = ["--port", str(self._port), "--api-key", self.api_key, "--with-parent"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.doubles.sendgrid_process", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        return self._process.stdout

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(10)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
