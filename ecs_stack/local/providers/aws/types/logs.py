"""CloudWatch log groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import errors
from ..call import Call
from ..naming import Autoname
from ..resource import ResourceType, State
from .ec2 import given

#: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html; 0: for ever.
_RETENTION = frozenset(
    {
        0,
        1,
        3,
        5,
        7,
        14,
        30,
        60,
        90,
        120,
        150,
        180,
        365,
        400,
        545,
        731,
        1096,
        1827,
        2192,
        2557,
        2922,
        3288,
        3653,
    }
)


class LogGroup(ResourceType):
    """docs: website/docs/r/cloudwatch_log_group.html.markdown"""

    token = "aws:cloudwatch/logGroup:LogGroup"
    inputs = frozenset({"kmsKeyId", "logGroupClass", "name", "namePrefix", "retentionInDays", "skipDestroy"})
    autoname = Autoname(512)
    defaults = {"retentionInDays": 0, "skipDestroy": False}
    replaces = frozenset({"logGroupClass", "name", "namePrefix"})
    computed = frozenset({"logGroupClass"})
    conflicts = (("name", "namePrefix"),)
    kept = frozenset({"namePrefix", "skipDestroy"})

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        days = inputs.get("retentionInDays")
        if isinstance(days, int) and days not in _RETENTION:
            allowed = ", ".join(str(d) for d in sorted(_RETENTION))
            return [("retentionInDays", f"'retentionInDays' must be one of {allowed}, not {days}")]
        return ()

    def create(self, call: Call, inputs: State) -> str:
        client = call.client("logs")
        names = {"name": "logGroupName", "kmsKeyId": "kmsKeyId", "logGroupClass": "logGroupClass"}
        request: dict[str, Any] = given(inputs, names)
        if call.tags:
            request["tags"] = dict(call.tags)
        call.retry(("OperationAbortedException",), client.create_log_group, **request)
        name = call.created = str(inputs["name"])
        self._retain(call, name, inputs.get("retentionInDays", 0), before=0)
        return name

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = self._find(call, resource_id)
        if found is None:
            return None
        arn = str(found["arn"]).removesuffix(":*")
        return {
            "arn": arn,
            "kmsKeyId": found.get("kmsKeyId"),
            "logGroupClass": found.get("logGroupClass", "STANDARD"),
            "name": found["logGroupName"],
            "retentionInDays": found.get("retentionInDays", 0),
            "tagsAll": call.client("logs").list_tags_for_resource(resourceArn=arn).get("tags") or {},
        }

    def _find(self, call: Call, name: str) -> dict[str, Any] | None:
        pages = call.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        return next((g for page in pages for g in page["logGroups"] if g["logGroupName"] == name), None)

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        client = call.client("logs")
        if "retentionInDays" in changed:
            self._retain(call, resource_id, inputs.get("retentionInDays", 0), before=state.get("retentionInDays", 0))
        if "kmsKeyId" in changed:
            if inputs.get("kmsKeyId"):
                client.associate_kms_key(logGroupName=resource_id, kmsKeyId=inputs["kmsKeyId"])
            else:
                client.disassociate_kms_key(logGroupName=resource_id)

    def _retain(self, call: Call, name: str, days: int, *, before: int) -> None:
        client = call.client("logs")
        if days:
            call.retry(
                ("OperationAbortedException",),
                client.put_retention_policy,
                logGroupName=name,
                retentionInDays=days,
            )
        elif before:
            errors.if_found(client.delete_retention_policy, logGroupName=name)

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        client = call.client("logs")
        arn = state["arn"]
        if drop:
            client.untag_resource(resourceArn=arn, tagKeys=drop)
        if add:
            client.tag_resource(resourceArn=arn, tags=dict(add))

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        if not state.get("skipDestroy"):
            call.retry(
                ("OperationAbortedException",),
                errors.if_found,
                call=call.client("logs").delete_log_group,
                logGroupName=resource_id,
            )


TYPES: tuple[type[ResourceType], ...] = (LogGroup,)
