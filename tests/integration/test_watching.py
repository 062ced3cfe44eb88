"""Whether what operators are given to watch with names what a running stack really tells."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import pytest
import yaml
from temporalio.service import RPCError

from docs.refresh import DOCS
from service import Service, serving
from stack import TemporalServer
from tests.door import somebody
from tests.doubles.sendgrid import SendGridDouble
from tests.mailing import sendgrid_at
from tests.servers import free_port, wait_until
from tests.stage import staged

FOLDER = DOCS / "operations"
Series = dict[str, set[str]]
"""Names of samples, each with the labels it was seen with."""
OF_THE_SDK = {"namespace", "service_name", "task_queue", "workflow_type"}
"""Labels that it adds to what a workflow counts."""
TYPE = re.compile(r"# TYPE (\w+) ")
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? \S+$")
LABEL = re.compile(r'(\w+)="')
ROW = re.compile(r"^\| `(journeyman_\w+)` \| ([\w, ]*)\|", re.MULTILINE)


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / "journeyman.json").read_text(encoding="utf-8"))
    return read


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Every one of the dashboard and of the alerts."""
    for panel in dashboard()["panels"]:
        yield from (target["expr"].replace("$__rate_interval", "5m") for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def named(expression: str) -> Series:
    """The samples an expression asks for, with all labels it speaks of beside them."""
    found, grouped = Series(), set[str]()

    def visit(node: object) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name is not None, expression
            found[node.name] = {matcher.name for matcher in node.matchers.matchers}
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            grouped.update(node.modifier.labels)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return {name: labels | grouped for name, labels in found.items()}


def told(*texts: str) -> Series:
    """What the texts of a scrape tell, as Prometheus reads them; of what nobody has counted yet, the name alone."""
    series: Series = defaultdict(set)
    for line in "\n".join(texts).splitlines():
        if found := TYPE.match(line):
            series[found[1]] |= set()
        elif found := SAMPLE.match(line):
            series[found[1]] |= set(LABEL.findall(found[2] or ""))
    return series


@pytest.mark.server
async def test_every_metric_is_told(temporal: TemporalServer, tmp_path: Path) -> None:
    """The dashboard, the alerts and the page's table name what a running stack tells after one journey, all of ours and no other.

    Killed by: renaming any metric or label in meters.py, ingestion/metrics.py or workflows/host.py, or a row of the page.
    """
    core = f"127.0.0.1:{free_port()}"
    async with SendGridDouble() as double, AsyncExitStack() as stack:
        channel = sendgrid_at(double.url, key=double.api_key)
        stack.push_async_callback(channel.close)
        changes: dict[str, Any] = {"port": free_port(), "write_keys": "wk", "temporal_metrics": core}
        database = f"sqlite:///{tmp_path / 'journeyman.db'}"
        stage = await stack.enter_async_context(
            staged(database, temporal.address, tmp_path, providers={"email": channel}, **changes)
        )
        service = Service(stage.settings, stage.database, stage.client, stage.catalogue, stage.acceptor, stage.relay)
        await stack.enter_async_context(serving(service))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        door = f"http://127.0.0.1:{stage.settings.port}"
        user = somebody()
        assert (await http.post(f"{door}/v1/track", json={"userId": user})).status_code == 401
        await stage.knows(user, birthday="1815-12-10")
        await stage.happens(stage.event(user, "File Downloaded", file_name="newcomer"))
        await stage.result("newcomer", user)
        with pytest.raises(RPCError):
            await stage.handle("newcomer", "nobody").describe()

        async def scraped() -> Series:
            return told((await http.get(f"{door}/metrics")).text, (await http.get(f"http://{core}/metrics")).text)

        await wait_until(lambda: _closed(scraped()))
        series = await scraped()

    for expression in expressions():
        for name, labels in named(expression).items():
            assert name in series, expression
            # A counter with labels has no sample before it has counted; its labels stand in the page's table.
            missing = labels - series[name] - {"le"} if series[name] else set[str]()
            assert not missing, expression
    page = {name: set(labels.replace(",", " ").split()) for name, labels in ROW.findall(_page())}
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in series if name.startswith("journeyman_")}
    assert page.keys() == {name for name in ours if not name.endswith("_created")}
    for name, labels in page.items():
        samples = [series[each] for each in (name, f"{name}_count") if series[each]]
        assert all(labels <= seen <= labels | OF_THE_SDK for seen in samples), name


async def _closed(scraping: Any) -> bool:
    return bool((await scraping).get("journeyman_journeys_closed"))


def _page() -> str:
    return (DOCS / "operate.md").read_text(encoding="utf-8")


def test_the_dashboard() -> None:
    """Its panels each have a number and a place of their own, and the data source is the reader's choice.

    Killed by: a panel that names a data source of its own, or one laid over another.
    """
    board = dashboard()
    assert [variable["type"] for variable in board["templating"]["list"]] == ["datasource"]
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (place["x"] + column, place["y"] + line)
        for place in (panel["gridPos"] for panel in panels)
        for column in range(place["w"])
        for line in range(place["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(column for column, _ in places) < 24
    for panel in panels:
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_the_alerts() -> None:
    """Each says what is the case and what to do, and none has the name of another.

    Killed by: an alert without an action.
    """
    alerts = rules()
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 8
    for rule in alerts:
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in {"page", "warn"}


def test_the_example_for_prometheus() -> None:
    """It asks with a key where one is needed, at the ports that the page names, and reads the alerts beside it.

    Killed by: a scrape of the front doors without authorization.
    """
    example = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    doors, workers, core = example["scrape_configs"]
    assert doors["authorization"]["type"] == "Bearer"
    assert "credentials_file" in doors["authorization"]
    for job, port in ((workers, "9464"), (core, "9465")):
        assert {target.split(":")[1] for target in job["static_configs"][0]["targets"]} == {port}
        assert f"0.0.0.0:{port}" in _page()
    assert [(FOLDER / file).is_file() for file in example["rule_files"]] == [True]
