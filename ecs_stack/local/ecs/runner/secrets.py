"""Secrets of a task, read from SSM parameters and Secrets Manager when it starts.

Their values go into the container's environment and nowhere else: not into labels, logs, reasons or files.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.local.ecs.runner.errors import TaskFailedToStart
from ecs_stack.local.ecs.runner.model import ClientFactory
from ecs_stack.local.ecs.runner.plan import ContainerPlan, TaskPlan

_PREFIX = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed"
_RETRIED = "service call has been retried 1 time(s)"
# GetParameters takes ten names a call.
_NAMES_A_CALL = 10


def resolve_secrets(plan: TaskPlan, clients: ClientFactory) -> dict[str, dict[str, str]]:
    """The secrets of each container: container name -> variable -> value.

    Raises TaskFailedToStart with ECS's ResourceInitializationError text.
    """
    wanted = {
        (container.name, secret["name"]): str(secret["valueFrom"])
        for container in plan.containers
        for secret in container.definition.get("secrets", ())
    }
    sources = set(wanted.values())
    managed = {source for source in sources if _service(source) == "secretsmanager"}
    values = _parameters(sorted(sources - managed), plan.run.region, clients)
    values |= {source: _secret(source, clients) for source in sorted(managed)}
    result: dict[str, dict[str, str]] = {container.name: {} for container in plan.containers}
    for (container, name), source in wanted.items():
        result[container][name] = values[source]
    return result


def registry_credentials(container: ContainerPlan, clients: ClientFactory) -> dict[str, str] | None:
    """Docker's login for a private registry, from ``repositoryCredentials``."""
    source = container.definition.get("repositoryCredentials", {}).get("credentialsParameter")
    if not source:
        return None
    try:
        login = json.loads(_secret(source, clients))
        return {"username": str(login["username"]), "password": str(login["password"])}
    except (ValueError, KeyError, TypeError):
        raise TaskFailedToStart(
            f"{_PREFIX}: unable to get registry auth from asm: secret {source} has no username and password"
        ) from None


def _service(source: str) -> str:
    return source.split(":")[2] if source.startswith("arn:") else "ssm"


def _parameters(sources: list[str], region: str, clients: ClientFactory) -> dict[str, str]:
    """``source`` is a parameter's ARN, or the name of one in the task's region."""
    found: dict[str, str] = {}
    regions: dict[str, list[str]] = {}
    for source in sources:
        regions.setdefault(source.split(":")[3] if source.startswith("arn:") else region, []).append(source)
    for where, group in regions.items():
        client = clients("ssm", where)
        for start in range(0, len(group), _NAMES_A_CALL):
            found |= _get_parameters(client, group[start : start + _NAMES_A_CALL])
    missing = [source for source in sources if source not in found]
    if missing:
        names = ", ".join(_parameter_names(source)[0] for source in missing)
        raise TaskFailedToStart(
            f"{_PREFIX}: unable to retrieve secrets from ssm: {_RETRIED}: invalid ssm parameters: {names}"
        )
    return found


def _get_parameters(client: Any, sources: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for attempt in range(2):
        names = {
            candidates[attempt]: source
            for source in sources
            if source not in found and len(candidates := _parameter_names(source)) > attempt
        }
        if not names:
            break
        try:
            answer = client.get_parameters(Names=list(names), WithDecryption=True)
        except (ClientError, BotoCoreError) as error:
            raise TaskFailedToStart(
                f"{_PREFIX}: unable to retrieve secrets from ssm: {_RETRIED}: {_text(error)}"
            ) from None
        found |= {names[p["Name"]]: p["Value"] for p in answer["Parameters"] if p["Name"] in names}
    return found


def _parameter_names(source: str) -> tuple[str, ...]:
    """The names that ``source`` may stand for: in an ARN, ``parameter/x`` is either ``x`` or ``/x``."""
    if not source.startswith("arn:"):
        return (source,)
    name = source.split(":parameter/", 1)[-1]
    return (f"/{name}",) if "/" in name else (name, f"/{name}")


def _secret(source: str, clients: ClientFactory) -> str:
    """The value at ``arn[:json-key:version-stage:version-id]``.

    Parts left empty mean the whole secret and its version AWSCURRENT.
    """
    parts = source.split(":")
    arn = ":".join(parts[:7])
    key, stage, version = (*parts[7:10], "", "", "")[:3]
    request: dict[str, str] = {"SecretId": arn}
    if stage:
        request["VersionStage"] = stage
    if version:
        request["VersionId"] = version
    failed = f"{_PREFIX}: unable to retrieve secret from asm: {_RETRIED}"
    try:
        answer = clients("secretsmanager", parts[3]).get_secret_value(**request)
    except (ClientError, BotoCoreError) as error:
        raise TaskFailedToStart(
            f"{failed}: failed to fetch secret {arn} from secrets manager: {_text(error)}"
        ) from None
    if "SecretString" not in answer:
        raise TaskFailedToStart(f"{failed}: secret {arn} is binary, not a string")
    text = str(answer["SecretString"])
    return _json_value(text, key, failed) if key else text


def _json_value(text: str, key: str, failed: str) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        raise TaskFailedToStart(f"{failed}: retrieved secret from Secrets Manager is not valid json") from None
    if not isinstance(document, dict) or key not in document:
        raise TaskFailedToStart(f"{failed}: retrieved secret from Secrets Manager did not contain json key {key}")
    value = document[key]
    return value if isinstance(value, str) else json.dumps(value)


def _text(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return f"{error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
    return str(error)
