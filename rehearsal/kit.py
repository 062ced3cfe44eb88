"""What a test of a journey is written with: one made-up person, on a clock that moves when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from errors import JourneymanError
from events import Event

from .house import housed
from .persona import Persona
from .scene import Scene
from .told import Told, told_of

T = TypeVar("T")
YEAR = timedelta(days=365)


class rehearse:  # noqa: N801  it is used like a function, as `open` is
    """`with rehearse("cart_abandonment") as ada:`, or `async with`, where each verb is awaited.

    Without a name, all journeys are there. `rules` are settings, such as quiet_hours="" or caps="1 a week rolling", in
    place of those of the environment. Raises JourneyError for a journey that there is not.
    """

    def __init__(self, *journeys: str, persona: Persona | None = None, **rules: Any) -> None:
        self._journeys, self._persona, self._rules = journeys, persona or Persona(), rules
        self._stack = AsyncExitStack()
        self._runner: asyncio.Runner | None = None

    async def __aenter__(self) -> Rehearsed:
        house = await self._stack.enter_async_context(housed(*self._journeys, rules=self._rules))
        rehearsed = Rehearsed(Scene(house, self._persona, self._persona.name.lower()))
        await rehearsed.scene.enters()
        return rehearsed

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def __enter__(self) -> RehearsedNow:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise JourneymanError(
                "An event loop is running here: write `async with rehearse(...)`, and await each verb."
            )
        # With a factory, because a runner without one would take away the loop that pytest keeps for other tests.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        try:
            return RehearsedNow(self._runner.run(self.__aenter__()), self._runner)
        except BaseException:
            self._runner.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._runner is not None
        self._runner.run(self.__aexit__())
        self._runner.close()


class Seen:
    """What can be looked at, at any moment."""

    scene: Scene
    told: tuple[Told, ...]

    @property
    def now(self) -> datetime:
        """The moment, on the person's own clock."""
        return self.scene.local(self.scene.now)

    @property
    def sent(self) -> list[str]:
        """What was sent, in order: channel and template."""
        return [f"{each.channel} {each.template}" for each in self.told if each.is_sent]

    @property
    def unsent(self) -> dict[str, str]:
        """What was not sent, by channel and template, and why."""
        return {f"{each.channel} {each.template}": each.reason for each in self.told if not each.is_sent}

    @property
    def outcome(self) -> str:
        """How the journey entered last has ended; "open" while it has not, and empty where none was entered."""
        if not self.scene.walks:
            return ""
        account = self.scene.walks[-1].account
        return "open" if account is None else str(account["outcome"])


class Rehearsed(Seen):
    """One person in a rehearsal; each verb returns when everything that follows from it is done."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.told = ()

    async def does(self, event: str | type[Event], /, **properties: Any) -> Self:
        """Something happens now."""
        name = event if isinstance(event, str) else event.event_name
        await self.scene.does(name, properties)
        return await self._look()

    async def is_known(self, **traits: Any) -> Self:
        """Traits are written now."""
        await self.scene.does("Identified", traits=traits)
        return await self._look()

    async def waits(self, duration: timedelta) -> Self:
        """So much journey time passes."""
        await self.scene.waits(duration)
        return await self._look()

    async def ends(self, within: timedelta = YEAR) -> Self:
        """Time passes until nothing is waited for any more, at most so long."""
        await self.scene.ends(within)
        return await self._look()

    async def _look(self) -> Self:
        self.told = await told_of(self.scene)
        return self


class RehearsedNow(Seen):
    """The same for a test without an event loop: nothing is awaited."""

    def __init__(self, rehearsed: Rehearsed, runner: asyncio.Runner) -> None:
        self.scene = rehearsed.scene
        self.told = ()
        self._rehearsed, self._runner = rehearsed, runner

    def does(self, event: str | type[Event], /, **properties: Any) -> Self:
        """Something happens now."""
        return self._now(self._rehearsed.does(event, **properties))

    def is_known(self, **traits: Any) -> Self:
        """Traits are written now."""
        return self._now(self._rehearsed.is_known(**traits))

    def waits(self, duration: timedelta) -> Self:
        """So much journey time passes."""
        return self._now(self._rehearsed.waits(duration))

    def ends(self, within: timedelta = YEAR) -> Self:
        """Time passes until nothing is waited for any more, at most so long."""
        return self._now(self._rehearsed.ends(within))

    def _now(self, verb: Coroutine[Any, Any, Rehearsed]) -> Self:
        self.told = self._runner.run(verb).told
        return self
