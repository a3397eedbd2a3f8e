"""The leaky bucket: never over its size, told by header, refused by 429 or 503."""

from hypothesis import given
from hypothesis import strategies as st

from syncd.simulator.bucket import Bucket
from tests.simulator.desk import open_desk


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 40), st.floats(0.1, 20))
def test_no_more_calls_than_size_and_leak_allow(waits: list[float], size: int, leak: float) -> None:
    bucket, now, admitted = Bucket(size, leak), 0.0, 0
    for wait in waits:
        now += wait
        admitted += bucket.take(now) is None
        assert bucket.level <= size + 1e-6
    assert admitted <= size + leak * now + 1e-6


@given(st.integers(1, 40), st.floats(0.1, 20))
def test_the_wait_that_a_refusal_names_is_exactly_enough(size: int, leak: float) -> None:
    bucket = Bucket(size, leak)
    while (wait := bucket.take(10.0)) is None:
        pass
    assert bucket.take(10.0 + wait * 0.99) is not None
    assert bucket.take(10.0 + wait + 1e-6) is None


def test_the_header_counts_and_the_overflow_is_refused() -> None:
    desk = open_desk(bucket_size=3, leak=2.0)
    gauges = [desk.send("GET", "/api/prices/count.json") for _ in range(4)]
    name = desk.shop.switches.limit_header
    assert [reply.headers[name] for reply in gauges] == ["1/3", "2/3", "3/3", "3/3"]
    assert [reply.status for reply in gauges] == [200, 200, 200, 429]
    assert gauges[3].headers["Retry-After"] == "1"
    assert (desk.shop.books.admitted, desk.shop.books.refused) == (3, 1)
    desk.pass_time(0.5)
    assert desk.send("GET", "/api/prices/count.json").status == 200
    assert desk.shop.books.bucket_peak == 3


def test_what_refusal_looks_like_is_a_switch() -> None:
    desk = open_desk("limit_header=", "limit_status=503", "retry_after=false", bucket_size=1)
    desk.get("/api/prices/count.json")
    reply = desk.send("GET", "/api/prices/count.json")
    assert reply.status == 503
    assert set(reply.headers) == {"Content-Type", "Date"}


def test_tokens_and_strangers_do_not_fill_the_bucket() -> None:
    desk = open_desk(bucket_size=1)
    desk.get("/api/tokeninfo")
    desk.send("GET", "/api/products.json", token="stranger")
    assert desk.shop.books.admitted == 0


def test_each_app_has_its_own_bucket() -> None:
    desk = open_desk(bucket_size=1, client_ids=("syncd.sim", "other.sim"))
    desk.get("/api/prices/count.json")
    assert desk.shop.take("syncd.sim") is not None
    assert desk.shop.take("other.sim") is None
