"""A driven run, from its first task to its end."""

from __future__ import annotations

from activities.send import Sender
from rehearsal.performing import perform
from rehearsal.run import Run


async def walk(sender: Sender, run: Run) -> Run:
    """Let a journey go to its end with nothing else happening; returns the last run of the chain."""
    run.begin()
    while not run.is_closed:
        if run.activities:
            await perform(sender, run, next(iter(run.activities)))
        else:
            run.fire()
        if run.successor is not None:
            run = run.successor
            run.begin()
    return run
