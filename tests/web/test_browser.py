"""The page in a real browser: read, signed in to, decided on; at a desk and on a phone, with and without JavaScript."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.by import By

from syncd.service.web.server import open_face
from syncd.service.wire import open_house
from tests.web.chromium import DESK, PHONE, chromium, need_chromium, resize
from tests.web.stage import EVERYWHERE, Stage, stage, troubled

LOOK = Path(__file__).with_name("look.js").read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, str]]:
    """An installation with every trouble, and the address of its page."""
    need_chromium()
    with stage(tmp_path_factory.mktemp("seen"), *EVERYWHERE, listen="127.0.0.1:0") as at:
        troubled(at)
        with _serving(at) as url:
            yield at, url


@contextmanager
def _serving(at: Stage) -> Iterator[str]:
    """The face on a port, in a thread of its own."""
    up, over = threading.Event(), threading.Event()
    where: list[str] = []

    async def serve() -> None:
        async with open_house(at.loaded) as house, open_face(house, lambda: 1.0) as face:
            where.append(face.where.rstrip("/"))
            up.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(60)
        yield where[0]
    finally:
        over.set()
        thread.join()


def _asked_hosts(driver: Any) -> set[str | None]:
    """Every host that the browser sent a request to since it was asked last."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).hostname for url in urls if url.startswith(("http", "ws"))}


def _judge(driver: Any, where: str) -> None:
    seen = driver.execute_script(LOOK)
    for what in ("broken", "wide", "unlabelled", "nameless", "faint", "small"):
        assert seen[what] == [], f"{where}: {what}"
    assert seen["overflow"] <= 0, where
    assert seen["levels"][0] == 1, where
    steps = zip(seen["levels"], seen["levels"][1:], strict=False)
    assert all(after - before <= 1 for before, after in steps), f"{where}: headings {seen['levels']}"


def _sign_in(driver: Any, at: Stage) -> None:
    _wait(driver, lambda: driver.find_elements(By.ID, "token") != [])
    driver.find_element(By.ID, "token").send_keys(at.loaded.operator_token_file.read_text().strip())
    driver.find_element(By.CSS_SELECTOR, "form.stack button").click()
    _wait(driver, lambda: urlsplit(driver.current_url).path != "/login")


def test_every_page_fits_and_is_readable(served: tuple[Stage, str], tmp_path: Path) -> None:
    at, url = served
    with chromium(tmp_path / "profile") as driver:
        driver.get(f"{url}/login")
        _judge(driver, "login")
        _sign_in(driver, at)
        pages = ["/", *(f"/shops/{name}" for name in EVERYWHERE), "/shops/meadow-music/edits/drop", "/nothing"]
        for theme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            for page in pages:
                driver.get(f"{url}{page}")
                for size in (DESK, PHONE):
                    resize(driver, size)
                    _judge(driver, f"{page} {theme} {size}")
        assert _asked_hosts(driver) == {"127.0.0.1"}
        complaints = [entry["message"] for entry in driver.get_log("browser") if "404" not in entry["message"]]
        assert complaints == []  # the content policy blocks nothing that the page needs


def _press(driver: Any, words: str, inside: str) -> None:
    """Press a button as soon as it is there: a click does not wait for the page that it leads to."""

    def found() -> list[Any]:
        buttons = driver.find_elements(By.CSS_SELECTOR, f"{inside} button")
        return [button for button in buttons if button.text == words]

    _wait(driver, lambda: found() != [])
    found()[0].click()


def _decide(driver: Any, at: Stage, url: str) -> None:
    """From the first page to a conflict, through the sign-in, by clicking alone."""
    [number] = at.sql("SELECT min(id) FROM sync_conflicts WHERE resolution IS NULL")[0]
    driver.get(url)
    driver.find_element(By.LINK_TEXT, "meadow-music").click()
    conflict = f"#conflict-{number}"
    assert driver.find_elements(By.CSS_SELECTOR, f"{conflict} button") == []
    driver.find_element(By.LINK_TEXT, "sign in").click()
    _sign_in(driver, at)
    assert urlsplit(driver.current_url).path == "/shops/meadow-music"
    _press(driver, "Take the shop's", conflict)
    _wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, ".flash") != [])
    assert "Decided" in driver.find_element(By.CSS_SELECTOR, ".flash").text
    assert "Decided: the shop's" in driver.find_element(By.CSS_SELECTOR, conflict).text
    assert at.sql(f"SELECT resolution FROM sync_conflicts WHERE id = {number}") == [("remote",)]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_conflict_is_decided_by_clicking(served: tuple[Stage, str], tmp_path: Path, scripts: bool) -> None:
    at, url = served
    with chromium(tmp_path / "profile", PHONE if scripts else DESK, scripts=scripts) as driver:
        _decide(driver, at, url)
        if not scripts:
            driver.get("data:text/html,<title>off</title><script>document.title = 'on'</script>")
            assert driver.title == "off"  # there were none indeed
        assert _asked_hosts(driver) == {"127.0.0.1"}


def test_a_shop_is_connected_by_clicking(served: tuple[Stage, str], tmp_path: Path) -> None:
    at, url = served
    at.sql(f"UPDATE shops SET redirect_uri = '{url}/oauth/callback' WHERE name = 'unsigned'")
    with chromium(tmp_path / "profile") as driver:
        driver.get(f"{url}/shops/unsigned")
        driver.find_element(By.LINK_TEXT, "Connect").click()
        _sign_in(driver, at)
        _press(driver, "Go to the shop", "main")
        _wait(driver, lambda: driver.title.startswith("Thank you"))
        driver.find_element(By.LINK_TEXT, "See how it goes").click()
        _wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, ".headline") != [])
        assert "First load under way" in driver.find_element(By.CSS_SELECTOR, ".headline").text
        assert driver.find_elements(By.CSS_SELECTOR, "form[action='/shops/unsigned/pause']")  # still signed in
    assert at.sql("SELECT state FROM shops WHERE name = 'unsigned'") == [("active",)]


def _wait(driver: Any, is_so: Callable[[], bool]) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(driver, 30, poll_frequency=0.1).until(lambda _: is_so())
