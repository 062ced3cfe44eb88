"""The double as a process of its own, so that tests, benchmarks and chaos can share one: `python -m tests.doubles.sendgrid_process`.

It says {"url": …, "control": …, "public_key": …} on its first line and then answers, at `control`:

GET  /          what was accepted, by send_key, and how often what else happened
POST /script    [{"behaviour": "refuse", "after": 0.5}, …]: what becomes of the next calls, one each
POST /mix       {"shares": {"server_error": 0.05}, "seed": 7}: of each further call
POST /webhooks  {"url": …, "rule": {"words": ["processed", "delivered"], "late": 1.0}}: what is told of each further message
POST /tell      {"send_keys": […], "words": ["click"]}: tell that now; of every accepted message without "send_keys"
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.doubles.sendgrid import Rule, SendGridDouble, delay
from tests.doubles.sendgrid_behaviour import BY_NAME, Behaviour


class Control:
    """What another process may ask the double to do, over HTTP."""

    def __init__(self, double: SendGridDouble) -> None:
        self._double = double

    def app(self) -> Starlette:
        """The ASGI application."""
        doors = {"script": self.script, "mix": self.mix, "webhooks": self.webhooks, "tell": self.tell}
        posts = [Route(f"/{name}", door, methods=["POST"]) for name, door in doors.items()]
        return Starlette(routes=[Route("/", self.state), *posts])

    async def state(self, _: Request) -> Response:
        """Everything that is counted."""
        double = self._double
        return JSONResponse(
            {
                "accepted": double.accepted,
                "calls": len(double.calls),
                "behaviours": Counter(call.behaviour.name for call in double.calls),
                "rejected": double.rejected,
                "told": double.teller.statuses if double.teller else {},
                "telling": double.teller.waiting if double.teller else 0,
            }
        )

    async def script(self, request: Request) -> Response:
        """Script the next calls."""
        self._double.script(*(_behaviour(**step) for step in await request.json()))
        return Response(status_code=204)

    async def mix(self, request: Request) -> Response:
        """Draw a behaviour for each further call."""
        asked = await request.json()
        shares = {_behaviour(name): share for name, share in asked["shares"].items()}
        self._double.mix(shares, seed=asked.get("seed", 0))
        return Response(status_code=204)

    async def webhooks(self, request: Request) -> Response:
        """Say to whom, and what of each further message."""
        asked = await request.json()
        rule = asked.get("rule", {})
        await self._double.tells(asked["url"], Rule(**rule | {"words": tuple(rule.get("words", ()))}))
        return Response(status_code=204)

    async def tell(self, request: Request) -> Response:
        """Tell these words now; answered when they are taken."""
        asked = await request.json()
        await self._double.tell(asked.get("send_keys") or [*self._double.messages], *asked["words"])
        return Response(status_code=204)


def _behaviour(behaviour: str, after: float = 0.0) -> Behaviour:
    return delay(after, BY_NAME[behaviour]) if after else BY_NAME[behaviour]


async def serve(port: int, control_port: int, api_key: str, *, with_parent: bool) -> None:
    """Serve until the process is told to end."""
    async with SendGridDouble(api_key=api_key, port=port, keep_bodies=False) as double:
        server = uvicorn.Server(
            uvicorn.Config(
                Control(double).app(), port=control_port, log_level="warning", access_log=False, lifespan="off"
            )
        )
        serving = asyncio.create_task(server.serve())
        if with_parent:
            asyncio.get_running_loop().add_reader(0, lambda: setattr(server, "should_exit", True))
        while not server.started:
            if serving.done():
                await serving
            await asyncio.sleep(0.01)
        chosen = server.servers[0].sockets[0].getsockname()[1]
        told = {"url": double.url, "control": f"http://127.0.0.1:{chosen}", "public_key": double.signer.public_key}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        with suppress(asyncio.CancelledError):
            await serving


def main(arguments: list[str] | None = None) -> None:
    """Read the ports and the key that is let in; a port of 0 is any free one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--api-key", default="SG.double")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    chosen: dict[str, Any] = vars(parser.parse_args(arguments))
    asyncio.run(serve(chosen["port"], chosen["control_port"], chosen["api_key"], with_parent=chosen["with_parent"]))


if __name__ == "__main__":
    main()
