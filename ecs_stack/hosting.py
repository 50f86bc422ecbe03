"""What an environment owes to the ephemeral ones that stand on it: it doesn't go, and takes nothing from below them."""

from __future__ import annotations

from pathlib import Path

from ecs_stack import spec, standing, targets
from ecs_stack.automation.backend import Backend
from ecs_stack.errors import RefusedError
from ecs_stack.outputs import StackOutputs
from ecs_stack.results import ChangeKind, Preview, ResourceChange
from ecs_stack.rules import names
from ecs_stack.standing import Standing
from ecs_stack.targets import Target

#: What every ephemeral environment uses of its host. AWS refuses to delete most of them while it does, after minutes.
_SHARED = {
    "aws:ec2/vpc:Vpc",
    "aws:ec2/subnet:Subnet",
    "aws:ecs/cluster:Cluster",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/listener:Listener",
}
_SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
_NAMED = 5


def guests(backend: Backend, host: str) -> tuple[Standing, ...]:
    """The ephemeral environments that stand on ``host``."""
    return standing.of(backend, host)


def refuse_destroy(found: tuple[Standing, ...], host: str) -> None:
    """Raises RefusedError while ephemeral environments stand on an environment that is to go."""
    if found:
        raise RefusedError(
            f"ephemeral environments stand on {host}: {_list(found)}",
            hint="Take them down first (`ecs-stack ephemeral down NAME`), or all of them along: "
            f"`ecs-stack destroy {host} --with-ephemeral`.",
        )


def reached(root: Path) -> list[Target]:
    """Where ephemeral environments may be, by the files of the environments that host them, as far as these credentials
    reach: a prune finds by tag what is elsewhere. Raises RefusedError if they reach none of it."""
    grounds = {
        (described.target, described.region, described.account)
        for described in spec.load_all(root).values()
        if described.hosts_ephemeral
    }
    found, problem = list[Target](), None
    for name, region, account in sorted(grounds, key=str):
        target = targets.make(name, root, region)
        try:
            target.identify(account=account)
        except RefusedError as error:
            problem = error
        else:
            found.append(target)
    if problem and not found:
        raise problem
    return found


def refuse_loss(plan: Preview, backend: Backend, outputs: StackOutputs | None) -> None:
    """Raises RefusedError if a plan deletes or replaces what ephemeral environments use of the environment."""
    if outputs is None or outputs.load_balancer is None:
        return
    gone = [each for each in plan.changes if each.kind in (ChangeKind.DELETE, ChangeKind.REPLACE)]
    if not gone:
        return
    host = outputs.environment
    losing = tuple(each for each in guests(backend, host) if any(_uses(each, host, change) for change in gone))
    if losing:
        lost = sorted({change.name for change in gone if any(_uses(each, host, change) for each in losing)})
        raise RefusedError(
            f"this would delete or replace {', '.join(lost)}, which ephemeral environments use: {_list(losing)}",
            hint="Take them down first (`ecs-stack ephemeral down NAME`); their next up makes them anew.",
        )


def _uses(environment: Standing, host: str, change: ResourceChange) -> bool:
    if change.type == _TARGET_GROUP:
        used = environment.outputs.forwarded if environment.outputs else set()
        return change.name in {names.auto(f"{host}-{service}", names.TARGET_GROUP) for service in used}
    if change.type == _SECURITY_GROUP:
        return change.name in {names.auto(f"{host}-{part}", names.SECURITY_GROUP) for part in ("lb", "lb-tasks")}
    return change.type in _SHARED


def _list(found: tuple[Standing, ...]) -> str:
    more = [f"{len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return ", ".join([*(each.name for each in found[:_NAMED]), *more])
