"""The process of a command: how it ends, and what it may do because it has the process for itself."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

from ecs_stack.commands.main import main

CHECKOUT = Path(__file__).resolve().parents[2]


def test_ctrl_c_while_the_command_loads_leaves_no_traceback() -> None:
    script = (
        "import os, signal, sys; from ecs_stack.commands.entry import main; "
        "sys.addaudithook(lambda event, arguments: event == 'import' and arguments[0] == 'typer' "
        "and os.kill(os.getpid(), signal.SIGINT)); main()"
    )
    signals = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {script}"
    done = subprocess.run([sys.executable, "-c", signals], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_after_the_last_word_leaves_no_traceback() -> None:
    script = (
        "import os, signal, sys, threading, time; from ecs_stack.commands.main import main; "
        "late = lambda: (time.sleep(3), os.kill(os.getpid(), signal.SIGINT)); "
        "threading.Thread(target=late).start(); sys.argv = ['ecs-stack', 'schema']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_ctrl_c_while_modules_load_leaves_the_import_lock_free(tmp_path: Path) -> None:
    """Python itself loses the lock within some hundred signals: KeyboardInterrupt comes right after it was taken."""
    for number in range(20):
        (tmp_path / f"module{number}.py").touch()
    script = tmp_path / "script.py"
    script.write_text(
        """
import importlib, os, signal, sys, threading, time
from contextlib import suppress
from ecs_stack.commands.process import interruptible
end, ready, interrupts = time.monotonic() + 3, False, 0
def load(number):
    sys.modules.pop(f"module{number}", None)
    importlib.import_module(f"module{number}")
def other():
    while time.monotonic() < end:
        load(0)
def interrupt():
    global ready
    while time.monotonic() < end:
        if ready:
            ready = False
            time.sleep(0.002)
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.001)
threads = [threading.Thread(target=each, daemon=True) for each in (other, interrupt)]
with interruptible():
    for each in threads:
        each.start()
    while True:
        try:
            ready = True  # here, so that the next one is caught
            if not any(each.is_alive() for each in threads) or time.monotonic() > end + 3:
                break
            for number in range(1, 20):
                load(number)
        except KeyboardInterrupt:
            interrupts += 1
    with suppress(KeyboardInterrupt):  # the last one may have been put off
        time.sleep(0.1)
print([each.is_alive() for each in threads], interrupts > 20)
"""
    )
    command = [sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert (done.stdout, done.stderr) == ("[False, False] True\n", "")


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
