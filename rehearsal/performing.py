"""How the activities of a rehearsed run are done: by the shipped code, at the run's own time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.send import Sender
from workflows.requests import BEGIN, BEST_CHANNEL, PROFILE, RECOMMEND, SEND

from .run import Run


async def perform(sender: Sender, run: Run, seq: int) -> None:
    """One attempt of an activity by the shipped code, at the run's time; what is to be tried again stays in `activities`."""
    asked = run.activities[seq]
    functions = {
        SEND: sender.send,
        BEGIN: sender.begin,
        PROFILE: sender.profile,
        RECOMMEND: sender.advice.recommend,
        BEST_CHANNEL: sender.advice.best_channel,
    }
    run.now = max(run.now, asked.due)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=run.now)
    asked.is_under_way = True
    try:
        result = await environment.run(functions[asked.name], asked.argument)
    except ApplicationError as error:
        asked.is_under_way = False
        asked.due = run.now + (error.next_retry_delay or timedelta(seconds=1))
        if asked.is_cancelled:
            run.give_up(seq)
        return
    if seq in run.activities:
        run.resolve(seq, result)
