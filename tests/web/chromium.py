"""A headless Chromium that reaches nothing but this machine, for tests of what people see and press."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_PLACES = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "driver": ("chromedriver",)}
PHONE, DESK = (375, 812), (1280, 900)


def _found(what: str) -> str:
    return next((path for name in _PLACES[what] if (path := shutil.which(name))), "")


def need_chromium() -> None:
    """Skip where there is no browser; in CI fail."""
    missing = [what for what in _PLACES if not _found(what)]
    if missing:
        why = f"no {' and no '.join(missing)}: apt-get install chromium chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI tests in a browser: {why}")
        pytest.skip(why)


@contextmanager
def chromium(profile: Path, size: tuple[int, int] = DESK, *, scripts: bool = True) -> Iterator[Any]:
    """A browser with a fresh profile. Names of other machines do not resolve in it."""
    options = webdriver.ChromeOptions()
    options.binary_location = _found("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--window-size={max(size[0], 500)},{size[1] + 200}",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(options=options, service=Service(_found("driver")))
    try:
        resize(driver, size)
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, size: tuple[int, int]) -> None:
    """The page as a window or a phone of this size shows it."""
    width, height = size
    shown = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shown)
