"""${message}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each revision runs once for the mirror and once for the state, and asks which one it is in."""
    if op.get_context().opts["house"] == "mirror":
        ${upgrades if upgrades else "pass"}
