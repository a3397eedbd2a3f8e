"""Installations that many tests look at; each is made once per process, for they cost seconds."""

from collections.abc import Iterator

import pytest

from tests.web.stage import EVERYWHERE, Stage, healthy, stage, troubled


@pytest.fixture(scope="session")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two shops, mirrored; all is well."""
    with stage(tmp_path_factory.mktemp("well"), "shop-a", "shop-b") as at:
        healthy(at, "shop-a", "shop-b")
        yield at


@pytest.fixture(scope="session")
def ill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Six shops with every trouble. Tests that decide something leave it decided."""
    with stage(tmp_path_factory.mktemp("ill"), *EVERYWHERE, listen="127.0.0.1:0") as at:
        troubled(at)
        yield at
