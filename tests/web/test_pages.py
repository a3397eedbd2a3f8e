"""What people read and decide on the page: every trouble is told with its remedy, and each button does what it says."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from syncd.domain.resources import RESOURCES
from syncd.service.web.plot import HOURS, plot
from syncd.service.web.privacy import HIDDEN, may_show, said, shown
from syncd.store.figures import CallLine
from tests.web.kit import face, forms, seal_of, settle, sign_in
from tests.web.stage import Stage


def read(at: Stage, *paths: str, signed: bool = False) -> list[str]:
    """The text of pages."""

    async def work() -> list[str]:
        async with face(at.loaded) as (_, browser):
            if signed:
                await sign_in(browser, at.loaded)
            return [(await browser.get(path)).text for path in paths]

    return asyncio.run(work())


def plain(page: str) -> str:
    """What a person reads, without the markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).replace("&#39;", "'")


def test_a_shop_in_order_says_so(well: Stage) -> None:
    overview, page = map(plain, read(well, "/", "/shops/shop-a"))
    assert "Everything is up to date" in overview
    assert re.search(r"Everything is up to date as of \d\d:\d\d", page)
    assert "What needs you" not in page
    assert "Nothing waits to be sent" in page
    assert re.search(r"\d+ calls in the last 24 hours", page)
    for resource in RESOURCES:
        assert resource.name.replace("_", " ").capitalize() in page


def test_the_worst_comes_first_and_every_trouble_has_its_remedy(ill: Stage) -> None:
    overview, music, town, quay, river, new = read(
        ill,
        "/",
        *(f"/shops/{name}" for name in ("meadow-music", "old-town", "quayside", "riverside", "unsigned")),
    )
    assert "4 shops of 6 need you" in plain(overview)
    order = re.findall(r'<a href="/shops/([\w-]+)">', overview)
    assert order[:4] == ["quayside", "unsigned", "meadow-music", "old-town"]
    for page, *parts in (
        (music, "conflict", "Songs of the Meadow", "Meadow Songs (remastered)", "12 edits held back"),
        (music, "syncd outbox approve --all", "the API offers no way to change such records"),
        (town, "a brake on orders", "10 of 30 records are no longer listed", "a whole number was expected"),
        (town, "syncd sweep old-town --resource orders --approve", "2 records that cannot be read"),
        (quay, "Stopped: it needs you", "Authorise again", "syncd auth login quayside"),
        (river, "Paused", "syncd shop resume riverside"),
        (new, "Not connected yet", "Connect", "syncd auth login unsigned"),
    ):
        for part in parts:
            assert part in plain(page), part
    assert "/login?next=/shops/meadow-music" in music
    assert forms(music) == []  # who is not signed in gets no buttons


def test_personal_fields_are_hidden_unless_switched_on(ill: Stage) -> None:
    [page] = read(ill, "/shops/meadow-music")
    assert "Uppsala" not in page
    assert "Stockholm" not in page
    assert "Personal fields are hidden here" in page
    settings = ill.loaded.settings
    web = settings.web.model_copy(update={"personal": True})
    open_ = Stage(
        type(ill.loaded)(settings.model_copy(update={"web": web}), None, ill.loaded.folder), ill.shops, ill.address
    )
    [page] = read(open_, "/shops/meadow-music")
    assert "Uppsala" in page
    assert "Stockholm" in page


