"""The command `reenact`, also `python -m reenact`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Entry point. While the rest is imported Ctrl-C is one line and exit code 130 as later on; a KeyboardInterrupt would be a
    traceback there, or lost in an extension's own import."""
    # NumPy's products of matrices are small here, and the threads that OpenBLAS keeps for them spin: a fifth of the frame rate.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stopped)
    from reenact import cli

    cli.register(sys.argv[1:])
    signal.signal(signal.SIGINT, before)
    cli.main()


def _stopped(number: int, frame: FrameType | None) -> None:
    os.write(2, b"stopped\n")
    os._exit(130)


if __name__ == "__main__":
    main()
