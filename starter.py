"""Hands events to the system, and every other command."""

from __future__ import annotations

import gc
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

import logs
from errors import JourneymanError, NotInDoubt, SettingsError
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
        from connect import connect, opened
        from service import receiving, serving
        from tracing import traced
        from worker import stopped
        from workflows.catalogue import Catalogue

        settings = Settings.read()
        catalogue = Catalogue.load()
        async with traced(settings.collector), opened(settings) as database:
            client = await connect(settings)
            async with receiving(settings, database, client, catalogue) as service, serving(service):
                gc.collect()
                gc.freeze()  # as in `working`: to look through what has been loaded takes a fifth of the door's CPU
                out.print(f"Front door   http://{settings.host}:{settings.port}")
                await stopped()

    _do(work())


@app.command()
def consume() -> None:
    """Take events from the brokers of the environment, and relay them, without a front door."""

    async def work() -> None:
        from connect import connect, opened
        from service import receiving
        from tracing import traced
        from worker import stopped
        from workflows.catalogue import Catalogue

        settings = Settings.read()
        if not settings.brokers:
            raise SettingsError("There is nothing to consume: set JOURNEYMAN_RABBITMQ or JOURNEYMAN_KAFKA.")
        catalogue = Catalogue.load()
        async with traced(settings.collector), opened(settings) as database:
            client = await connect(settings)
            async with receiving(settings, database, client, catalogue):
                out.print(f"Consuming    {', '.join(broker.name for broker in settings.brokers)}")
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
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Look whether everything is fit to write to people, and say what to do where it is not. Exit code 1 if it is not."""
    from doctor import examine, is_well, plain, table

    async def work() -> int:
        findings = await examine()
        if as_json:
            sys.stdout.write(json.dumps(plain(findings)) + "\n")
        else:
            _table().print(table(findings), highlight=False)
        return 0 if is_well(findings) else 1

    _do(work())


unknown = typer.Typer()
app.add_typer(unknown, name="unknown")


@unknown.callback(invoke_without_command=True)
def list_unknown(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many to show, those longest in doubt first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the messages of which nobody knows whether they arrived."""
    if context.invoked_subcommand is not None:
        return
    from doubt import doubts_of

    async def work() -> None:
        settings = Settings.read()
        found = await doubts_of(settings, limit)
        if as_json:
            sys.stdout.write(json.dumps(found.plain()) + "\n")
        else:
            _table().print(found.table(settings.default_zone), highlight=False)

    _do(work())


@unknown.command(name="settle")
def settle_unknown(
    send_key: Annotated[str, typer.Argument(help="The message's send key, or its first characters.")],
    verdict: Annotated[Literal["accepted", "refused"], typer.Argument(help="What became of it.")],
    reason: Annotated[str, typer.Option(help="How you know; no personal data.")],
    by: Annotated[str, typer.Option(help="Who says so; you, by the name you are logged in with.")] = "",
) -> None:
    """Say what became of a message in doubt. Exit code 3 if it is in doubt no more."""
    from doubt import settle

    _do(_say(lambda settings: settle(settings, send_key, verdict, reason, by or _operator())))


aside = typer.Typer()
app.add_typer(aside, name="events")


