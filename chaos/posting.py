"""How a tracking client posts: again and again, until the front door has answered."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


async def posted(http: httpx.AsyncClient, url: str, body: dict[str, Any]) -> tuple[httpx.Response, int]:
    """The first answer that is not about the front door itself, and how often it had to be asked again."""
    repeated = 0
    while True:
        try:
            answer = await http.post(url, json=body)
            if answer.status_code < 500:
                return answer, repeated
        except httpx.TransportError:
            pass
        repeated += 1
        await asyncio.sleep(0.3)