def test_no_page_holds_a_secret_or_a_customer(ill: Stage) -> None:
    pages = "".join(read(ill, "/", *(f"/shops/{name}" for name in ill.shops), "/metrics", signed=True))
    secrets = [secret for shop in ill.shops.values() for secret in shop.secrets]
    people = [email for [email] in ill.sql("SELECT email FROM customers")]
    names = [name for [name] in ill.sql("SELECT last_name FROM customers WHERE length(last_name) > 4")]
    assert secrets
    assert people
    for hidden in (*secrets, *people, *names, ill.loaded.operator_token_file.read_text().strip()):
        assert hidden not in pages


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_fields_that_name_people_are_never_shown(resource: Any) -> None:
    personal = {"email", "name", "first_name", "last_name", "company", "address1", "phone", "city", "zip", "token"}
    about_people = resource.name in {"customers", "orders", "fulfillments", "companies"}
    for field in resource.fields:
        bare = field.name.removeprefix("customer_")
        if about_people and bare in personal:
            assert not may_show(resource.name, field.name)
            assert shown(resource.name, field.name, '"x"', personal=False) == HIDDEN
    assert may_show(resource.name, "") == (not about_people)  # a record whole
    assert not about_people or not may_show(resource.name, "addresses[AB12].city")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"a"', "a"),
        ("null", "(empty)"),
        ('""', "(empty)"),
        ("", "(not there)"),
        ("true", "yes"),
        ("12", "12"),
        ("no json", "no json"),
        ('{"a":1}', '{"a": 1}'),
    ],
)
def test_a_value_in_words(text: str, words: str) -> None:
    assert said(text) == words


async def _post(browser: httpx.AsyncClient, place: str, **fields: str) -> httpx.Response:
    return await browser.post(place, data=fields)


def test_nothing_is_changed_without_session_or_with_a_forged_form(ill: Stage) -> None:
    before = ill.sql("SELECT id, resolution FROM sync_conflicts ORDER BY id")
    number = before[0][0]

    async def work() -> None:
        async with face(ill.loaded) as (_, browser):
            deeds = {
                f"/shops/meadow-music/conflicts/{number}": {"take": "local"},
                "/shops/meadow-music/edits": {"deed": "approve"},
                "/shops/old-town/brake": {"resource": "orders"},
                "/shops/harbour-books/pause": {},
                "/shops/riverside/resume": {},
            }
            for signed in (False, True):
                if signed:
                    await sign_in(browser, ill.loaded)
                seal = seal_of((await browser.get("/shops/meadow-music")).text) if signed else "0" * 64
                for place, fields in deeds.items():
                    answer = await _post(browser, place, **fields, seal="1" * 64)
                    assert answer.status_code == 403, place
                    assert "Sign in" in answer.text
                    headers = {"Sec-Fetch-Site": "cross-site"}
                    answer = await browser.post(place, data={**fields, "seal": seal}, headers=headers)
                    assert answer.status_code == 403, place
                    assert (await browser.get(place)).status_code in {404, 405}
            assert (await browser.get("/shops/meadow-music/edits/drop")).status_code == 200

    asyncio.run(work())
    assert ill.sql("SELECT id, resolution FROM sync_conflicts ORDER BY id") == before
    assert ill.sql("SELECT count(*) FROM sync_outbox WHERE state = 'held'") == [(12,)]
    assert ill.sql("SELECT approved FROM sync_brakes") == [(0,)]


def test_each_button_does_what_it_says(ill: Stage) -> None:
    numbers = [row[0] for row in ill.sql("SELECT id FROM sync_conflicts ORDER BY id")]
    change = ill.sql("SELECT min(id) FROM sync_outbox")[0][0]

    async def work() -> None:
        async with face(ill.loaded) as (_, browser):
            await sign_in(browser, ill.loaded)
            seal = seal_of((await browser.get("/shops/meadow-music")).text)

            async def press(place: str, done: str, **fields: str) -> str:
                answer = await _post(browser, f"/shops/{place}", seal=seal, **fields)
                assert answer.status_code == 303, answer.text
                assert answer.headers["location"] == f"/shops/{place.partition('/')[0]}?done={done}"
                return plain((await browser.get(answer.headers["location"])).text)

            page = await press(f"meadow-music/conflicts/{numbers[0]}", "decided", take="local")
            assert "Decided. It is carried out" in page
            assert "Decided: yours" in page
            assert "2 conflicts" in page
            await press("meadow-music/conflicts/999", "over", take="local")
            await press(f"old-town/conflicts/{numbers[1]}", "over", take="local")  # it is another shop's
            confirm = (await browser.get(f"/shops/meadow-music/edits/drop?change={change}")).text
            assert "Take back 1 edit?" in confirm
            [_, (action, hidden)] = forms(confirm)
            assert (action, hidden["change"], hidden["deed"]) == ("/shops/meadow-music/edits", str(change), "drop")
            assert "11 edits held back" in await press("meadow-music/edits", "dropped", deed="drop", change=str(change))
            assert "11 edits ready to be sent" in await press("meadow-music/edits", "approved", deed="approve")
            again = await _post(browser, "/shops/meadow-music/edits", seal=seal, deed="approve")
            assert again.status_code == 409
            assert "There is nothing held" in again.text
            assert "brake on" not in await press("old-town/brake", "released", resource="orders")
            await press("old-town/brake", "over", resource="orders")
            assert "Paused" in await press("harbour-books/pause", "paused")
            assert "up to date" in await press("harbour-books/resume", "resumed")
            for place, fields in {
                "meadow-music/edits": {"deed": "burn"},
                f"meadow-music/conflicts/{numbers[1]}": {"take": "both"},
                "nowhere/pause": {},
            }.items():
                assert (await _post(browser, f"/shops/{place}", seal=seal, **fields)).status_code == 409

    asyncio.run(work())
    resolved = ill.sql("SELECT resolution FROM sync_conflicts ORDER BY id")
    assert [row[0] for row in resolved] == ["local", None, None]
    assert ill.sql("SELECT state, count(*) FROM sync_outbox GROUP BY state") == [("ready", 11)]
    assert ill.sql("SELECT approved FROM sync_brakes") == [(1,)]
    assert ill.sql("SELECT job, wish LIKE '%orders%' FROM sync_requests") == [("sweep", 1)]


