"""What a person is drawn for as they enter a journey: held out of it, or let in with an arm of each of its experiments."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from events import Event
from storage.assignments import assignments_of, put_assignments
from storage.database import Database
from storage.runs import Entry
from workflows.catalogue import Catalogue
from workflows.definition import Journey
from workflows.variants import HELD, Experiment, arm_of, holdout_of, member_of


class Draw:
    """Draws once for each person and experiment; what is noted stays, whatever becomes of the weights."""

    def __init__(self, database: Database, catalogue: Catalogue, holdout: float = 0.0) -> None:
        """`holdout` is the percent of all people that is kept out of every journey which does not say otherwise."""
        self._database = database
        self._catalogue = catalogue
        self._holdout = holdout

    async def of(self, connection: AsyncConnection, entry: Entry) -> Entry:
        """The entry of a person in our hands with its arms; or as one that is held out, and has no run."""
        listed, user_id = self._catalogue[entry.place.journey], entry.place.user_id
        holdouts = self._holdouts(listed.journey)
        if not holdouts and not listed.experiments:
            return entry
        noted = await assignments_of(connection, user_id)
        drawn = {each.name: noted.get(each.name) or arm_of(each.name, user_id, each.arms) for each in holdouts}
        is_held = HELD in drawn.values()
        if not is_held:
            for each in listed.experiments:
                drawn[each.name] = self._arm(each, user_id, noted | drawn)
        fresh = {name: arm for name, arm in drawn.items() if noted.get(name) != arm}
        await put_assignments(self._database, connection, user_id, fresh, entry.entered_at)
        if is_held:
            return replace(entry, state="holdout", reason="held out, to compare with those who are let in")
        return replace(entry, arms={each.name: drawn[each.name] for each in listed.experiments})

    def _holdouts(self, journey: Journey[Event]) -> list[Experiment]:
        if journey.holdout == 0:
            return []
        shares = {"": self._holdout, journey.name: journey.holdout or 0.0}
        return [holdout_of(name, share) for name, share in shares.items() if share]

    def _arm(self, experiment: Experiment, user_id: str, noted: dict[str, str]) -> str:
        known = noted.get(experiment.name)
        if known == "" or (known is not None and known in experiment.arms):
            return known
        group = self._catalogue.exclusive(experiment)
        others = [name for name in group if name != experiment.name]
        if any(noted.get(name) for name in others):
            return ""
        if group and member_of(str(experiment.group), user_id, group) != experiment.name:
            return ""
        return arm_of(experiment.name, user_id, experiment.arms)
