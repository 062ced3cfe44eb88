"""Hands events to the system, and every other command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

import logs
from errors import JourneymanError
from settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
out = Console()
err = Console(stderr=True)


@app.command()
def run() -> None:
    """Keep the whole embedded stack up until Ctrl-C: Temporal with its web UI, worker, relay, front door."""

    async def work() -> None:
        from service import everything
        from worker import stopped

        settings = Settings.read()
        async with everything(settings):
            _addresses(settings)
            out.print("Ctrl-C stops everything.")
            await stopped()

    _do(work())


@app.command()
def serve() -> None:
    """Run the front door and the relay alone, against the Temporal and the database of the environment."""

    async def work() -> None:
        from connect import connect
        from service import opened, receiving, serving
        from worker import stopped
        from workflows.catalogue import Catalogue

        settings = Settings.read()
        catalogue = Catalogue.load()
        async with opened(settings) as database:
            client = await connect(settings)
            async with receiving(settings, database, client, catalogue) as service, serving(service):
                out.print(f"Front door   http://{settings.host}:{settings.port}")
                await stopped()

    _do(work())


@app.command()
def emit(
    user: Annotated[str, typer.Argument(help="The user id.")],
    event: Annotated[str, typer.Argument(help='What happened, such as "Cart Updated".')],
    properties: Annotated[list[str] | None, typer.Argument(help="name=value pairs; a value may be JSON.")] = None,
) -> None:
    """Send one event to the front door."""
    from emit import send_event

    _do(_say(lambda settings: send_event(settings, user, event, properties or [])))


@app.command()
def identify(
    user: Annotated[str, typer.Argument(help="The user id.")],
    traits: Annotated[list[str] | None, typer.Argument(help="name=value pairs, such as email=ada@example.com.")] = None,
) -> None:
    """Tell the front door who somebody is."""
    from emit import send_traits

    _do(_say(lambda settings: send_traits(settings, user, traits or [])))


@app.command()
def story(user: Annotated[str, typer.Argument(help="The user id.")]) -> None:
    """Tell what happened to one person, what was sent, what was not and why, and what is being waited for."""
    from tell import story_of

    async def work() -> None:
        out.print(await story_of(Settings.read(), user), soft_wrap=True, highlight=False)

    _do(work())


@app.command()
def key() -> None:
    """Print the write key that tracking clients present."""

    async def work() -> None:
        out.print(min(Settings.read().keys()), highlight=False)

    _do(work())


@app.command()
def demo(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object on the last line.")
    ] = False,
    people: Annotated[int, typer.Option(min=8, max=2000, help="How many people visit the shop.")] = 40,
) -> None:
    """Play a day in a shop on the whole stack, with time moved ahead, and show what came of it."""
    from demo import play

    async def work() -> None:
        stays = sys.stdout.isatty() and not as_json and os.environ.get("DEMO_EXIT") != "1"
        summary = await play(Settings.read(), people=people, console=err if as_json else out, stays=stays)
        if as_json:
            sys.stdout.write(json.dumps(summary) + "\n")

    _do(work())


async def _say(line: Callable[[Settings], Awaitable[str]]) -> None:
    out.print(await line(Settings.read()), highlight=False, markup=False)


def _addresses(settings: Settings) -> None:
    out.print(f"Web UI       http://{settings.host}:{settings.ui_port}")
    out.print(f"Outbox       {settings.front_door}/outbox")
    out.print(f"Front door   {settings.front_door}/v1/track   (write key: python starter.py key)")


def _do(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a command; a mistake of the caller is one line on stderr and exit code 1."""
    code = 0
    logs.configure()
    try:
        uvloop.run(coroutine)
    except JourneymanError as error:
        err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's threads may still be closing a connection; without this a short command can abort at exit.
    os._exit(code)


if __name__ == "__main__":
    app()
