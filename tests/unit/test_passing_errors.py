"""What AWS's words for a failure say: whether it passes, and whether something may have been made."""

from __future__ import annotations

import pytest

from ecs_stack.rules.passing_errors import is_in_doubt, is_passing

#: Messages of the stand-in and of pulumi-aws; whether they pass by themselves, and leave it in doubt what was made.
MESSAGES = {
    "CreateLogGroup: ThrottlingException: Rate exceeded": (True, False),
    "operation error EC2: CreateVpc, https response error StatusCode: 503, RequestLimitExceeded: no": (True, True),
    "creating ECS Service: https response error StatusCode: 500, RequestID: x, ServerException: no": (True, True),
    "CreateRole: EntityAlreadyExists: Role with name dev already exists.": (False, True),
    "CreateLogGroup: ResourceAlreadyExistsException: The specified log group exists": (False, True),
    "CreateSubnet: InvalidSubnet.Conflict: The CIDR '10.0.0.0/18' conflicts with another subnet": (False, True),
    "AuthorizeSecurityGroupIngress: InvalidPermission.Duplicate: the rule exists": (False, True),
    "CreateRole: AccessDenied: no": (False, False),
    "CreateService: InvalidParameterException: The target group does not have a load balancer": (False, False),
    "CreateVpc: VpcLimitExceeded: The maximum number of VPCs has been reached": (False, False),
}


@pytest.mark.parametrize("message", MESSAGES)
def test_what_a_failure_means(message: str) -> None:
    assert (is_passing(message), is_in_doubt(message)) == MESSAGES[message]
