"""Metrics: the names are those of the page, the dashboard and the rules, and the figures are those of the database."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from syncd.errors import DatabaseBusy
from syncd.host.clock import SystemClock
from syncd.service import jobs
from syncd.service.doors import Doors
from syncd.service.settings import Loaded
from syncd.service.web.metric_names import BY_NAME, METRICS
from syncd.service.web.snapshot import KEEP_S, Snapshots
from syncd.service.wire import open_house
from syncd.store.disk import open_disk
from tests.house.sources import ROOT
from tests.web import metrics_page
from tests.web.kit import face, settle
from tests.web.stage import Stage

OTHERS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def scraped(loaded: Loaded, times: int = 1) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Every sample by name and labels, as Prometheus reads them."""

    async def ask() -> str:
        async with face(loaded, lambda: 2.5) as (_, browser):
            for _ in range(times):
                answer = await browser.get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=")
            return answer.text

    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(asyncio.run(ask())):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_the_page_lists_every_name() -> None:
    assert metrics_page.PAGE.read_text() == metrics_page.page(), "run: python -m tests.web.metrics_page"


def _expressions(of: Any) -> Iterator[str]:
    if isinstance(of, dict):
        for name, inner in of.items():
            if name in {"expr", "query"} and isinstance(inner, str):
                yield inner
            yield from _expressions(inner)
    elif isinstance(of, list):
        for inner in of:
            yield from _expressions(inner)


def test_dashboard_and_rules_name_only_metrics_and_labels_that_exist() -> None:
    dashboard = json.loads((ROOT / "config/grafana.json").read_text())
    rules = yaml.safe_load((ROOT / "config/alerts.yml").read_text())
    expressions = [*_expressions(dashboard), *_expressions(rules)]
    assert len(expressions) > 25
    for expression in expressions:
        for name, _, matched in re.findall(r"\b((?:syncd|process)_\w+)(\{([^}]*)\})?", expression):
            metric = BY_NAME.get(name.removesuffix("_bucket"))
            assert metric is not None or name in OTHERS, f"{name} in {expression}"
            labels = re.findall(r"(\w+)\s*[=!]~?", matched)
            assert set(labels) <= {*(metric.labels if metric else ()), "instance", "job"}, expression
    for rule in rules["groups"][0]["rules"]:
        assert {"alert", "expr", "labels", "annotations"} <= rule.keys()
        assert rule["annotations"]["description"]


def test_figures_are_those_of_the_database(well: Stage) -> None:
    hint = "INSERT INTO sync_hints (shop_id, resource, key, source) VALUES (2, 'orders', '77', 'webhook')"
    well.sql(hint, "UPDATE sync_cursors SET remote_count = 12 WHERE shop_id = 2 AND resource = 'products'")
    found = scraped(well.loaded, times=3)
    well.sql("DELETE FROM sync_hints WHERE source = 'webhook'")
    names = {sample.removesuffix("_total") for sample in found if sample.startswith("syncd")}
    assert sorted(names - {metric.name.removesuffix("_total") for metric in METRICS}) == []

    def of(name: str, **labels: str) -> float:
        return found[name][tuple(sorted(labels.items()))]

    assert of("syncd_up") == 1
    assert of("syncd_database_up") == 1
    assert of("syncd_beat_age_seconds") == 2.5
    assert of("syncd_shop_state", shop="shop-a", state="active") == 1
    assert of("syncd_resource_rows", shop="shop-a", resource="orders") == 30
    assert of("syncd_resource_remote_rows", shop="shop-b", resource="products") == 12
    assert of("syncd_resource_filled", shop="shop-a", resource="orders") == 1
    assert 0 <= of("syncd_resource_lag_seconds", shop="shop-a", resource="orders") < 600
    assert of("syncd_resource_bound_seconds", shop="shop-a", resource="orders") >= 60
    assert of("syncd_hints", shop="shop-b", resource="orders", source="webhook") == 1
    assert of("syncd_token_phase", shop="shop-a", phase="ready") == 1
    assert 0 < of("syncd_token_expires_in_seconds", shop="shop-a") <= 1800
    admitted = well.shops["shop-a"].books.admitted
    assert of("syncd_budget_granted_calls_total", shop="shop-a") == admitted
    calls = [value for labels, value in found["syncd_calls_total"].items() if ("shop", "shop-a") in labels]
    assert sum(calls) == admitted
    runs = {labels: value for labels, value in found["syncd_runs_total"].items() if ("shop", "shop-a") in labels}
    assert runs[("job", "pull"), ("outcome", "done"), ("shop", "shop-a")] >= 10


def _sum(text: str, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name + "{"))


def test_counters_grow_by_what_came(well: Stage) -> None:
    async def look() -> None:
        async with face(well.loaded) as (house, browser):
            before = (await browser.get("/metrics")).text
            await jobs.pull(house, jobs.Wish(quick=True, resources=("prices",)))
            await house.clock.sleep(2 * KEEP_S)
            after = (await browser.get("/metrics")).text
        grown = {
            name: _sum(after, name) - _sum(before, name)
            for name in ("syncd_budget_granted_calls_total", "syncd_calls_total", "syncd_runs_total")
        }
        assert grown["syncd_budget_granted_calls_total"] == grown["syncd_calls_total"] > 0
        assert grown["syncd_runs_total"] >= 2

    asyncio.run(look())


def test_a_reading_that_was_forgotten_under_way_counts_nothing_twice(well: Stage) -> None:
    """Whoever presses a button wants new figures at once, though a reading is under way."""

    async def look() -> None:
        async with open_house(well.loaded) as house:
            once, often = Snapshots(house), Snapshots(house)
            readings = []
            for _ in range(4):
                readings.append(asyncio.ensure_future(often.now()))
                await asyncio.sleep(0)
                often.forget()
            last = (await asyncio.gather(*readings))[-1]
            assert last.runs == (await once.now()).runs

    asyncio.run(look())


class _Away:
    """A database that nobody reaches."""

    async def run(self, _: object) -> Any:
        raise DatabaseBusy("the database is away")


def test_databases_that_are_away_leave_the_daemon_s_own_figures(tmp_path: Path) -> None:
    async def look(loaded: Loaded) -> str:
        disk = open_disk(loaded.mirror_url, clock=SystemClock())
        doors = Doors(disk=replace(disk, reader=_Away()))  # type: ignore[arg-type]
        try:
            async with face(loaded, doors=doors) as (_, browser):
                return (await browser.get("/metrics")).text
        finally:
            disk.close()

    text = asyncio.run(look(settle(tmp_path)))
    assert "syncd_up 1.0" in text
    assert "syncd_database_up 0.0" in text
    assert "syncd_shop_state{" not in text
    assert "process_resident_memory_bytes" in text
