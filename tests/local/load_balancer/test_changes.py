"""Rules and listeners come and go while others answer: no request fails, no client's connection is closed."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.local.load_balancer.harness import Backend, Stack
from tests.local.load_balancer.test_routing import fixed, forward, path

pytestmark = pytest.mark.emulator


@dataclass
class Clients:
    """Threads that send requests to one port until ``stop``: two keep a connection, two connect each time."""

    port: int
    answers: Counter[object] = field(default_factory=Counter)
    #: Connections that the server said it would close, or closed, although the client wanted to keep them.
    closed: int = 0
    seconds: list[float] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._threads = [
            threading.Thread(target=self._send, args=(keep, method), daemon=True)
            for keep, method in itertools.product((True, False), ("GET", "POST"))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _send(self, keep: bool, method: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        while not self._done.is_set():
            begun = time.monotonic()
            try:
                connection.request(method, "/", headers={} if keep else {"Connection": "close"})
                response = connection.getresponse()
                response.read()
                self.answers[response.status] += 1
                self.closed += keep and response.will_close
            except (OSError, http.client.HTTPException) as error:
                self.answers[repr(error)] += 1
            self.seconds.append(time.monotonic() - begun)
            if not keep:
                connection.close()
        connection.close()


def test_changes_of_rules_and_listeners_cost_no_request(stack: Stack, backends: list[Backend]) -> None:
    """Each of these changes made Caddy open its ports anew: about one request in 250 was lost."""
    group = stack.group()
    listener = stack.listener(forward(group))
    stack.register(group, *backends[:2])
    clients = Clients(stack.controller.listeners()[listener]["port"])
    for number in range(1, 16):
        rule = stack.rule(listener, number, [path(f"/{number}")], fixed("preview"))
        assert stack.controller.wait_settled(5)
        stack.elb.delete_rule(RuleArn=rule)
        assert stack.controller.wait_settled(5)
    other = stack.listener(fixed("other"))
    assert stack.request(other).text == "other"
    stack.elb.delete_listener(ListenerArn=other)
    assert stack.controller.wait_settled(5)
    clients.stop()
    assert set(clients.answers) == {200}, clients.answers
    assert clients.closed == 0
    assert clients.answers[200] > 200
    assert sorted(clients.seconds)[len(clients.seconds) // 2] < 0.1


@pytest.mark.parametrize("process", ["router", "front"])
def test_a_caddy_that_ends_is_started_again(stack: Stack, process: str) -> None:
    """Requests wait for the one that routes; without its front a listener refuses connections for a moment."""
    listener = stack.listener(fixed("here"))
    port = stack.controller.listeners()[listener]["port"]

    def pid() -> int | None:
        return stack.controller.fronts.get(port) if process == "front" else stack.controller.routers[0]

    before = pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    if process == "front":
        wait(lambda: pid() not in (None, before))
        wait(lambda: answers(port))
    assert stack.request(f"http://127.0.0.1:{port}").text == "here"
    wait(lambda: pid() not in (None, before))


def test_listeners_answer_once_targets_are_known(stack: Stack, backends: list[Backend]) -> None:
    """After a restart of the local cloud nobody gets in before it is known where tasks are."""
    controller = stack.controller
    group = stack.group()
    listener = stack.listener(forward(group))
    stack.register(group, backends[0])
    port = controller.listeners()[listener]["port"]
    controller._open = False
    controller._fronts.stop()
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port).connect()
    time.sleep(0.6)
    assert port not in controller.fronts, "nothing opens it but `open`"
    controller.open()
    assert stack.request(f"http://127.0.0.1:{port}").status == 200


def answers(port: int) -> bool:
    try:
        http.client.HTTPConnection("127.0.0.1", port).connect()
    except ConnectionRefusedError:
        return False
    return True


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.02)
