"""The process that exchanges tokens, with places to stop at: `python -m tests.process.halting_child FOLDER STEP`."""

import os
import sys
from pathlib import Path

from syncd.host.child import cut_loose, serve
from syncd.host.clock import SystemClock
from syncd.host.spill import SpillFolder
from syncd.remote.oauth import TokenEndpoint
from syncd.remote.settings import RemoteSettings
from syncd.service.exchange_talk import HARD_S, Talks
from tests.process.halting import Halt, HaltingExchange, HaltingSpill, HaltingWire


def main(folder: Path, step: str) -> None:
    cut_loose()
    (folder / "child.pid").write_text(str(os.getpid()))
    halt, clock = Halt(folder, step), SystemClock()

    def endpoint(settings: RemoteSettings) -> HaltingExchange:
        return HaltingExchange(TokenEndpoint(HaltingWire(halt), clock, settings), halt)

    serve(Talks(clock, endpoint, lambda place: HaltingSpill(SpillFolder(place), halt)).talk, hard_s=HARD_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
