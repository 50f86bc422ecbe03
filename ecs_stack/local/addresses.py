"""Where a task's private address answers on this machine.

A task has a private IP of its VPC, as on AWS, but what really answers is a port that Docker publishes on
127.0.0.1. The book translates one into the other: the runner's owner publishes, the load balancer resolves.
"""

from __future__ import annotations

import threading


class AddressBook:
    """Host ports on 127.0.0.1 by VPC, private IP and container port. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ports: dict[tuple[str, str], dict[int, int]] = {}

    def publish(self, vpc_id: str, ip: str, port: int, host_port: int) -> None:
        """Say that ``ip:port`` in the VPC answers on 127.0.0.1:``host_port``."""
        with self._lock:
            self._ports.setdefault((vpc_id, ip), {})[port] = host_port

    def withdraw(self, vpc_id: str, ip: str) -> None:
        """Forget every port of ``ip``; unknown addresses are fine."""
        with self._lock:
            self._ports.pop((vpc_id, ip), None)

    def resolve(self, vpc_id: str, ip: str, port: int) -> int | None:
        """The host port on 127.0.0.1 that answers for ``ip:port``, or None if nothing does."""
        with self._lock:
            return self._ports.get((vpc_id, ip), {}).get(port)
