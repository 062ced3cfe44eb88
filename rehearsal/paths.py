"""Which ways lead through a journey: every answer that each of its waits can get, and its goal at every place."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from errors import JourneyError
from events import Delivery, Event, PageViewed
from workflows.catalogue import Listed
from workflows.definition import Journey

from .house import House
from .persona import Persona
from .samples import Sample, openings, samples
from .scene import Scene, Walk
from .told import Told, told_of
from .watched import Verb

LONGEST = timedelta(days=1000)
"""After so much journey time a path is over, wherever it is."""
MOST = 2_000
"""Paths of one journey and persona; a journey with more is several journeys."""
NOTHING = None
Arms = dict[str, str]
"""By experiment, the arm that somebody is in."""


@dataclass(frozen=True)
class Turn:
    """What happened at one place where the journey waited; None where it waited in vain."""

    at: datetime
    what: Sample | None
    where: str = ""
    """What was being waited for, if this is not the answer to it."""

    def __str__(self) -> str:
        return f"{self.what} ({self.where})" if self.where else str(self.what)


@dataclass(frozen=True)
class Path:
    """One walk from the event that opens the journey to its end."""

    journey: str
    persona: Persona
    opening: Sample
    arms: str
    """In which arms of the journey's experiments they are."""
    turns: tuple[Turn, ...]
    verbs: tuple[Verb, ...]
    told: tuple[Told, ...]
    outcome: str

    @property
    def words(self) -> str:
        """What the person does, in order; that they do nothing goes without saying."""
        done = [str(self.opening), *(str(turn) for turn in self.turns if turn.what is not None)]
        return ", then ".join(done) + (f" [{self.arms}]" if self.arms else "")

    @property
    def end(self) -> str:
        """How it ended, without the ids of made-up events."""
        return self.outcome.partition(" (")[0]


async def explore(house: House, journey: str, persona: Persona, *, most: int = MOST) -> AsyncIterator[Path]:
    """Every path of this persona, each played from its beginning by the shipped engine.

    A goal ends a journey in the same way however it came to where it is, so it is tried once at each place.
    """
    listed = house.catalogue[journey]
    source = source_of(listed.journey)
    opened = openings(listed.journey.starts_on, listed.journey.one_per)
    # What nobody asks for in the file makes no other path.
    opened = [each for each in opened if not each.words or each.words.split()[-1] in source]
    begin = list(itertools.product(_arms(listed), opened))
    left: list[tuple[int, ...]] = [(place,) for place in reversed(range(len(begin)))]
    ended: set[tuple[object, ...]] = set()
    for number in range(most):
        if not left:
            return
        given = left.pop()
        arms, opening = begin[given[0]]
        scene = Scene(house, persona, f"{journey}-{persona.name}-{number}", arms)
        said = ", ".join(f"{name}: {arm}" for name, arm in arms.items())
        yield await _Play(scene, listed, given, ended, left).path(opening, said)
    if left:
        raise JourneyError(f"{journey} has more than {most} paths for one person; make several journeys of it.")


