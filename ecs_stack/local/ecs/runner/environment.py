"""What a container learns of its task: its environment and the metadata documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.local.ecs.runner.container_config import docker_name, labels
from ecs_stack.local.ecs.runner.errors import TaskFailedToStart
from ecs_stack.local.ecs.runner.metadata import MetadataServer
from ecs_stack.local.ecs.runner.model import ClientFactory, ContainerState, TaskState
from ecs_stack.local.ecs.runner.plan import ContainerPlan, TaskPlan
from ecs_stack.local.ecs.runner.secrets import resolve_secrets


def of_task(
    plan: TaskPlan, clients: ClientFactory, *, endpoint: str | None, metadata: MetadataServer | None
) -> dict[str, dict[str, str]]:
    """The environment of each container, secrets included. Raises TaskFailedToStart."""
    secrets = resolve_secrets(plan, clients)
    return {
        c.name: _variables(
            plan,
            c,
            files=_environment_files(plan, c, clients),
            secrets=secrets[c.name],
            endpoint=endpoint,
            metadata=metadata,
        )
        for c in plan.containers
    }


def _variables(
    plan: TaskPlan,
    container: ContainerPlan,
    *,
    files: Mapping[str, str],
    secrets: Mapping[str, str],
    endpoint: str | None,
    metadata: MetadataServer | None,
) -> dict[str, str]:
    """The container's environment: what ECS sets, environment files, the definition's variables, secrets.

    With ``endpoint``, SDKs in the container find the local cloud: its address, and keys that it accepts (ECS
    would hand out the task role's).
    """
    region = plan.run.region
    result = {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
    }
    if endpoint:
        result |= {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
    result |= files
    result |= {e["name"]: e.get("value", "") for e in container.definition.get("environment", ())}
    result |= secrets
    if metadata:
        result["ECS_CONTAINER_METADATA_URI_V4"] = metadata.url(plan.run.id, container.name)
    return result


def _environment_files(plan: TaskPlan, container: ContainerPlan, clients: ClientFactory) -> dict[str, str]:
    """Variables of the container's ``environmentFiles`` in S3; of a repeated one the first counts.

    The format is ECS's: a VARIABLE=VALUE a line, ``#`` begins a comment, quotation marks belong to the value.
    Raises TaskFailedToStart.
    """
    found: dict[str, str] = {}
    for file in container.definition.get("environmentFiles", ()):
        bucket, _, key = str(file["value"]).split(":::", 1)[-1].partition("/")
        try:
            body = clients("s3", plan.run.region).get_object(Bucket=bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise TaskFailedToStart(
                "ResourceInitializationError: failed to download env files: file download command: non empty "
                f"error stream: {file['value']}: {error}"
            ) from None
        for line in body.decode().splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found.setdefault(name.strip(), value.strip())
    return found


def documents(plan: TaskPlan, state: TaskState, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The metadata documents of one container and of its task."""
    containers = {c.name: _container(plan, plan.container(c.name), c, state) for c in state.containers}
    run = plan.run
    limits: dict[str, float] = {}
    if plan.cpu:
        limits["CPU"] = plan.cpu / 1024
    if plan.memory:
        limits["Memory"] = plan.memory
    task = {
        "Cluster": run.cluster,
        "TaskARN": run.arn,
        "Family": run.definition["family"],
        "Revision": str(run.definition["revision"]),
        "DesiredStatus": "STOPPED" if state.stop_code else "RUNNING",
        "KnownStatus": state.last_status,
        "Limits": limits,
        "PullStartedAt": _time(state.pull_started_at),
        "PullStoppedAt": _time(state.pull_stopped_at),
        "AvailabilityZone": run.zone,
        "LaunchType": "FARGATE",
        "Containers": list(containers.values()),
    }
    if run.service_name:
        task["ServiceName"] = run.service_name
    return containers[name], {key: value for key, value in task.items() if value is not None}


def _container(plan: TaskPlan, container: ContainerPlan, state: ContainerState, task: TaskState) -> dict[str, Any]:
    run, definition = plan.run, container.definition
    agent_labels = {
        key: value for key, value in labels("", run, container.name).items() if key.startswith("com.amazonaws.ecs.")
    }
    document = {
        "DockerId": state.runtime_id,
        "Name": container.name,
        "DockerName": docker_name(run, container.name),
        "Image": container.image,
        "ImageID": state.image_digest,
        "Labels": {**definition.get("dockerLabels", {}), **agent_labels},
        "DesiredStatus": "STOPPED" if task.stop_code else "RUNNING",
        "KnownStatus": state.last_status,
        "ExitCode": state.exit_code,
        "Limits": {"CPU": int(definition.get("cpu") or 0), "Memory": int(definition.get("memory") or 0)},
        "StartedAt": _time(task.started_at),
        "Type": "NORMAL",
        "ContainerARN": f"{run.arn.replace(':task/', ':container/')}/{container.name}",
        "Networks": [{"NetworkMode": run.definition.get("networkMode", "awsvpc"), "IPv4Addresses": [run.private_ip]}],
    }
    if task.health_status != "UNKNOWN" and definition.get("healthCheck"):
        document["Health"] = {"status": state.health_status}
    return {key: value for key, value in document.items() if value is not None}


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
