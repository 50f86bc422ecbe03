"""What a command may do with its process because it is the only thing that runs in it; library code never does.

Both are measured in benchmarks/README.md ("where the time went").
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

#: Objects that are made between two looks of the garbage collector. Python's own 700 suits small programs: with the
#: 300,000 objects of a loaded SDK, which all live to the end, looking took a quarter of a preview's CPU time.
_OBJECTS = 50_000


def collect_rarely() -> None:
    """Let the garbage collector look seldom. Memory is freed as before, but for cycles."""
    gc.set_threshold(_OBJECTS, 10, 10)


def leave(code: int) -> NoReturn:
    """End the process once all is done and said, without the interpreter's own end.

    That frees every object one by one, 0.5 s after a preview. Threads that aren't daemons are waited for, as always.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
