"""What EC2's resource types have in common: describe by id, tags on create, tag calls by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .. import errors
from ..call import Call
from ..resource import ResourceType, State
from ..tags import from_pairs, pairs


class Ec2Type(ResourceType):
    """A type that one DescribeXs call reads.

    ``noun`` is EC2's resource type in tag specifications; ``describe`` is the client's method, its parameter of ids
    and the answer's list; ``outputs`` maps properties to members of the answer.
    """

    noun: ClassVar[str]
    describe: ClassVar[tuple[str, str, str]]
    outputs: ClassVar[Mapping[str, str]]

    def find(self, call: Call, resource_id: str) -> dict[str, Any] | None:
        """The resource in AWS's form, or None."""
        method, parameter, key = self.describe
        answer = errors.if_found(getattr(call.client("ec2"), method), **{parameter: [resource_id]})
        return answer[key][0] if answer and answer[key] else None

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = self.find(call, resource_id)
        if found is None or not self.alive(found):
            return None
        properties: State = {name: found.get(key) for name, key in self.outputs.items()}
        properties["tagsAll"] = from_pairs(found.get("Tags"))
        return properties | self.details(call, resource_id, found, state)

    def alive(self, found: Mapping[str, Any]) -> bool:
        """Whether it counts as there: EC2 shows some things for a while after they were deleted."""
        return str(found.get("State", "")).lower() not in ("deleted", "deleting", "failed")

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        """Further properties, which take other calls or another form."""
        return {}

    def specification(self, call: Call) -> dict[str, Any]:
        """The parameter that tags a resource as it is made."""
        if not call.tags:
            return {}
        return {"TagSpecifications": [{"ResourceType": self.noun, "Tags": pairs(call.tags)}]}

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        retag(call, resource_id, add, drop)


def retag(call: Call, resource_id: str, add: Mapping[str, str], drop: list[str]) -> None:
    """Set and remove tags of anything in EC2."""
    client = call.client("ec2")
    if drop:
        client.delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in drop])
    if add:
        client.create_tags(Resources=[resource_id], Tags=pairs(add))


def given(inputs: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Parameters for those of the inputs that are given: pulumi-aws's name to AWS's."""
    return {aws: inputs[name] for name, aws in names.items() if inputs.get(name) not in (None, "")}


def first(items: Sequence[Mapping[str, Any]], key: str) -> Any:
    """A member of the first item, or None if there is no item."""
    return items[0].get(key) if items else None
