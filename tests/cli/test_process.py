"""The process of a command: how it ends, and what it may do because it has the process for itself."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from pathlib import Path

from ecs_stack.commands.main import main

CHECKOUT = Path(__file__).resolve().parents[2]


def test_ctrl_c_after_the_last_word_leaves_no_traceback() -> None:
    script = (
        "import os, signal, sys, threading, time; from ecs_stack.commands.main import main; "
        "late = lambda: (time.sleep(3), os.kill(os.getpid(), signal.SIGINT)); "
        "threading.Thread(target=late).start(); sys.argv = ['ecs-stack', 'schema']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_what_cannot_be_written_is_a_failure() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "cli.py", "schema"],
            cwd=CHECKOUT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "disk is full" in done.stderr) == (1, True), done.stderr


def test_the_end_of_a_command_waits_for_its_threads_and_says_how_it_went() -> None:
    script = (
        "import sys, threading, time; from ecs_stack.commands.main import main; "
        "threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start(); "
        "sys.argv = ['ecs-stack', 'nonsense']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "late\n")


def test_called_by_a_program_it_leaves_the_process_alone() -> None:
    before = gc.get_threshold()
    assert main(["schema"]) == 0
    assert gc.get_threshold() == before