def test_what_cannot_be_done_says_why_and_what_can(ill: Stage) -> None:
    async def work() -> None:
        async with face(ill.loaded) as (_, browser):
            await sign_in(browser, ill.loaded)
            seal = seal_of((await browser.get("/shops/meadow-music")).text)
            dead = await _post(browser, "/shops/quayside/resume", seal=seal)
            assert dead.status_code == 409
            assert "cannot go on" in dead.text
            assert '<code class="command">syncd auth login quayside</code>' in dead.text
            none = await _post(browser, "/shops/meadow-music/edits", seal=seal, deed="approve", change="99999")
            assert none.status_code == 409
            assert "There is no change 99999." in none.text
            assert '<code class="command">syncd outbox list</code>' in none.text

    asyncio.run(work())


def test_a_page_renews_itself_only_where_nothing_can_be_half_filled(ill: Stage) -> None:
    first, still, login, done = read(ill, "/", "/?still=1", "/login", "/shops/old-town?done=decided")
    assert '<meta http-equiv="refresh" content="60;url=/">' in first
    assert "http-equiv" not in still
    assert "http-equiv" not in login
    assert 'content="60;url=/shops/old-town"' in done  # what was done is said once
    assert "<script" not in read(ill, "/shops/old-town?done=<script>")[0]


def test_an_installation_without_shops_says_how_to_begin(tmp_path: Any) -> None:
    async def work() -> str:
        async with face(settle(tmp_path)) as (_, browser):
            return (await browser.get("/")).text

    assert "syncd shop add NAME" in asyncio.run(work())


def test_bars_stand_on_each_other_and_below_the_top() -> None:
    hour = 500_000
    lines = [
        CallLine(1, hour, "pull", "incremental", "page", 50, 0.0),
        CallLine(1, hour, "push", "push", "write", 50, 0.0),
        CallLine(1, hour - 23, "pull", "backfill", "page", 7000, 0.0),
        CallLine(1, hour - 24, "pull", "backfill", "page", 9999, 0.0),  # a day ago: no longer on it
    ]
    made = plot(lines, hour * 3600.0 + 5, 2.0)
    assert (made.calls, made.limit, made.top, len(made.hours)) == (7100, 7200, 10_000, HOURS)
    assert made.limit_y == pytest.approx(28.0)
    last = made.hours[-1]
    assert last.calls == 100
    push, changes = last.blocks
    assert (push.group, changes.group) == ("push", "changes")
    assert changes.y + changes.height == pytest.approx(push.y)
    assert push.y + push.height == pytest.approx(100.0)
    few = plot(lines[:2], hour * 3600.0, 2.0)
    assert (few.top, few.limit_y) == (100, None)  # the limit lies far above
    assert plot([], 0.0 + 90_000, 2.0).calls == 0
