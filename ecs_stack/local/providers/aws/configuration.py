"""The configuration of an aws provider, and which of several a request belongs to.

The engine attaches every provider instance of a program (the default one and each explicit one) to the same server,
and its requests don't say which instance they are for. Each instance has a connection of its own, though
(``NewProvider`` in the engine's provider_plugin.go dials once an instance), so the peer's address tells them apart.
The limitation: if a connection breaks and is dialled again, its new address has no configuration. Such a request gets
the only configuration there is, or that which all of them share, and is refused if they differ.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ProviderError
from .schema import Problem, nearest, provider_inputs
from .values import UNKNOWN

#: What has a meaning on the local target.
_USED = frozenset(
    {
        "region",
        "accessKey",
        "secretKey",
        "allowedAccountIds",
        "forbiddenAccountIds",
        "defaultTags",
        "endpoints",
    }
)
#: How the real provider reaches AWS and checks credentials: nothing that the local target has.
_WITHOUT_EFFECT = frozenset(
    {
        "maxRetries",
        "profile",
        "retryMode",
        "s3UsePathStyle",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "token",
    }
)
_ENGINE_KEYS = frozenset({"version", "pluginDownloadURL"})


@dataclass(frozen=True)
class Configuration:
    """What a provider instance was configured with. ``endpoints`` maps a service to a URL of its own."""

    region: str
    access_key: str = "local"
    secret_key: str = "local"  # noqa: S105 (the local cloud checks no signatures)
    allowed_account_ids: tuple[str, ...] = ()
    forbidden_account_ids: tuple[str, ...] = ()
    default_tags: Mapping[str, str] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Configuration:
        """From checked provider inputs; raises ProviderError without a region."""
        inputs = {key: _parsed(value) for key, value in values.items()}
        region = inputs.get("region") or _environment_region()
        if not region:
            raise ProviderError(_NO_REGION)
        keys = {
            name: str(inputs[key])
            for name, key in (("access_key", "accessKey"), ("secret_key", "secretKey"))
            if inputs.get(key)
        }
        return cls(
            region=str(region),
            allowed_account_ids=tuple(inputs.get("allowedAccountIds") or ()),
            forbidden_account_ids=tuple(inputs.get("forbiddenAccountIds") or ()),
            default_tags=dict((inputs.get("defaultTags") or {}).get("tags") or {}),
            endpoints={
                service: url for entry in inputs.get("endpoints") or () for service, url in entry.items() if url
            },
            **keys,
        )

    def refuse_account(self, account: str) -> None:
        """Raise ProviderError if the account isn't one that this provider may touch."""
        if self.allowed_account_ids and account not in self.allowed_account_ids:
            allowed = ", ".join(self.allowed_account_ids)
            raise ProviderError(f"AWS account {account} is not among allowedAccountIds: {allowed}")
        if account in self.forbidden_account_ids:
            raise ProviderError(f"AWS account {account} is among forbiddenAccountIds")


_NO_REGION = "the aws provider has no region: give it one (region), or set AWS_REGION"


def check(values: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a provider's inputs."""
    problems = []
    known = provider_inputs()
    for name in values:
        if name in _ENGINE_KEYS or name in _USED or name in _WITHOUT_EFFECT or name.startswith("__"):
            continue
        if name in known:
            reason = f"the local target's stand-in for the aws provider doesn't implement {name!r}"
        else:
            reason = f"pulumi:providers:aws has no property {name!r}{nearest(name, known)}"
        problems.append(Problem(name, reason))
    if not values.get("region") and not _environment_region():
        problems.append(Problem("region", _NO_REGION))
    return problems


@dataclass
class Instance:
    """A configured provider instance. ``cancelled`` is set when the engine asks it to stop."""

    configuration: Configuration
    cancelled: threading.Event = field(default_factory=threading.Event)


class Instances:
    """The provider instances of a server, by the address of the engine's connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_peer: dict[str, Instance] = {}

    def configure(self, peer: str, configuration: Configuration) -> None:
        """Remember what the instance behind a connection was configured with."""
        with self._lock:
            self._by_peer[peer] = Instance(configuration)

    def of(self, peer: str) -> Instance:
        """The instance behind a connection; ProviderError if that can't be told."""
        with self._lock:
            if peer in self._by_peer:
                return self._by_peer[peer]
            others = list(self._by_peer.values())
        if not others:
            raise ProviderError("the aws provider isn't configured yet")
        if any(other.configuration != others[0].configuration for other in others):
            raise ProviderError(
                "the engine's connection to the aws provider was dialled anew, and several differing providers"
                " are attached: which one this request is for can't be told; run the command again"
            )
        return others[0]

    def cancel(self, peer: str) -> None:
        """Let what waits in the instance's name stop waiting."""
        with self._lock:
            instance = self._by_peer.get(peer)
        if instance:
            instance.cancelled.set()


def _parsed(value: Any) -> Any:
    """The SDK hands lists and objects over as JSON text."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return None if value is UNKNOWN else value


def _environment_region() -> str | None:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
