"""How a message goes from the journey's word to its outcome: parked, handed over, held, asked about again."""

from __future__ import annotations

from . import clock
from .errands import Errands, Step, outcome_of
from .journal import Journal
from .pausing import WITHHELD, Pausing
from .requests import SILENCE, Answer
from .story import Story
from .user import Outcome
from .waiting import Waiting, at


class Sending:
    """Brings one step at a time to its outcome. What a later run must know stands in the step's record in the journal."""

    def __init__(self, errands: Errands, waiting: Waiting, pausing: Pausing, journal: Journal, story: Story) -> None:
        self._errands = errands
        self._waiting = waiting
        self._pausing = pausing
        self._journal = journal
        self._story = story

    async def outcome(self, step: Step) -> Outcome:
        """What became of the step, however long that takes."""
        noted = self._journal.noted()
        doubt = Answer.model_validate(noted["doubt"]) if "doubt" in noted else None
        if doubt is not None:
            await self._word_of_the_provider(step, doubt)
        while True:
            if self._pausing.words:
                await self._errands.begin()  # A quiet that is not over is slept through, paused or not.
            due = await self._pausing.over(step.name, self._waiting, noted)
            answer = await self._errands.send(step, withhold="" if due else WITHHELD)
            if answer is None:
                continue
            if answer.status == "held" and answer.until is not None:
                await self._hold(step, answer)
            elif answer.status == "unknown" and answer.until is not None and doubt is None:
                doubt, noted["doubt"] = answer, answer.model_dump(mode="json", exclude_defaults=True)
                self._story.tell(
                    f"{step.name}: the provider's answer was lost; asking again in {clock.spoken(SILENCE)}"
                )
                await self._word_of_the_provider(step, answer)
            else:
                return outcome_of(answer)

    async def _hold(self, step: Step, answer: Answer) -> None:
        assert answer.until is not None
        self._story.zone = clock.zone_of(answer.zone or self._story.zone.key)
        words = f"held until {clock.shown(answer.until, self._story.zone)}: {answer.reason}"
        self._story.tell(f"{step.name} {words}")
        await self._waiting.until(at(answer.until), words)

    async def _word_of_the_provider(self, step: Step, doubt: Answer) -> None:
        assert doubt.until is not None
        await self._waiting.until(at(doubt.until), f"{step.name}: waiting for the provider's word")