class _Play:
    """One walk along given choices; what it could have been otherwise is put on the pile."""

    def __init__(
        self,
        scene: Scene,
        listed: Listed,
        given: tuple[int, ...],
        ended: set[tuple[object, ...]],
        left: list[tuple[int, ...]],
    ) -> None:
        self._scene = scene
        self._listed = listed
        self._given = given
        self._ended = ended
        """Where which goal was tried."""
        self._left = left
        self._taken: set[tuple[object, ...]] = set()
        names = listed.wait_names | listed.journey.start_names | listed.journey.goal_names
        self._browses = PageViewed.event_name not in names

    async def path(self, opening: Sample, arms: str) -> Path:
        scene, journey = self._scene, self._listed.journey
        until = scene.now + LONGEST
        await scene.enters()
        await scene.does(opening.event, opening.properties, traits=opening.traits)
        walk = next((walk for walk in scene.walks if walk.entry.place.journey == journey.name), None)
        chosen, turns = [self._given[0]], list[Turn]()
        while walk is not None and walk.account is None and (due := scene.due) is not None and due < until:
            options = await self._options(walk)
            if len(chosen) == len(self._given):
                self._given += (0,)
                self._left += [
                    (*chosen, other) for other in reversed(range(1, len(options))) if self._is_new(options[other], walk)
                ]
            chosen.append(self._given[len(chosen)])
            what, where = options[chosen[-1]], _where(walk, options[chosen[-1]])
            await self._happens(what, walk, due)
            turns.append(Turn(scene.local(scene.now), what, where))
        outcome = "does not enter"
        if walk is not None:
            outcome = walk.account["outcome"] if walk.account else "goes on"
        told = await told_of(scene, journey.name)
        verbs = tuple(replace(verb) for verb in walk.verbs) if walk else ()
        return Path(journey.name, scene.persona, opening, arms, tuple(turns), verbs, told, outcome)

    async def _options(self, walk: Walk) -> list[Sample | None]:
        """What may happen now; first of all, nothing."""
        journey, asleep = self._listed.journey, walk.run.is_asleep
        verb = walk.verbs[-1] if walk.verbs and walk.verbs[-1].is_open else None
        place = verb.lines if verb else ()
        found: list[Sample | None] = [NOTHING]
        for kind in verb.kinds if verb else ():
            if issubclass(kind, Delivery) and not await self._has_mail():
                continue
            found += [
                each for each in samples(kind, journey.one_per) if (place, each.event, each.words) not in self._taken
            ]
        if asleep and journey.quiet and ("touch",) not in self._taken:
            found.append(replace(samples(journey.starts_on, journey.one_per)[0], words=""))
        goals = [goal for kind in journey.ends_on for goal in samples(kind, journey.one_per)[:1]]
        return found + [goal for goal in goals if not (asleep and journey.quiet and goal.event in journey.start_names)]

    def _is_new(self, option: Sample | None, walk: Walk) -> bool:
        """Whether it is to be tried: anything but a goal that was tried at this place, with this opening."""
        if option is None or option.event not in self._listed.journey.goal_names:
            return True
        place = walk.verbs[-1].lines if walk.verbs else ()
        here = (self._given[0], place, walk.run.is_asleep, option.event)
        is_new = here not in self._ended
        self._ended.add(here)
        return is_new

    async def _happens(self, what: Sample | None, walk: Walk, due: datetime) -> None:
        scene = self._scene
        if what is NOTHING:
            if scene.persona.there and self._browses and due - scene.now > timedelta(minutes=2):
                await scene.until(due - timedelta(minutes=1))
                await scene.does(PageViewed.event_name, {"path": "/"})
            await scene.until(due)
            return
        verb = walk.verbs[-1] if walk.verbs else None
        self._taken |= {(verb.lines if verb else (), what.event, what.words)} | ({("touch",)} if not verb else set())
        await scene.until(scene.now + (due - scene.now) / 2)
        told = {"template": await self._newest_mail()} if what.second_hand else {}
        await scene.does(what.event, {**what.properties, **told}, traits=what.traits, second_hand=what.second_hand)

    async def _has_mail(self) -> bool:
        return bool(await self._newest_mail())

    async def _newest_mail(self) -> str:
        mail = [line for line in await self._scene.ledger() if line.channel == "email" and line.status == "accepted"]
        return mail[-1].template or "" if mail else ""


def _where(walk: Walk, what: Sample | None) -> str:
    """In which wait this comes unasked."""
    if what is None:
        return ""
    if not walk.verbs:
        return "in the quiet"
    verb = walk.verbs[-1]
    asked = {name for kind in verb.kinds for name in kind.kinds()}
    return "" if what.event in asked else f"while: {verb.words}"


def source_of(journey: Journey[Event]) -> str:
    """The text of the file that the journey stands in."""
    return inspect.getsource(inspect.getmodule(journey.function) or journey.function)


def _arms(listed: Listed) -> list[Arms]:
    """Every combination of arms that one person may be in; of the experiments of one group that is one alone."""
    choices: dict[str, list[tuple[str, str]]] = {}
    for each in listed.experiments:
        open_arms = [(each.name, arm) for arm, weight in each.arms.items() if weight > 0]
        choices.setdefault(f"group {each.group}" if each.group else each.name, []).extend(open_arms)
    return [dict(chosen) for chosen in itertools.product(*choices.values())]
