"""Where tasks run: subnets, their availability zones, and private addresses.

The zone of a task is its subnet's. A service's tasks are spread over the zones of its subnets, as Fargate
does (Developer Guide, "Amazon ECS services", availability zones).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ecs_stack.local.ecs.errors import EcsError, invalid
from ecs_stack.local.ecs.store import Document

#: VPC User Guide, "Subnet CIDR blocks": the first four addresses and the last one are AWS's.
_RESERVED_AT_START = 4
_RESERVED_AT_END = 1
#: API Reference, AwsVpcConfiguration.
_MAX_SUBNETS = 16
_MAX_SECURITY_GROUPS = 5


def look_up(ec2: Any, configuration: Mapping[str, Any]) -> list[Document]:
    """The subnets of a network configuration, as documents to store; checks its security groups too.

    Raises InvalidParameterException where AWS does: no subnets, unknown ones, or several VPCs.
    """
    network = configuration.get("awsvpcConfiguration", {})
    subnet_ids, group_ids = network.get("subnets", []), network.get("securityGroups", [])
    if not subnet_ids:
        raise invalid("subnets can not be empty.")
    if len(subnet_ids) > _MAX_SUBNETS:
        raise invalid(f"subnets can have at most {_MAX_SUBNETS} items.")
    if len(group_ids) > _MAX_SECURITY_GROUPS:
        raise invalid(f"securityGroups can have at most {_MAX_SECURITY_GROUPS} items.")
    try:
        found = {s["SubnetId"]: s for s in ec2.describe_subnets(SubnetIds=subnet_ids)["Subnets"]}
    except ClientError as error:
        raise _not_found("subnet", subnet_ids, error) from None
    missing = [subnet_id for subnet_id in subnet_ids if subnet_id not in found]
    if missing:
        raise invalid(f"Error retrieving subnet information for {missing}: they do not exist.")
    vpcs = {subnet["VpcId"] for subnet in found.values()}
    if len(vpcs) > 1:
        raise invalid("All the subnets must be in the same VPC.")
    if group_ids:
        _check_security_groups(ec2, group_ids, vpcs.pop())
    return [
        {
            "subnetId": subnet["SubnetId"],
            "zone": subnet["AvailabilityZone"],
            "vpcId": subnet["VpcId"],
            "cidr": subnet["CidrBlock"],
        }
        for subnet in found.values()
    ]


def choose_subnet(
    subnets: Sequence[Document],
    in_deployment: Collection[tuple[str, str]],
    in_service: Collection[tuple[str, str]],
) -> Document:
    """The subnet for the next task; the collections are the (zone, subnet id) of each task there is.

    The zone with the fewest tasks of the deployment wins, then that with the fewest of the service; inside
    the zone the emptiest subnet.
    """
    own_zones = Counter(zone for zone, _ in in_deployment)
    all_zones = Counter(zone for zone, _ in in_service)
    own_subnets = Counter(subnet_id for _, subnet_id in in_service)
    return min(
        subnets,
        key=lambda s: (own_zones[s["zone"]], all_zones[s["zone"]], own_subnets[s["subnetId"]], s["zone"]),
    )


def next_address(cidr: str, taken: Collection[str], last: str | None) -> str | None:
    """A free address of a subnet, or None if it is full.

    Goes on from the ``last`` one given out and wraps around: a target that still drains isn't mistaken
    for a new task with the same address.
    """
    network = ipaddress.ip_network(cidr)
    first = int(network.network_address) + _RESERVED_AT_START
    size = network.num_addresses - _RESERVED_AT_START - _RESERVED_AT_END
    offset = int(ipaddress.ip_address(last)) - first + 1 if last else 0
    for step in range(size):
        address = str(ipaddress.ip_address(first + (offset + step) % size))
        if address not in taken:
            return address
    return None


def _check_security_groups(ec2: Any, group_ids: list[str], vpc_id: str) -> None:
    try:
        groups = ec2.describe_security_groups(GroupIds=group_ids)["SecurityGroups"]
    except ClientError as error:
        raise _not_found("security group", group_ids, error) from None
    for group in groups:
        if group["VpcId"] != vpc_id:
            raise invalid(
                f"Security group {group['GroupId']} does not appear to belong to the same VPC as the input subnets."
            )


def _not_found(kind: str, ids: list[str], error: ClientError) -> EcsError:
    details = error.response["Error"]
    return invalid(
        f"Error retrieving {kind} information for [{', '.join(ids)}]: {details['Message']}"
        f" (ErrorCode: {details['Code']})"
    )
