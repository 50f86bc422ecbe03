"""Clients against the gateway, for what runs in its own process."""

from __future__ import annotations

import threading
from typing import Any

import botocore.config

from ecs_stack.local import sessions


class Clients:
    """A ``ClientFactory``: (service, region) -> client. Clients are made once, and are thread-safe."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._session = sessions.make()

    def __call__(self, service: str, region: str) -> Any:
        """The client of a service in a region."""
        with self._lock:
            client = self._clients.get((service, region))
            if client is None:
                client = self._session.create_client(
                    service,
                    region_name=region,
                    endpoint_url=self._endpoint,
                    config=botocore.config.Config(
                        # The endpoint is one address: no host prefix resolves. And a retry would only hide a
                        # fault of this process.
                        inject_host_prefix=False,
                        retries={"total_max_attempts": 1},
                        max_pool_connections=64,
                        connect_timeout=5,
                        read_timeout=30,
                    ),
                )
                self._clients[(service, region)] = client
        return client
