"""Errors in Amazon ECS's own codes and words (API Reference, "Common Errors" and each action's "Errors")."""

from __future__ import annotations

from collections.abc import Sequence


class EcsError(Exception):
    """An error response. ``code`` is the exception's name in the API's model; ``status`` the HTTP status."""

    def __init__(
        self, code: str, message: str, *, status: int = 400, resource_ids: Sequence[str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.resource_ids = resource_ids


def invalid(message: str) -> EcsError:
    """A parameter that the action refuses."""
    return EcsError("InvalidParameterException", message)


def client_error(message: str) -> EcsError:
    """An action that can't be done as asked, for instance on a task definition that doesn't exist."""
    return EcsError("ClientException", message)


def unsupported(feature: str, instead: str = "") -> EcsError:
    """Something of Amazon ECS that this implementation doesn't have. Refused by name, never ignored."""
    message = f"{feature} is not implemented by the local Amazon ECS."
    return EcsError("UnsupportedFeatureException", f"{message} {instead}".rstrip())


def cluster_not_found() -> EcsError:
    """No cluster of this name was ever created, or it's long gone."""
    return EcsError("ClusterNotFoundException", "Cluster not found.")


def cluster_inactive() -> EcsError:
    """The cluster was deleted."""
    return EcsError("ClusterNotFoundException", "The referenced cluster was inactive.")


def service_not_found() -> EcsError:
    """No such service in the cluster."""
    return EcsError("ServiceNotFoundException", "Service not found.")
