"""How a provider's client library is called: each call in a thread, and over by its deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from errors import InDoubt, NeverSent, ProviderError

from .bounded import Call


class Threads:
    """Calls of one provider: at most `threads` at once, none waited for longer than `call_timeout` (seconds)."""

    def __init__(self, provider: str, threads: int, call_timeout: float) -> None:
        self._provider = provider
        self._call_timeout = call_timeout
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=provider.lower())

    async def call(self, post: Callable[[Call], str | ProviderError]) -> str:
        """What `post` returns, in a thread; raises the error that it returns, NeverSent or InDoubt.

        It returns errors, because raised ones would drag the library's along, message and all.
        """
        call = Call(time.monotonic() + self._call_timeout)
        try:
            job = self._pool.submit(post, call)
        except RuntimeError:
            # It is closed; or it has queued the call and can start no thread for it, and one that runs may have taken it.
            raise self._given_up(call) from None
        answer = asyncio.wrap_future(job)
        try:
            await asyncio.wait({answer}, timeout=self._call_timeout)
            if not job.done() or job.cancelled():
                raise self._given_up(call)
            outcome = job.result()
        finally:
            # Where the caller itself is cancelled, this calls it off too, unless a byte has left.
            answer.cancel()
            call.call_off()
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Take no more, drop what waits, and wait for the calls that run."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _given_up(self, call: Call) -> ProviderError:
        """What still waits, looks for the address or connects can be called off; what has sent a byte cannot."""
        if call.call_off():
            return NeverSent(
                f"{self._provider} was not called: no thread was free, it was not reached in time, or close() came"
            )
        return InDoubt(f"{self._provider} did not answer within {self._call_timeout:g} s")
