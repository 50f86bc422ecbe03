"""boto3 clients against one endpoint: made once, bounded in time and retries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ecs_stack.local.reads import Reads
from ecs_stack.local.reconnect import outlive_restarts

from .configuration import Configuration

#: Seconds. The endpoint is on this machine; an answer that takes longer than this is not coming.
_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 60
#: A call is sent at most so often, with growing pauses of at most 20 s. pulumi-aws's maxRetries is 25, which takes
#: minutes; with 10, where one answer in five is an error, one call in ten million fails.
_ATTEMPTS = 10
#: The engine works on this many resources at a time by default (16 times the number of processors).
_CONNECTIONS = 32


class Clients:
    """Makes and keeps clients. Thread-safe: a session isn't, a client is (botocore's documentation).

    ``revive`` starts what listens at the endpoint where it doesn't run: calls outlive its restart then.
    """

    def __init__(self, endpoint: str, revive: Callable[[], object] | None = None) -> None:
        self._endpoint = endpoint
        self._revive = revive
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str, str, str], Any] = {}
        self._identities: dict[tuple[str, str], Mapping[str, str]] = {}

    def get(self, service: str, region: str, configuration: Configuration) -> Any:
        """The client of a service in a region."""
        import botocore.config  # a preview needs no client: see ``reads``

        endpoint = configuration.endpoints.get(service, self._endpoint)
        key = (service, region, endpoint, configuration.access_key)
        with self._lock:
            if key not in self._clients:
                client = self._opened().create_client(
                    service,
                    region_name=region,
                    endpoint_url=endpoint,
                    aws_access_key_id=configuration.access_key,
                    aws_secret_access_key=configuration.secret_key,
                    config=botocore.config.Config(
                        connect_timeout=_CONNECT_TIMEOUT,
                        read_timeout=_READ_TIMEOUT,
                        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                        max_pool_connections=_CONNECTIONS,
                        inject_host_prefix=False,
                        proxies={},
                        user_agent_extra="ecs-stack-provider",
                    ),
                )
                self._clients[key] = outlive_restarts(client, self._revive) if self._revive else client
            return self._clients[key]

    def account(self, configuration: Configuration) -> str:
        """The account that the credentials belong to."""
        return self.identity(configuration)["Account"]

    def identity(self, configuration: Configuration) -> Mapping[str, str]:
        """Whose the credentials are (Account, Arn, UserId), from STS; asked once: each service of a program wants to
        know."""
        key = (configuration.endpoints.get("sts", self._endpoint), configuration.access_key)
        with self._lock:
            if key in self._identities:
                return self._identities[key]
        answer = self.reads("sts", configuration.region, configuration).get_caller_identity()
        with self._lock:
            return self._identities.setdefault(key, answer)

    def reads(self, service: str, region: str, configuration: Configuration) -> Reads:
        """What reads of a service in a region without a client."""
        endpoint = configuration.endpoints.get(service, self._endpoint)
        return Reads(endpoint, region, self._revive, attempts=_ATTEMPTS, access_key=configuration.access_key)

    def _opened(self) -> Any:
        """The session of all clients."""
        from ecs_stack.local import sessions

        if self._session is None:
            self._session = sessions.make()
        return self._session
