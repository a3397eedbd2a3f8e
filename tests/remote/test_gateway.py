"""The gateway's behaviour call by call: what it sends, what it makes of each answer, what it tells the budget."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx
import pytest

from syncd.domain.budget import CallClass
from syncd.domain.record import Broken, Item, Page
from syncd.domain.resources import COMPANIES, CURRENCY_RATES, CUSTOMERS, ORDERS, PRODUCTS
from syncd.domain.secret import Secret
from syncd.errors import (
    GrantRevoked,
    LostAnswer,
    NotUnderstood,
    RemoteDown,
    ScopeMissing,
    SettingsProblem,
    SyncdError,
    Throttled,
)
from syncd.ports import Listing, Look, Purpose, Remote
from syncd.remote.gateway import ShopGateway
from syncd.remote.settings import RemoteSettings
from syncd.simulator.switches import Switches
from syncd.simulator.transport import Faults
from tests.remote.doubles import PURPOSE, START, CountedBudget, Rig, Script, StillClock, rig, shop_of, simulated

E = TypeVar("E", bound=SyncdError)
PRODUCTS_PAGE = {"products": [{"id": 1, "title": "One"}, {"id": 2, "title": "Two"}]}
LIMIT = "X-FlickRocket-Shop-Api-Call-Limit"


def answer(value: object, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=value, headers={name.replace("_", "-"): text for name, text in headers.items()})


def ask_page(script: Script, listing: Listing | None = None, **facts: object) -> tuple[Page, Rig]:
    async def scenario() -> tuple[Page, Rig]:
        async with rig(script, **facts) as it:  # type: ignore[arg-type]
            return await it.gateway.page(listing or Listing(PRODUCTS, page=1), PURPOSE), it

    return asyncio.run(scenario())


def ask_one(script: Script, key: str = "7", **facts: object) -> tuple[Look, Rig]:
    async def scenario() -> tuple[Look, Rig]:
        async with rig(script, **facts) as it:  # type: ignore[arg-type]
            return await it.gateway.one(PRODUCTS, key, PURPOSE), it

    return asyncio.run(scenario())


def fails_with(kind: type[E], script: Script, **facts: object) -> tuple[E, Rig]:
    async def scenario() -> tuple[E, Rig]:
        async with rig(script, **facts) as it:  # type: ignore[arg-type]
            with pytest.raises(kind) as caught:
                await it.gateway.page(Listing(PRODUCTS, page=1), PURPOSE)
            return caught.value, it

    return asyncio.run(scenario())


def test_it_is_a_remote() -> None:
    clock = StillClock()
    remote: Remote = ShopGateway(shop_of(), Script(answer({})), None, None, clock, None)  # type: ignore[arg-type]
    assert remote


# --- what is sent -----------------------------------------------------------------------------------


def test_a_listing_asks_for_what_was_said() -> None:
    script = Script(answer(PRODUCTS_PAGE))
    listing = Listing(
        PRODUCTS, page=3, fields=("id", "updated_at"), filters=(("updated_at_min", "2016-03-16T21:03:29"),)
    )
    ask_page(script, listing, shop=shop_of("http://shop-1.sim/s/demo/"))
    request = script.seen[0]
    assert request.url.path == "/s/demo/api/products.json"
    assert request.url.params.multi_items() == [
        ("updated_at_min", "2016-03-16T21:03:29"),
        ("fields", "id,updated_at"),
        ("Page", "3"),
    ]
    assert request.headers["Authorization"] == "Bearer first"
    assert request.headers["User-Agent"].startswith("syncd/")
    assert request.headers["User-Agent"].endswith("(+pull)")


def test_no_page_number_no_parameter_and_the_fixed_query_always() -> None:
    script = Script(answer({"company": {"id": 1202}}))
    ask_page(script, Listing(COMPANIES))
    assert str(script.seen[0].url) == "http://shop-1.sim/api/companies.json?self=1"


def test_another_base_and_an_odd_key() -> None:
    script = Script(answer({"product": {"id": "a/b c"}}))

    async def scenario() -> None:
        async with rig(script) as it:
            await it.gateway.one(CUSTOMERS, "a/b c", PURPOSE, "/api2/customers")

    with pytest.raises(NotUnderstood):
        asyncio.run(scenario())
    assert script.seen[0].url.raw_path == b"/api2/customers/a%2Fb%20c.json"


def test_filters_have_times_without_a_zone() -> None:
    async def scenario() -> tuple[str, str]:
        moment = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
        async with rig(Script(answer({}))) as it:
            plain = it.gateway.decode_time(moment)
        settings = RemoteSettings(zone="Europe/Berlin", filter_time_form="%Y-%m-%d %H:%M:%S")
        async with rig(Script(answer({})), settings=settings) as it:
            return plain, it.gateway.decode_time(moment)

    assert asyncio.run(scenario()) == ("2026-11-23T12:00:05", "2026-11-23 13:00:05")


def test_each_call_has_a_ticket_and_a_word() -> None:
    async def scenario() -> None:
        script = Script(answer(PRODUCTS_PAGE), answer({"count": 2}), answer({"product": {"id": 1}}))
        async with rig(script) as it:
            page = await it.gateway.page(Listing(PRODUCTS, page=1), PURPOSE)
            await it.gateway.count(PRODUCTS, Purpose(CallClass.USER, "doctor", "probe"))
            look = await it.gateway.one(PRODUCTS, "1", PURPOSE)
            assert (page.ticket, look.ticket) == (1, 3)
            words = [(purpose.klass, purpose.job, purpose.word) for purpose in it.budget.tickets]
            assert words == [
                (CallClass.INCREMENTAL, "pull", "list"),
                (CallClass.USER, "doctor", "probe"),
                (CallClass.INCREMENTAL, "pull", "one"),
            ]

    asyncio.run(scenario())


# --- what answers mean ------------------------------------------------------------------------------


def test_a_page_carries_items_total_and_the_shop_s_time() -> None:
    page, _ = ask_page(Script(answer({"entries": [{"id": 1}], "total": 51}, Date="Mon, 23 Nov 2026 12:00:05 GMT")))
    assert [item.key for item in page.items] == ["1"]
    assert page.total == 51
    assert page.served_at == datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
    assert page.digest


@pytest.mark.parametrize(
    "body", [{}, {"products": []}, {"products": None}, [], {"entries": [], "total": 0}, {"total": 0}]
)
def test_an_empty_page(body: object) -> None:
    page, it = ask_page(Script(answer(body)))
    assert page.items == ()
    assert len(it.budget.tickets) == 1


def test_a_page_past_the_end_may_be_a_404() -> None:
    problem, it = fails_with(NotUnderstood, Script(answer({"error": "Not found"}, 404)))
    assert problem.status == 404
    assert len(it.budget.tickets) == 1


@pytest.mark.parametrize("body", [{"error": "no", "error_code": -1}, {"orders": []}, 5, {"status": "fine"}])
def test_an_answer_of_another_form_is_not_understood_and_not_asked_again(body: object) -> None:
    problem, it = fails_with(NotUnderstood, Script(answer(body)))
    assert problem.status == 200
    assert "demo/products, page 1" in problem.message
    assert problem.hint.endswith("syncd doctor demo")
    assert len(it.budget.tickets) == 1


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        (answer({"error": "Not found"}, 404), "404"),
        (httpx.Response(404, text="<html>not here</html>"), "404"),
        (httpx.Response(410), "410"),
        (httpx.Response(204), "empty"),
        (answer({}), "empty"),
        (httpx.Response(200, content=b"null"), "empty"),
        (answer({"product": {}}), "empty"),
        (answer({"product": None}), "empty"),
        (answer({"products": []}), "empty"),
        (answer({"error": "Not found", "error_code": -2}), "error"),
        (answer({"error": "no such id"}, 400), "error"),
    ],
)
def test_the_forms_of_not_there(reply: httpx.Response, form: str) -> None:
    look, _ = ask_one(Script(reply))
    assert (look.item, look.absent_form, look.ticket) == (None, form, 1)


@pytest.mark.parametrize(
    "body",
    [{"product": {"id": 7}}, {"entry": {"id": "7"}}, {"id": 7}, {"products": [{"id": 6}, {"id": 7}]}, [{"id": 7}]],
)
def test_one_record_in_every_envelope(body: object) -> None:
    look, _ = ask_one(Script(answer(body)))
    assert isinstance(look.item, Item)
    assert look.item.key == "7"


def test_another_record_than_asked_for_is_not_taken() -> None:
    async def scenario() -> None:
        async with rig(Script(answer({"product": {"id": 8}}))) as it:
            with pytest.raises(NotUnderstood, match="another record"):
                await it.gateway.one(PRODUCTS, "7", PURPOSE)

    asyncio.run(scenario())


def test_a_broken_record_asked_for_by_key_keeps_that_key() -> None:
    look, _ = ask_one(Script(answer({"product": {"title": "no id"}})))
    assert isinstance(look.item, Broken)
    assert (look.item.key, look.item.path) == ("7", "product.id")


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        (answer({"count": 3}), 3),
        (answer({"total": 3}), 3),
        (answer(3), 3),
        (answer("3"), 3),
        (answer({"count": "many"}), None),
        (answer({"error": "no"}), None),
        (answer({}, 404), None),
        (httpx.Response(200, text="<html>"), None),
    ],
)
def test_counts(reply: httpx.Response, count: int | None) -> None:
    async def scenario() -> int | None:
        async with rig(Script(reply)) as it:
            return await it.gateway.count(PRODUCTS, PURPOSE)

    assert asyncio.run(scenario()) == count


# --- token and scope --------------------------------------------------------------------------------


def test_a_refused_token_is_renewed_once_and_the_call_replayed() -> None:
    script = Script(answer({}, 401), answer(PRODUCTS_PAGE))
    page, it = ask_page(script)
    assert page.ticket == 2  # the replay has a ticket of its own, and it is the one that the answer rests on
    assert [request.headers["Authorization"] for request in script.seen] == ["Bearer first", "Bearer second"]
    assert it.tokens.stale == [Secret("first")]


def test_a_fresh_token_that_is_refused_too_means_a_missing_scope() -> None:
    problem, it = fails_with(ScopeMissing, Script(answer({}, 401)))
    assert len(it.budget.tickets) == 2
    assert "products" in problem.message


def test_a_revoked_grant_comes_through() -> None:
    _, it = fails_with(GrantRevoked, Script(answer({}, 401)), tokens=["only"])
    assert len(it.budget.tickets) == 1


def test_a_missing_scope_names_itself_and_the_command() -> None:
    async def scenario() -> None:
        clock = StillClock()
        _, wire, token = simulated(clock, scopes=("orders",), products=3, orders=3, customers=3)
        async with rig(wire, tokens=[token], clock=clock) as it:
            with pytest.raises(ScopeMissing) as caught:
                await it.gateway.page(Listing(CUSTOMERS, page=1), PURPOSE)
            assert "scope `customers`" in caught.value.message
            assert caught.value.hint.endswith("syncd auth login demo")
            assert (await it.gateway.page(Listing(ORDERS, page=1), PURPOSE)).items
            assert (await it.gateway.page(Listing(CURRENCY_RATES), PURPOSE)).items  # needs no scope

    asyncio.run(scenario())


# --- the call limit ---------------------------------------------------------------------------------


def test_the_limit_header_goes_to_the_budget_with_its_ticket() -> None:
    _, it = ask_page(Script(answer(PRODUCTS_PAGE, X_Shop_Api_Call_Limit="32/40")))
    assert it.budget.levels == [(1, 32.0, 40.0)]


def test_a_refusal_is_told_and_the_next_ticket_waits_by_itself() -> None:
    refusal = answer({}, 429, Retry_After="3", **{LIMIT: "40/40"})
    page, it = ask_page(Script(refusal, answer(PRODUCTS_PAGE)))
    assert it.budget.refusals == [(3.0, True)]
    assert it.budget.levels == [(1, 40.0, 40.0)]
    assert page.ticket == 2
    assert it.clock.slept == []


def test_a_refusal_without_header_says_so() -> None:
    _, it = ask_page(Script(answer({}, 429), answer(PRODUCTS_PAGE)))
    assert it.budget.refusals == [(None, False)]


def test_a_503_with_a_full_bucket_is_a_refusal_and_one_without_is_not() -> None:
    full, free = (answer({}, 503, **{LIMIT: level}) for level in ("40/40", "3/40"))
    _, it = ask_page(Script(full, free, answer(PRODUCTS_PAGE)))
    assert it.budget.refusals == [(None, True)]
    assert it.budget.pauses == [None]


def test_a_status_that_the_settings_name_is_a_refusal() -> None:
    _, it = ask_page(
        Script(answer({}, 420), answer(PRODUCTS_PAGE)), settings=RemoteSettings(over_limit_statuses=(420,))
    )
    assert it.budget.refusals == [(None, False)]


def test_refusals_without_end_are_left_to_the_engine() -> None:
    problem, it = fails_with(Throttled, Script(answer({}, 429, Retry_After="2")))
    assert (len(it.budget.tickets), problem.after_s) == (5, 2.0)


def test_a_long_pause_is_left_to_the_engine_at_once() -> None:
    problem, it = fails_with(RemoteDown, Script(answer({}, 503, Retry_After="3600")))
    assert (len(it.budget.tickets), problem.after_s, it.budget.pauses) == (1, 3600.0, [3600.0])


def test_a_retry_after_date_is_read_by_the_shop_s_own_clock() -> None:
    wrong_clock = {"Date": "Mon, 23 Nov 2020 12:00:00 GMT", "Retry-After": "Mon, 23 Nov 2020 12:00:07 GMT"}
    _, it = ask_page(Script(httpx.Response(429, headers=wrong_clock), answer(PRODUCTS_PAGE)))
    assert it.budget.refusals == [(7.0, False)]


def test_the_simulated_bucket_is_heard() -> None:
    async def scenario() -> None:
        clock = StillClock()
        budget = CountedBudget()
        _, wire, token = simulated(clock, bucket_size=3, leak=0.5, products=3, orders=3, customers=3)
        async with rig(wire, tokens=[token], clock=clock, budget=budget) as it:
            for _ in range(3):
                await it.gateway.page(Listing(PRODUCTS, page=1), PURPOSE)
            assert [used for _, used, _ in budget.levels] == [1.0, 2.0, 3.0]
            budget.wait = lambda: clock.slept.append(2.0) if budget.refusals else None
            assert (await it.gateway.page(Listing(PRODUCTS, page=1), PURPOSE)).items
            assert budget.refusals == [(3.0, True)]

    asyncio.run(scenario())


def test_the_quirky_shop_refuses_with_503() -> None:
    async def scenario() -> None:
        clock = StillClock()
        quirky = Switches.named("quirky")
        _, wire, token = simulated(clock, switches=quirky, bucket_size=2, leak=0.5, products=3, orders=3, customers=3)
        async with rig(wire, tokens=[token], clock=clock) as it:
            it.budget.wait = lambda: clock.slept.append(2.0) if it.budget.refusals else None
            for _ in range(4):
                await it.gateway.page(Listing(PRODUCTS, page=1), PURPOSE)
            assert it.budget.refusals
            assert it.budget.pauses == []

    asyncio.run(scenario())


# --- trouble ----------------------------------------------------------------------------------------

REQUEST = httpx.Request("GET", "http://shop-1.sim/")


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.ConnectError("refused"), RemoteDown),
        (httpx.ConnectTimeout("slow"), RemoteDown),
        (httpx.PoolTimeout("busy"), RemoteDown),
        (httpx.ReadTimeout("slow"), LostAnswer),
        (httpx.ReadError("reset"), LostAnswer),
        (httpx.WriteError("reset"), LostAnswer),
        (httpx.RemoteProtocolError("half"), LostAnswer),
        (TimeoutError(), LostAnswer),
        (httpx.Response(500, text="oops"), RemoteDown),
        (httpx.Response(502, text="<html>"), RemoteDown),
        (httpx.Response(503), RemoteDown),
    ],
)
def test_reads_are_tried_again_a_few_times(trouble: Exception | httpx.Response, kind: type[SyncdError]) -> None:
    _, it = ask_page(Script(trouble, trouble, answer(PRODUCTS_PAGE)))
    assert len(it.budget.tickets) == 3
    assert len(it.clock.slept) == 2
    problem, it = fails_with(kind, Script(trouble))
    assert len(it.budget.tickets) == RemoteSettings().tries
    assert problem.message.startswith("demo/products, page 1: ")
    assert "syncd " in problem.hint
    assert problem.__cause__ is None
    assert problem.__suppress_context__ or not isinstance(trouble, Exception)


def test_a_garbled_answer_is_read_once_more_and_no_more() -> None:
    page, it = ask_page(Script(httpx.Response(200, text='{"products": [{"id"'), answer(PRODUCTS_PAGE)))
    assert len(page.items) == 2
    assert len(it.budget.tickets) == 2
    for body in ("", "<html><body>Sorry</body></html>", '{"products": [{"id"'):
        problem, it = fails_with(NotUnderstood, Script(httpx.Response(200, text=body)))
        assert len(it.budget.tickets) == 2
        assert problem.status == 200


def test_a_moved_shop_is_not_followed() -> None:
    problem, it = fails_with(
        NotUnderstood, Script(httpx.Response(301, headers={"Location": "https://evil.example/?code=s3cr3t"}))
    )
    assert problem.status == 301
    assert "s3cr3t" not in problem.message + problem.hint
    assert len(it.budget.tickets) == 1


def test_every_trouble_of_the_simulated_network_is_survived() -> None:
    async def scenario() -> None:
        clock = StillClock()
        sim, wire, token = simulated(clock, products=120, orders=5, customers=5)
        wire.faults = replace(Faults.rough(0.03), latency=(0.0, 0.1), refusal_burst=1)
        async with rig(wire, tokens=[token], clock=clock) as it:
            for _ in range(40):
                pages = [await it.gateway.page(Listing(PRODUCTS, page=n), PURPOSE) for n in (1, 2, 3)]
                assert [item.key for page in pages for item in page.items] == list(sim.keys("products"))
        assert len(wire.struck) >= 8, wire.struck

    asyncio.run(scenario())


def test_no_token_is_in_any_error() -> None:
    problem, _ = fails_with(RemoteDown, Script(httpx.ConnectError("no", request=REQUEST)), tokens=["s3cr3t-token"])
    assert "s3cr3t" not in repr(problem) + str(problem.args) + problem.hint


@pytest.mark.parametrize(
    "url",
    ["http://admin.flickrocket.com", "ftp://x", "admin.flickrocket.com", "", "https://u:p@x.example", "https://"],
)
def test_an_address_that_must_not_get_tokens_is_refused(url: str) -> None:
    async def scenario() -> None:
        with pytest.raises(SettingsProblem):
            async with rig(None, shop=shop_of(url)):
                pass

    asyncio.run(scenario())


def test_addresses_that_may() -> None:
    async def scenario() -> None:
        for url in (
            "https://admin.flickrocket.com",
            "http://127.0.0.1:8080/s/demo",
            "http://[::1]:80",
            "http://localhost",
        ):
            async with rig(None, shop=shop_of(url)):
                pass
        async with rig(None, shop=shop_of("http://simulator:80"), settings=RemoteSettings(allow_clear_text=True)):
            pass

    asyncio.run(scenario())


def test_the_server_s_time_is_that_of_the_answer() -> None:
    async def scenario() -> None:
        clock = StillClock()
        _, wire, token = simulated(clock, switches=Switches(clock_skew_s=90), products=3, orders=3, customers=3)
        async with rig(wire, tokens=[token], clock=clock) as it:
            page = await it.gateway.page(Listing(PRODUCTS, page=1), PURPOSE)
            assert page.served_at == START + timedelta(seconds=90)
            look = await it.gateway.one(PRODUCTS, page.items[0].key, PURPOSE)
            assert look.served_at == START + timedelta(seconds=90)

    asyncio.run(scenario())


def test_elements_of_a_record_that_is_not_there() -> None:
    async def scenario() -> None:
        child = CUSTOMERS.child_by_name["addresses"]
        async with rig(Script(answer({}, 404))) as it:
            with pytest.raises(NotUnderstood) as caught:
                await it.gateway.elements(CUSTOMERS, child, "ABC", PURPOSE)
            assert caught.value.status == 404
        script = Script(answer({"addresses": [{"id": "x"}]}))
        async with rig(script) as it:
            with pytest.raises(NotUnderstood, match=r"addresses\[0\]\.id"):
                await it.gateway.elements(CUSTOMERS, child, "ABC", PURPOSE)
            assert len(it.budget.tickets) == 1
            assert script.seen[0].url.path == "/api/customers/ABC/addresses.json"

    asyncio.run(scenario())


def test_a_wire_that_was_passed_in_stays_open() -> None:
    class Watched(Script):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    script = Watched(answer(PRODUCTS_PAGE))
    ask_page(script)
    assert not script.closed
    assert json.loads(answer(PRODUCTS_PAGE).content) == PRODUCTS_PAGE
