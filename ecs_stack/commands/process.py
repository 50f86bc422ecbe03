"""What a command may do with its process because it is the only thing that runs in it; library code never does.

How it collects garbage and ends is measured in benchmarks/README.md ("where the time went").
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

#: Objects that are made between two looks of the garbage collector. Python's own 700 suits small programs: with the
#: 300,000 objects of a loaded SDK, which all live to the end, looking took a quarter of a preview's CPU time.
_OBJECTS = 50_000
#: Where Python imports modules, and holds its import lock for moments.
_IMPORTING = "<frozen importlib._bootstrap>"
#: Seconds after which a signal that came in such a moment comes again.
_LATER = 0.01


def collect_rarely() -> None:
    """Let the garbage collector look seldom. Memory is freed as before, but for cycles."""
    gc.set_threshold(_OBJECTS, 10, 10)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, and so do SIGTERM, with which a CI system stops a job, and SIGHUP, that of a
    terminal that closes.

    Not between Python's taking its import lock and its looking after it: an exception there leaves the lock taken for
    good, so that the next import of another thread never ends, and is lost itself where that is a weak reference's
    callback (``importlib._bootstrap._get_module_lock``). A command imports for its first two seconds.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        # One that comes while an earlier one is put off finds that in its way.
        while frame is not None and frame.f_code.co_filename in (__file__, threading.__file__):
            frame = frame.f_back
        if frame is None or frame.f_code.co_filename != _IMPORTING:
            raise KeyboardInterrupt
        main = threading.main_thread().ident
        again = threading.Timer(_LATER, signal.pthread_kill, (main, number))
        again.daemon = True
        again.start()

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


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
