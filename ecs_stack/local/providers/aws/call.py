"""One operation of the engine on one resource: its clients, its tags, its waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from . import errors
from .clients import Clients
from .configuration import Configuration

#: Seconds between looks: first quick, since the local cloud is, then slower.
_FIRST_LOOK = 0.05
_SLOWEST_LOOK = 1.0


@dataclass
class Call:
    """What a resource type needs to talk to AWS.

    ``tags`` are all tags the resource shall have, the provider's default ones included. ``seconds`` is the time the
    user allows (customTimeouts), or 0. ``created`` is set as soon as the resource exists, so that a failure after it
    doesn't orphan it; ``facts`` is what a create or update learnt that the read after it needs.
    """

    clients: Clients
    configuration: Configuration
    region: str
    cancelled: threading.Event
    tags: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0
    created: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """The boto3 client of a service in the resource's region."""
        return self.clients.get(service, self.region, self.configuration)

    @property
    def account(self) -> str:
        """The account's number."""
        return self.clients.account(self.configuration)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def wait(self, look: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Look until it is so; ProviderError after ``seconds`` (or the user's own timeout)."""
        limit = self.seconds or seconds
        deadline = time.monotonic() + limit
        pause = _FIRST_LOOK
        while not look():
            if time.monotonic() >= deadline:
                raise errors.ProviderError(f"timed out after {limit:g} s waiting for {what}")
            self.pause(pause)
            pause = min(pause * 1.5, _SLOWEST_LOOK)

    def retry(
        self, codes: Container[str], call: Callable[..., Any], /, *, seconds: float = 30, **arguments: Any
    ) -> Any:
        """Call again while AWS answers with one of the codes, for at most ``seconds``; then its error stands."""
        return self.retry_if(lambda error: errors.code(error) in codes, call, seconds=seconds, **arguments)

    def retry_if(
        self,
        passing: Callable[[ClientError], bool],
        call: Callable[..., Any],
        /,
        *,
        seconds: float,
        **arguments: Any,
    ) -> Any:
        """Call again while AWS's error is one that passes, for at most ``seconds``; then its error stands."""
        deadline = time.monotonic() + (self.seconds or seconds)
        pause = _FIRST_LOOK
        while True:
            try:
                return call(**arguments)
            except ClientError as error:
                if not passing(error) or time.monotonic() >= deadline:
                    raise
            self.pause(pause)
            pause = min(pause * 1.5, _SLOWEST_LOOK)

    def pause(self, seconds: float) -> None:
        """Sleep; raises Cancelled if the engine asks to stop."""
        if self.cancelled.wait(seconds):
            raise errors.Cancelled("cancelled")
