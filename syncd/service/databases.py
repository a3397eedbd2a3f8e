"""The revisions of the two databases, told in words."""

from syncd.service.installation import shown_url
from syncd.service.settings import Loaded
from syncd.store import migrate


def upgrade(loaded: Loaded) -> list[str]:
    """Bring both databases to the newest revision; a line for each."""
    before = migrate.current(loaded.mirror_url, loaded.state_url)
    migrate.upgrade(loaded.mirror_url, loaded.state_url)
    after = migrate.current(loaded.mirror_url, loaded.state_url)
    return [
        f"{house.value}: {after[house]}"
        + (" (was there already)" if before[house] == after[house] else f" (was {before[house] or 'empty'})")
        for house in after
    ]


def check(loaded: Loaded) -> str:
    """That both fit this syncd. Raises SchemaProblem where they do not."""
    migrate.check(loaded.mirror_url, loaded.state_url)
    return f"the databases fit this syncd: {shown_url(loaded.mirror_url)}"


def current(loaded: Loaded) -> list[str]:
    """The revision of each."""
    found = migrate.current(loaded.mirror_url, loaded.state_url)
    newest = migrate.known_revisions()[0]
    return [
        f"{house.value}: {revision or 'empty'}{'' if revision == newest else f' (this syncd needs {newest})'}"
        for house, revision in found.items()
    ]
