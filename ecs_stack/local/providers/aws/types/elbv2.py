"""What Elastic Load Balancing's resource types share: attributes as key-value pairs, tag calls by ARN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import errors
from ..call import Call
from ..resource import ResourceType, State
from ..shapes import Text
from ..tags import from_pairs, pairs

#: A property's attribute key and its form.
Attributes = Mapping[str, tuple[str, Text]]

NUMBER, FLAG, WORD = Text(int), Text(bool), Text(str)


class ElbType(ResourceType):
    """A type whose id is its ARN."""

    #: The client's method, its parameter of ARNs and the answer's list.
    describe: ClassVar[tuple[str, str, str]]
    #: Outputs that are members of the answer.
    outputs: ClassVar[Mapping[str, str]]

    def find(self, call: Call, arn: str) -> dict[str, Any] | None:
        """The resource in AWS's form, or None."""
        method, parameter, key = self.describe
        answer = errors.if_found(getattr(call.client("elbv2"), method), **{parameter: [arn]})
        return answer[key][0] if answer and answer[key] else None

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = self.find(call, resource_id)
        if found is None:
            return None
        descriptions = call.client("elbv2").describe_tags(ResourceArns=[resource_id])["TagDescriptions"]
        properties: State = {name: self.from_aws(name, found.get(key)) for name, key in self.outputs.items()}
        properties["arn"] = resource_id
        properties["tagsAll"] = from_pairs(descriptions[0]["Tags"]) if descriptions else {}
        return properties | self.details(call, resource_id, found, state)

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        """Further properties, which take other calls or another form."""
        return {}

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        client = call.client("elbv2")
        if drop:
            client.remove_tags(ResourceArns=[resource_id], TagKeys=drop)
        if add:
            client.add_tags(ResourceArns=[resource_id], Tags=pairs(add))


@dataclass(frozen=True)
class AttributeCalls:
    """How a type's attributes are read and changed: the client's methods, and their parameter for the ARN."""

    describe: str
    modify: str
    parameter: str

    def live(self, call: Call, arn: str) -> dict[str, str]:
        """The attributes as AWS has them."""
        answer = getattr(call.client("elbv2"), self.describe)(**{self.parameter: arn})
        return {each["Key"]: each.get("Value", "") for each in answer["Attributes"]}

    def change(self, call: Call, arn: str, wanted: Mapping[str, str], defaults: Mapping[str, str]) -> None:
        """Set those that differ; ``defaults`` are the values of what AWS doesn't answer."""
        live = self.live(call, arn)
        differing = {key: value for key, value in wanted.items() if live.get(key, defaults.get(key)) != value}
        if differing:
            getattr(call.client("elbv2"), self.modify)(**{self.parameter: arn}, Attributes=pairs(differing))


def flatten(attributes: Attributes, inputs: State) -> dict[str, str]:
    """Attribute keys and values for those of the inputs that are given."""
    return {key: form.to_aws(inputs[name]) for name, (key, form) in attributes.items() if inputs.get(name) is not None}


def unflatten(attributes: Attributes, live: Mapping[str, str]) -> State:
    """Properties of those attributes that AWS answers."""
    return {
        name: form.from_aws(live[key]) for name, (key, form) in attributes.items() if live.get(key) not in (None, "")
    }


def tag_list(call: Call) -> dict[str, Any]:
    """The parameter that tags a resource as it is made."""
    return {"Tags": pairs(call.tags)} if call.tags else {}
