"""The API calls behind an environment's resources, as IAM names them: what an up, a destroy and a look need.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

#: Looking, mostly: calls that AWS limits to no resource, and tags that say whose something is.
LOOK = (
    "acm:ListCertificates",
    "acm:ListTagsForCertificate",
    "application-autoscaling:Describe*",
    "application-autoscaling:ListTagsForResource",
    "ec2:Describe*",
    "ecs:Describe*",
    "ecs:List*",
    "elasticloadbalancing:Describe*",
    # Which of an account's roles killed runs have left only the roles' tags say.
    "iam:ListRoles",
    "iam:ListRoleTags",
    "logs:DescribeLogGroups",
    # A revision has no ARN in this call's authorization.
    "ecs:DeregisterTaskDefinition",
    # The token is for the whole registry.
    "ecr:GetAuthorizationToken",
)
NETWORK_KINDS = (
    "elastic-ip",
    "internet-gateway",
    "natgateway",
    "route-table",
    "security-group",
    "security-group-rule",
    "subnet",
    "vpc",
    "vpc-endpoint",
)
#: The verbs (Create, Modify, Attach, ...) for the kinds of things a network consists of, on ours only.
NETWORK = (
    "*Address",
    "*InternetGateway",
    "*NatGateway",
    "*Route",
    "*RouteTable",
    "*Subnet",
    "*SubnetAttribute",
    "*Vpc",
    "*VpcAttribute",
    "*VpcEndpoint",
    "*VpcEndpoints",
)
GROUPS = (
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateSecurityGroup",
    "DeleteSecurityGroup",
    "ModifySecurityGroupRules",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
)
BALANCING = (
    "AddTags",
    "DeleteRule",
    "DeleteTargetGroup",
    "ModifyRule",
    "ModifyTargetGroup",
    "ModifyTargetGroupAttributes",
    "RemoveTags",
)
BALANCING_WHOLE = (
    "DeleteListener",
    "DeleteLoadBalancer",
    "ModifyListener",
    "ModifyListenerAttributes",
    "ModifyLoadBalancerAttributes",
    "SetIpAddressType",
    "SetRulePriorities",
    "SetSecurityGroups",
    "SetSubnets",
)
ON_PARENTS = ("CreateListener", "CreateRule")
CERTIFICATES_LOOK = ("DescribeCertificate",)
CERTIFICATE_TAGS = ("AddTagsToCertificate", "RemoveTagsFromCertificate")
ZONES_LOOK = ("GetHostedZone", "ListResourceRecordSets", "ListTagsForResource")
CLUSTERS = (
    "CreateCluster",
    "DeleteCluster",
    "PutClusterCapacityProviders",
    "TagResource",
    "UpdateCluster",
    "UpdateClusterSettings",
)
SERVICES = ("DeleteService", "TagResource", "UntagResource", "UpdateService")
SCALING = (
    "DeleteScalingPolicy",
    "DeregisterScalableTarget",
    "PutScalingPolicy",
    "RegisterScalableTarget",
    "TagResource",
    "UntagResource",
)
LOGS = (
    "DeleteLogGroup",
    "DeleteRetentionPolicy",
    "DescribeLogStreams",
    "FilterLogEvents",
    "GetLogEvents",
    "ListTagsForResource",
    "PutRetentionPolicy",
    "TagResource",
    "UntagResource",
)
IMAGES = (
    "BatchCheckLayerAvailability",
    "BatchGetImage",
    "CompleteLayerUpload",
    "DescribeImages",
    "GetDownloadUrlForLayer",
    "InitiateLayerUpload",
    "PutImage",
    "UploadLayerPart",
)
ROLES = (
    "DeleteRole",
    "GetRole",
    "GetRolePolicy",
    "ListAttachedRolePolicies",
    "ListInstanceProfilesForRole",
    "ListRolePolicies",
    "ListRoleTags",
    "TagRole",
    "UntagRole",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
)
BOUNDARY = (
    "CreatePolicyVersion",
    "DeletePolicyVersion",
    "GetPolicy",
    "GetPolicyVersion",
    "ListPolicyVersions",
    "SetDefaultPolicyVersion",
)