@aside.callback(invoke_without_command=True)
def list_aside(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show, first accepted first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the events that were set aside because no attempt could route them."""
    if context.invoked_subcommand is not None:
        return
    from aside import asides_of

    async def work() -> None:
        settings = Settings.read()
        found = await asides_of(settings, limit)
        if as_json:
            sys.stdout.write(json.dumps(found.plain()) + "\n")
        else:
            _table().print(found.table(settings.default_zone), highlight=False)

    _do(work())


@aside.command(name="replay")
def replay_aside(
    seq: Annotated[int | None, typer.Argument(help="The event's number, as the list shows it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every event that is set aside.")] = False,
) -> None:
    """Give events back to the relay, after what was wrong with a journey is mended."""
    from aside import replay

    _do(_say(lambda settings: replay(settings, seq, everything=everything)))


@app.command()
def key(
    page: Annotated[bool, typer.Option("--page", help="The key for web pages, which only lets events in.")] = False,
) -> None:
    """Print the write key that tracking clients present."""

    async def work() -> None:
        settings = Settings.read()
        found = settings.keys_of_pages() if page else settings.keys()
        if not found:
            raise SettingsError("JOURNEYMAN_PAGE_KEYS: set a key for web pages, other than your write keys.")
        out.print(min(found), highlight=False)

    _do(work())


class KeyScope(Enum):
    """What a key opens; Typer reads a choice of several from an Enum alone."""

    write = "write"
    browser = "browser"
    read = "read"
    metrics = "metrics"
    report = "report"


given = typer.Typer()
app.add_typer(given, name="keys")


@given.callback(invoke_without_command=True)
def list_keys(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """List the keys that were given out, never the keys themselves."""
    if context.invoked_subcommand is not None:
        return
    from keys import keys_of

    async def work() -> None:
        settings = Settings.read()
        found = await keys_of(settings)
        if as_json:
            sys.stdout.write(json.dumps(found.plain()) + "\n")
        else:
            _table().print(found.table(settings.default_zone), highlight=False)

    _do(work())


@given.command(name="add")
def add_key(
    name: Annotated[str, typer.Argument(help="Who gets it, such as shop-backend.")],
    scope: Annotated[
        list[KeyScope],
        typer.Option(
            help="write: send events. browser: the same from pages, with less said. read: people's messages. "
            "metrics: /metrics. report: /report."
        ),
    ],
) -> None:
    """Make a key, and print it this once: only its hash is kept."""
    from keys import give_out

    async def work() -> None:
        key_id, key = await give_out(Settings.read(), name, [each.value for each in scope])
        err.print(f"{key_id} has the key that follows. It is not kept, and not shown again.", highlight=False)
        out.print(key, highlight=False, markup=False, soft_wrap=True)

    _do(work())


@given.command(name="revoke")
def take_key_back(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as the list shows it.")],
) -> None:
    """Take a key back: within a second no front door lets it in."""
    from keys import take_back

    _do(_say(lambda settings: take_back(settings, key_id)))


known = typer.Typer(no_args_is_help=True)
app.add_typer(known, name="people", help="Bring people who are known elsewhere.")


@known.command(name="import")
def import_people(
    file: Annotated[Path, typer.Argument(help="A file .csv or .jsonl; columns are traits, and one is userId.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, and change nothing.")] = False,
) -> None:
    """Take over the traits of a file. Stopped at any point, the same command goes on: no row is taken twice."""
    from people import bring

    _do(_say(lambda settings: bring(settings, file, dry_run=dry_run, console=err)))


@app.command()
def catalogue(
    file: Annotated[
        Path, typer.Argument(help="A file .csv or .jsonl: product_id, name, price, stock, … or a Merchant Center feed.")
    ],
    whole: Annotated[bool, typer.Option("--whole", help="Take out what the file does not name.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, and change nothing.")] = False,
) -> None:
    """Take over what is sold, for how much, and what is in stock. Exit code 1 if a line was refused; the others hold."""
    from catalogue import bring

    async def work() -> int:
        account, refused = await bring(Settings.read(), file, whole=whole, dry_run=dry_run, console=err)
        out.print(account, highlight=False, markup=False)
        return 1 if refused else 0

    _do(work())


@app.command()
def train() -> None:
    """Learn from everybody's events what to recommend and what to foretell, and show what that is worth."""
    from train import report
    from train import train as learn

    async def work() -> None:
        for part in report(*await learn(Settings.read(), err)):
            _table().print(part, highlight=False, markup=False, soft_wrap=isinstance(part, str))

    _do(work())


@app.command()
def enrol(
    journey: Annotated[str, typer.Argument(help="The journey, by the name of its file.")],
    segment: Annotated[str, typer.Option(help='Who: "everybody", or a segment such as at_risk.')],
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="How many people may enter in a second.")] = 50,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    resume: Annotated[str, typer.Option(help="The id of the enrolment to go on with.")] = "automatic",
) -> None:
    """Let people who are known already into a journey. Stopped at any point, the same command goes on where it was."""
    from enrol import enrol as let_in

    _do(
        _say(
            lambda settings: let_in(settings, journey, segment, rate=rate, dry_run=dry_run, resume=resume, console=err)
        )
    )


