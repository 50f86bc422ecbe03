"""One case for every resource type: how to make it, change it, replace it, change it behind the provider's back,
import it. ``test_types`` runs all of them, and fails if a registered type has no case here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .conftest import ECS_TRUST, World, scaling_inputs, service_inputs, task_inputs
from .harness import Resource

Inputs = dict[str, Any]
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
WIDER = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]}'

ENDPOINT_POLICY = '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}'


def by_id(resource: Resource) -> str:
    return resource.id


@dataclass(frozen=True, kw_only=True)
class Case:
    """``change`` is applied in place and ``replace`` isn't; ``drift`` changes ``drifted`` through AWS's own API.

    ``change`` is None where every change makes a new resource. ``drifted`` None: the drift removes the resource.
    """

    token: str
    inputs: Callable[[World], Inputs]
    change: Callable[[World], Inputs] | None
    replace: Callable[[World], Inputs]
    drift: Callable[[World, Resource], Any]
    drifted: str | None
    unknown: str
    #: None: it can't be imported.
    import_id: Callable[[Resource], str] | None = by_id
    delete_before_replace: bool = False
    #: Deleting it leaves something that still reads (the capacity providers of a cluster: none).
    remains: bool = False
    outputs: tuple[str, ...] = field(default=("arn",))

    def __str__(self) -> str:
        return self.token.rsplit(":", 1)[1]


def _tag(world: World, resource: Resource) -> Any:
    return world.client("ec2").create_tags(Resources=[resource.id], Tags=[{"Key": "by", "Value": "hand"}])


CASES = (
    Case(
        token="aws:ec2/vpc:Vpc",
        inputs=lambda w: {"cidrBlock": "10.30.0.0/16", "tags": {"Name": "v"}},
        change=lambda w: {"enableDnsHostnames": True, "tags": {"Name": "w", "more": "1"}},
        replace=lambda w: {"cidrBlock": "10.31.0.0/16"},
        drift=lambda w, r: w.client("ec2").modify_vpc_attribute(VpcId=r.id, EnableDnsSupport={"Value": False}),
        drifted="enableDnsSupport",
        unknown="cidrBlock",
        outputs=("arn", "defaultSecurityGroupId", "mainRouteTableId", "defaultNetworkAclId", "ownerId"),
    ),
    Case(
        token="aws:ec2/internetGateway:InternetGateway",
        inputs=lambda w: {"tags": {"Name": "g"}},
        change=lambda w: {"tags": {"Name": "h"}},
        replace=lambda w: {"region": "eu-west-2"},
        drift=_tag,
        drifted="tags",
        unknown="vpcId",
    ),
    Case(
        token="aws:ec2/subnet:Subnet",
        inputs=lambda w: {"vpcId": w.vpc.id, "cidrBlock": "10.9.1.0/24", "availabilityZone": "eu-west-1a"},
        change=lambda w: {"mapPublicIpOnLaunch": True, "tags": {"Name": "s"}},
        replace=lambda w: {"cidrBlock": "10.9.2.0/24"},
        drift=lambda w, r: w.client("ec2").modify_subnet_attribute(SubnetId=r.id, MapPublicIpOnLaunch={"Value": False}),
        drifted="mapPublicIpOnLaunch",
        unknown="vpcId",
        outputs=("arn", "availabilityZoneId", "ownerId"),
    ),
    Case(
        token="aws:ec2/eip:Eip",
        inputs=lambda w: {"domain": "vpc", "tags": {"Name": "a"}},
        change=lambda w: {"tags": {"Name": "b"}},
        replace=lambda w: {"publicIpv4Pool": "amazon-other"},
        drift=_tag,
        drifted="tags",
        unknown="publicIpv4Pool",
        outputs=("arn", "allocationId", "publicIp", "publicDns"),
    ),
    Case(
        token="aws:ec2/natGateway:NatGateway",
        inputs=lambda w: {"subnetId": w.subnets[0].id, "allocationId": w.address.id},
        change=lambda w: {"tags": {"Name": "n"}},
        replace=lambda w: {"subnetId": w.subnets[1].id},
        drift=_tag,
        drifted="tags",
        unknown="allocationId",
        outputs=("networkInterfaceId", "publicIp"),
    ),
    Case(
        token="aws:ec2/vpcEndpoint:VpcEndpoint",
        inputs=lambda w: {
            "vpcId": w.vpc.id,
            "serviceName": "com.amazonaws.eu-west-1.s3",
            "routeTableIds": [w.route_table.id],
        },
        change=lambda w: {"policy": ENDPOINT_POLICY, "tags": {"a": "b"}},
        replace=lambda w: {"serviceName": "com.amazonaws.eu-west-1.dynamodb"},
        drift=_tag,
        drifted="tags",
        unknown="vpcId",
        outputs=("arn", "prefixListId", "state"),
    ),
    Case(
        token="aws:ec2/routeTable:RouteTable",
        inputs=lambda w: {
            "vpcId": w.vpc.id,
            "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": w.gateway.id}],
        },
        change=lambda w: {"routes": [{"cidrBlock": "10.200.0.0/16", "natGatewayId": w.nat_gateway.id}]},
        replace=lambda w: {"vpcId": "vpc-0123456789abcdef0"},
        drift=_tag,
        drifted="tags",
        unknown="vpcId",
        outputs=("arn", "ownerId"),
    ),
    Case(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",
        inputs=lambda w: {"subnetId": w.subnets[0].id, "routeTableId": w.route_table.id},
        change=lambda w: {"routeTableId": w.other_route_table.id},
        replace=lambda w: {"subnetId": w.subnets[1].id},
        drift=lambda w, r: w.client("ec2").replace_route_table_association(
            AssociationId=w.engine.refresh(r).id, RouteTableId=w.route_table.id
        ),
        drifted="routeTableId",
        unknown="subnetId",
        import_id=lambda r: f"{r['subnetId']}/{r['routeTableId']}",
        outputs=(),
    ),
    Case(
        token="aws:ec2/route:Route",
        inputs=lambda w: {
            "routeTableId": w.route_table.id,
            "destinationCidrBlock": "0.0.0.0/0",
            "gatewayId": w.gateway.id,
        },
        change=lambda w: {"gatewayId": None, "natGatewayId": w.nat_gateway.id},
        replace=lambda w: {"destinationCidrBlock": "10.99.0.0/16"},
        drift=lambda w, r: w.client("ec2").replace_route(
            RouteTableId=w.route_table.id, DestinationCidrBlock="0.0.0.0/0", GatewayId=w.gateway.id
        ),
        drifted="gatewayId",
        unknown="gatewayId",
        import_id=lambda r: f"{r['routeTableId']}_{r['destinationCidrBlock']}",
        outputs=("origin", "state"),
    ),
    Case(
        token="aws:ec2/securityGroup:SecurityGroup",
        inputs=lambda w: {
            "vpcId": w.vpc.id,
            "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}],
        },
        change=lambda w: {
            "ingress": [
                {"protocol": "tcp", "fromPort": 80, "toPort": 80, "cidrBlocks": ["0.0.0.0/0"], "description": "web"},
                {"protocol": "tcp", "fromPort": 81, "toPort": 82, "self": True},
            ],
            "tags": {"Name": "g"},
        },
        replace=lambda w: {"description": "another"},
        drift=lambda w, r: w.client("ec2").revoke_security_group_egress(
            GroupId=r.id, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ),
        drifted="egress",
        unknown="vpcId",
        outputs=("arn", "ownerId", "name"),
    ),
    Case(
        token="aws:ec2/securityGroupRule:SecurityGroupRule",
        inputs=lambda w: {
            "type": "ingress",
            "securityGroupId": w.group.id,
            "protocol": "tcp",
            "fromPort": 8080,
            "toPort": 8080,
            "cidrBlocks": ["10.1.0.0/16", "10.0.0.0/16"],
        },
        change=lambda w: {"description": "in words"},
        replace=lambda w: {"toPort": 8081},
        drift=lambda w, r: w.client("ec2").revoke_security_group_ingress(
            GroupId=w.group.id,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
            ],
        ),
        drifted=None,
        unknown="securityGroupId",
        import_id=lambda r: "_".join(
            [r["securityGroupId"], "ingress", "tcp", "8080", "8080", "10.1.0.0/16", "10.0.0.0/16"]
        ),
        delete_before_replace=True,
        outputs=(),
    ),
    *(
        Case(
            token=f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule",
            inputs=lambda w: {
                "securityGroupId": w.group.id,
                "ipProtocol": "tcp",
                "fromPort": 9000,
                "toPort": 9000,
                "referencedSecurityGroupId": w.other_group.id,
            },
            change=lambda w: {"description": "in words", "toPort": 9001},
            replace=lambda w: {"securityGroupId": w.other_group.id},
            drift=_tag,
            drifted="tags",
            unknown="securityGroupId",
            outputs=("arn", "securityGroupRuleId"),
        )
        for direction in ("Ingress", "Egress")
    ),
    Case(
        token="aws:ecs/cluster:Cluster",
        inputs=lambda w: {"settings": [{"name": "containerInsights", "value": "enabled"}]},
        change=lambda w: {"settings": [{"name": "containerInsights", "value": "disabled"}], "tags": {"a": "b"}},
        replace=lambda w: {"name": "another"},
        drift=lambda w, r: w.client("ecs").tag_resource(resourceArn=r.id, tags=[{"key": "by", "value": "hand"}]),
        drifted="tags",
        unknown="name",
        import_id=lambda r: r["name"],
        outputs=("arn", "name"),
    ),
    Case(
        token="aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        inputs=lambda w: {"clusterName": w.cluster["name"], "capacityProviders": ["FARGATE_SPOT", "FARGATE"]},
        change=lambda w: {
            "defaultCapacityProviderStrategies": [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}]
        },
        replace=lambda w: {"clusterName": "another"},
        drift=lambda w, r: w.client("ecs").put_cluster_capacity_providers(
            cluster=r.id, capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
        ),
        drifted="capacityProviders",
        unknown="clusterName",
        remains=True,
        outputs=(),
    ),
    Case(
        token="aws:ecs/taskDefinition:TaskDefinition",
        inputs=lambda w: task_inputs("cases", w),
        change=lambda w: {"tags": {"a": "b"}},
        replace=lambda w: {"memory": "1024"},
        drift=lambda w, r: w.client("ecs").deregister_task_definition(taskDefinition=r["arn"]),
        drifted=None,
        unknown="executionRoleArn",
        import_id=lambda r: r["arn"],
        outputs=("arn", "revision", "arnWithoutRevision"),
    ),
    Case(
        token="aws:ecs/service:Service",
        inputs=service_inputs,
        change=lambda w: {
            "taskDefinition": w.other_task["arn"],
            "deploymentMinimumHealthyPercent": 50,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "tags": {"a": "b"},
        },
        replace=lambda w: {"launchType": "EC2"},
        drift=lambda w, r: w.client("ecs").update_service(cluster=w.cluster.id, service=r.id, desiredCount=1),
        drifted="desiredCount",
        unknown="taskDefinition",
        import_id=lambda r: "/".join(r.id.split("/")[-2:]),
        outputs=("arn", "name"),
    ),
    Case(
        token="aws:lb/loadBalancer:LoadBalancer",
        inputs=lambda w: {"subnets": [s.id for s in w.subnets], "securityGroups": [w.group.id], "idleTimeout": 30},
        change=lambda w: {"idleTimeout": 90, "securityGroups": [w.other_group.id], "tags": {"a": "b"}},
        replace=lambda w: {"internal": True},
        drift=lambda w, r: w.client("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=r.id, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "77"}]
        ),
        drifted="idleTimeout",
        unknown="subnets",
        outputs=("arn", "arnSuffix", "dnsName", "vpcId", "zoneId", "name"),
    ),
    Case(
        token="aws:lb/targetGroup:TargetGroup",
        inputs=lambda w: {
            "port": 80,
            "protocol": "HTTP",
            "targetType": "ip",
            "vpcId": w.vpc.id,
            "deregistrationDelay": 5,
            "healthCheck": {"path": "/health", "matcher": "200"},
        },
        change=lambda w: {"deregistrationDelay": 6, "healthCheck": {"path": "/ready", "interval": 10}},
        replace=lambda w: {"port": 81},
        drift=lambda w, r: w.client("elbv2").modify_target_group(TargetGroupArn=r.id, HealthCheckPath="/by-hand"),
        drifted="healthCheck",
        unknown="vpcId",
        outputs=("arn", "arnSuffix", "name"),
    ),
    Case(
        token="aws:lb/listener:Listener",
        inputs=lambda w: {
            "loadBalancerArn": w.balancer.id,
            "port": 8080,
            "protocol": "HTTP",
            "defaultActions": [
                {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
            ],
        },
        change=lambda w: {"defaultActions": [{"type": "forward", "targetGroupArn": w.target_group.id}]},
        replace=lambda w: {"loadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:0:loadbalancer/app/b/1"},
        drift=lambda w, r: w.client("elbv2").modify_listener(
            ListenerArn=r.id, DefaultActions=[{"Type": "forward", "TargetGroupArn": w.other_target_group.id}]
        ),
        drifted="defaultActions",
        unknown="loadBalancerArn",
    ),
    Case(
        token="aws:lb/listenerRule:ListenerRule",
        inputs=lambda w: {
            "listenerArn": w.listener.id,
            "priority": 10,
            "conditions": [{"pathPattern": {"values": ["/api/*"]}}, {"hostHeader": {"values": ["a.example"]}}],
            "actions": [{"type": "forward", "targetGroupArn": w.target_group.id}],
        },
        change=lambda w: {
            "priority": 20,
            "conditions": [{"pathPattern": {"values": ["/v2/*"]}}],
            "actions": [
                {
                    "type": "forward",
                    "forward": {
                        "targetGroups": [
                            {"arn": w.target_group.id, "weight": 90},
                            {"arn": w.other_target_group.id, "weight": 10},
                        ]
                    },
                }
            ],
        },
        replace=lambda w: {"listenerArn": "arn:aws:elasticloadbalancing:eu-west-1:0:listener/app/b/1/2"},
        drift=lambda w, r: w.client("elbv2").set_rule_priorities(RulePriorities=[{"RuleArn": r.id, "Priority": 33}]),
        drifted="priority",
        unknown="listenerArn",
    ),
    Case(
        token="aws:iam/role:Role",
        inputs=lambda w: {"assumeRolePolicy": ECS_TRUST, "description": "one"},
        change=lambda w: {
            "description": "two",
            "maxSessionDuration": 7200,
            "inlinePolicies": [{"name": "inline", "policy": POLICY}],
            "tags": {"a": "b"},
        },
        replace=lambda w: {"path": "/apps/"},
        drift=lambda w, r: w.client("iam").update_role(RoleName=r.id, Description="by hand", MaxSessionDuration=7200),
        drifted="description",
        unknown="assumeRolePolicy",
        outputs=("arn", "uniqueId", "createDate", "name"),
    ),
    Case(
        token="aws:iam/rolePolicy:RolePolicy",
        inputs=lambda w: {"role": w.role.id, "policy": POLICY},
        change=lambda w: {"policy": WIDER},
        replace=lambda w: {"name": "another"},
        drift=lambda w, r: w.client("iam").put_role_policy(
            RoleName=w.role.id, PolicyName=r["name"], PolicyDocument=POLICY
        ),
        drifted="policy",
        unknown="role",
        outputs=("name",),
    ),
    Case(
        token="aws:iam/policy:Policy",
        inputs=lambda w: {"policy": POLICY, "description": "bounds"},
        change=lambda w: {"policy": WIDER, "tags": {"a": "b"}},
        replace=lambda w: {"path": "/apps/"},
        drift=lambda w, r: w.client("iam").create_policy_version(
            PolicyArn=r.id, PolicyDocument=POLICY, SetAsDefault=True
        ),
        drifted="policy",
        unknown="policy",
        outputs=("arn", "policyId", "name"),
    ),
    Case(
        token="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        inputs=lambda w: {"url": "https://ci.example.com", "clientIdLists": ["sts.amazonaws.com"]},
        change=lambda w: {"clientIdLists": ["sts.amazonaws.com", "other"], "tags": {"a": "b"}},
        replace=lambda w: {"url": "https://other.example.com"},
        drift=lambda w, r: w.client("iam").remove_client_id_from_open_id_connect_provider(
            OpenIDConnectProviderArn=r.id, ClientID="other"
        ),
        drifted="clientIdLists",
        unknown="url",
    ),
    Case(
        token="aws:cloudwatch/logGroup:LogGroup",
        inputs=lambda w: {"name": "/provider/case", "retentionInDays": 7},
        change=lambda w: {"retentionInDays": 30, "tags": {"a": "b"}},
        replace=lambda w: {"name": "/provider/other"},
        drift=lambda w, r: w.client("logs").put_retention_policy(logGroupName=r.id, retentionInDays=3),
        drifted="retentionInDays",
        unknown="kmsKeyId",
        outputs=("arn", "name"),
    ),
    Case(
        token="aws:appautoscaling/target:Target",
        inputs=scaling_inputs,
        change=lambda w: {"maxCapacity": 8},
        replace=lambda w: {"resourceId": "service/another/service"},
        drift=lambda w, r: w.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=r.id,
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=2,
        ),
        drifted="minCapacity",
        unknown="resourceId",
        import_id=lambda r: f"ecs/{r.id}/ecs:service:DesiredCount",
    ),
    Case(
        token="aws:appautoscaling/policy:Policy",
        inputs=lambda w: {
            "policyType": "TargetTrackingScaling",
            "serviceNamespace": w.scaling_target["serviceNamespace"],
            "resourceId": w.scaling_target["resourceId"],
            "scalableDimension": w.scaling_target["scalableDimension"],
            "targetTrackingScalingPolicyConfiguration": {
                "targetValue": 60,
                "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
            },
        },
        change=lambda w: {
            "targetTrackingScalingPolicyConfiguration": {
                "targetValue": 70,
                "scaleInCooldown": 60,
                "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
            }
        },
        replace=lambda w: {"name": "another"},
        drift=lambda w, r: w.client("application-autoscaling").delete_scaling_policy(
            PolicyName=r["name"],
            ServiceNamespace="ecs",
            ResourceId=r["resourceId"],
            ScalableDimension="ecs:service:DesiredCount",
        ),
        drifted=None,
        unknown="resourceId",
        import_id=lambda r: f"ecs/{r['resourceId']}/ecs:service:DesiredCount/{r['name']}",
        outputs=("arn", "name"),
    ),
    Case(
        token="aws:acm/certificate:Certificate",
        inputs=lambda w: {
            "domainName": "shop.example",
            "subjectAlternativeNames": ["*.shop.example"],
            "validationMethod": "DNS",
            "keyAlgorithm": "EC_prime256v1",
        },
        change=lambda w: {
            "options": {"certificateTransparencyLoggingPreference": "DISABLED"},
            "tags": {"a": "b"},
        },
        replace=lambda w: {"subjectAlternativeNames": ["*.shop.example", "www.shop.example"]},
        drift=lambda w, r: w.client("acm").update_certificate_options(
            CertificateArn=r.id, Options={"CertificateTransparencyLoggingPreference": "ENABLED"}
        ),
        drifted="options",
        unknown="domainName",
        outputs=("arn", "domainValidationOptions", "keyAlgorithm", "status", "type", "validationMethod"),
    ),
    Case(
        token="aws:acm/certificateValidation:CertificateValidation",
        inputs=lambda w: {
            "certificateArn": w.certificate.id,
            "validationRecordFqdns": [each["resourceRecordName"] for each in w.certificate["domainValidationOptions"]],
        },
        change=None,
        replace=lambda w: {"certificateArn": "arn:aws:acm:eu-west-1:000000000000:certificate/another"},
        drift=lambda w, r: w.client("acm").delete_certificate(CertificateArn=r["certificateArn"]),
        drifted=None,
        unknown="certificateArn",
        import_id=None,
        outputs=(),
    ),
    Case(
        token="aws:route53/record:Record",
        inputs=lambda w: {
            "zoneId": w.zone,
            "name": "WWW",
            "type": "CNAME",
            "ttl": 300,
            "records": ["one.example.net"],
        },
        change=lambda w: {"ttl": 60, "records": ["two.example.net"]},
        replace=lambda w: {"name": "www2"},
        drift=lambda w, r: w.client("route53").change_resource_record_sets(
            HostedZoneId=w.zone,
            ChangeBatch={
                "Changes": [
                    {
                        "Action": "UPSERT",
                        "ResourceRecordSet": {
                            "Name": r["fqdn"],
                            "Type": "CNAME",
                            "TTL": 60,
                            "ResourceRecords": [{"Value": "by.hand.example.net"}],
                        },
                    }
                ]
            },
        ),
        drifted="records",
        unknown="zoneId",
        outputs=("fqdn", "name"),
    ),
)
