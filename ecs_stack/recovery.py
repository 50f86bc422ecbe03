"""After a run that was cut short: the state and AWS are brought together again, before anything else is done.

The engine writes down what it begins and what ended, and loses what ended while it died; and AWS may fail a creation
that it has carried out. So first the state learns how every resource in it is now (what was deleted goes, operations
that are pending are settled); then what is there and isn't in the state is deleted, and the run makes it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ecs_stack.automation.stacks import Stack
from ecs_stack.operations import orphans
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.tagged import Known, Scope
from ecs_stack.results import Progress
from ecs_stack.rules.tags import ENVIRONMENT, PROJECT
from ecs_stack.targets import Session


def recover(stack: Stack, project: str, session: Session, on_progress: Callable[[Progress], None] | None) -> None:
    """Settles what the last run of a stack left undone. Does nothing after a run that ended well."""
    if not stack.was_cut_short():
        return

    def say(message: str) -> None:
        if on_progress:
            on_progress(Progress(message=message))

    say(f"it isn't certain what the last run of {stack.name} made: looking at what is there")
    stack.refresh(on_progress=on_progress)
    tags = {PROJECT: project, ENVIRONMENT: stack.name}
    # What another run makes meanwhile would be in no state that was read before it began.
    with stack.held(), translated(stack.name, changed=True):
        scope = Scope(stack.name, tags, known(stack.resources()), session.client)
        for each in orphans.remove(scope):
            say(f"deleted {each}, which was made and not written down")


def known(resources: Sequence[Mapping[str, Any]]) -> Known:
    """What the resources of a state are called on AWS."""
    ids: set[str] = set()
    routes: set[tuple[str, str]] = set()
    for resource in resources:
        outputs = resource.get("outputs") or {}
        ids |= {str(each) for each in (resource.get("id"), outputs.get("arn")) if each}
        if resource.get("type") == "aws:route53/record:Record":
            ids.add(orphans.record_id(*(str(outputs.get(name)) for name in ("zoneId", "fqdn", "type"))))
        if resource.get("type") == "aws:ec2/route:Route":
            routes.add((str(outputs.get("routeTableId")), str(outputs.get("destinationCidrBlock"))))
        # A rule's id of the provider is its own; the ones that AWS gave are in the outputs.
        ids |= {
            str(outputs[name]) for name in ("securityGroupRuleId", "associationId", "resourceId") if outputs.get(name)
        }
    return Known(frozenset(ids), frozenset(routes))