@app.command()
def segment(
    name: Annotated[str, typer.Argument(help="The segment, such as at_risk; all of them without a name.")] = "",
    sample: Annotated[int, typer.Option(min=0, max=1000, help="How many ids of people in it to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count who is in a segment at this moment, and show the ids of some."""
    from segments import segments_now

    async def work() -> None:
        found = await segments_now(Settings.read(), name, sample if name else 0, err)
        if as_json:
            sys.stdout.write(json.dumps(found.plain()) + "\n")
        else:
            _table().print(found.table(), highlight=False)

    _do(work())


@app.command()
def scores() -> None:
    """Count all people anew, at once, for their scores; the service does it every hour."""
    from segments import count_anew

    _do(_say(lambda settings: count_anew(settings, err)))


@app.command()
def report(
    first: Annotated[str, typer.Option("--from", help="The first day, such as 2026-03-01; 30 days without it.")] = "",
    last: Annotated[str, typer.Option("--to", help="The last day; today without it.")] = "",
    window: Annotated[str, typer.Option(help="For how many days each person is watched, 1 to 365.")] = "7",
    files: Annotated[
        Path | None, typer.Option("--csv", help="Write each table as a CSV file into this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell what journeys achieved: how far people came, against those held out, by variant, and how it is counted."""
    from report import plain, shown, tables_now, write_files

    async def work() -> None:
        period, tables = await tables_now(Settings.read(), first, last, window)
        if files is not None:
            out.print(write_files(tables, files), highlight=False, markup=False, soft_wrap=True)
        elif as_json:
            sys.stdout.write(json.dumps(plain(period, tables)) + "\n")
        else:
            _table().print(shown(period, tables), highlight=False)

    _do(work())


@app.command()
def rehearse(
    journey: Annotated[str, typer.Argument(help="The journey, by the name of its file.")],
    person: Annotated[list[str] | None, typer.Option(help="Only for this one of the made-up people.")] = None,
    texts: Annotated[bool, typer.Option("--texts", help="Show what each message says.")] = False,
    against: Annotated[
        str,
        typer.Option(help="Real people instead, in days that are over: yesterday, 2026-03-01, 2026-03-01..2026-03-07."),
    ] = "",
    people: Annotated[int, typer.Option(min=1, help="At most so many real people.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Walk people along every path of a journey as it is now, without a server, and show what each of them gets."""
    from rehearsal.against import compared
    from rehearsal.report import report

    async def work() -> None:
        if against:
            now = datetime.now(UTC)
            real = await compared(Settings.read(), journey, against, most=people, console=err, now=now)
            plain, lines = real.plain, [*real.lines()]
        else:
            found = await report(journey, person or [])
            plain, lines = found.plain, [*found.lines(texts=texts), "", found.summary]
        if as_json:
            sys.stdout.write(json.dumps(plain()) + "\n")
            return
        for line in lines:
            out.print(line, highlight=False, markup=False, soft_wrap=True)

    _do(work())


@app.command()
def draw(
    journeys: Annotated[
        list[str] | None, typer.Argument(help="Journeys by the names of their files; all without.")
    ] = None,
    out_: Annotated[Path, typer.Option("--out", help="The folder that the files are written to.")] = Path(
        "docs/journeys"
    ),
) -> None:
    """Draw journeys from their code, as SVG and as Mermaid."""
    from draw import drawings, write

    async def work() -> None:
        out.print(write(await drawings(journeys or [], err), out_), highlight=False, markup=False, soft_wrap=True)

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


def _table() -> Console:
    """For what stands in columns: a file or a pipe has no width that they would have to fit in."""
    return out if out.is_terminal else Console(width=200)


def _operator() -> str:
    """Who sits at this terminal; a container may not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "support"


def _addresses(settings: Settings) -> None:
    out.print(f"Web UI       http://{settings.host}:{settings.ui_port}")
    out.print(f"Outbox       {settings.front_door}/outbox")
    out.print(f"Report       {settings.front_door}/report")
    out.print(f"Front door   {settings.front_door}/v1/track   (write key: python starter.py key)")


def _do(coroutine: Coroutine[Any, Any, int | None]) -> None:
    """Run a command, which may return its exit code; a mistake of the caller is one line on stderr and exit code 1."""
    code = 0
    logs.configure()
    try:
        code = uvloop.run(coroutine) or 0
    except JourneymanError as error:
        err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        code = 3 if isinstance(error, NotInDoubt) else 1
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's threads may still be closing a connection; without this a short command can abort at exit.
    os._exit(code)


if __name__ == "__main__":
    app()
