"""Operations and error cases against boto3 alone, as a table.

Each row names where its expectation comes from. "API" is the Amazon ECS API Reference
(docs.aws.amazon.com/AmazonECS/latest/APIReference/API_NAME.html), "Guide" the Developer Guide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jmespath
import pytest
from botocore.exceptions import ClientError
from ecs_fakes import FARGATE, GROUP, NETWORK, Cloud, FakeRunner, cloud_at, definition, ecs_client

pytestmark = pytest.mark.emulator
ARN = "arn:aws:ecs:eu-west-1:000000000000"
BALANCER = {"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8080}


@dataclass(frozen=True)
class Row:
    """Call ``operation``: either ``expect`` (JMESPath -> value) holds, or it fails with ``error``."""

    operation: str
    params: dict[str, Any]
    source: str
    expect: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    says: str = ""


def service(**more: Any) -> dict[str, Any]:
    """CreateService's parameters for a small Fargate service."""
    return {
        "cluster": "table",
        "serviceName": "refused",
        "taskDefinition": "table",
        "desiredCount": 0,
        **FARGATE,
        **more,
    }


def subnets(*ids: str, groups: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": list(ids), "securityGroups": list(groups)}}


CLUSTERS = [
    Row(
        "create_cluster",
        {"clusterName": "made", "tags": [{"key": "team", "value": "a"}]},
        "API CreateCluster",
        {
            "cluster.clusterArn": f"{ARN}:cluster/made",
            "cluster.status": "ACTIVE",
            "cluster.settings": [{"name": "containerInsights", "value": "disabled"}],
            "cluster.tags": [{"key": "team", "value": "a"}],
            "cluster.runningTasksCount": 0,
        },
    ),
    Row("create_cluster", {}, "API CreateCluster: clusterName", {"cluster.clusterName": "default"}),
    Row(
        "create_cluster",
        {"clusterName": "no spaces"},
        "API CreateCluster: clusterName",
        error="InvalidParameterException",
    ),
    Row(
        "create_cluster",
        {"clusterName": "c", "capacityProviders": ["nope"]},
        "API CreateCluster: capacityProviders",
        error="InvalidParameterException",
        says="'nope' was not found",
    ),
    Row(
        "create_cluster",
        {"clusterName": "table", "settings": [{"name": "containerInsights", "value": "enabled"}]},
        "API CreateCluster: other arguments for a cluster that exists",
        error="InvalidParameterException",
        says="inconsistent",
    ),
    Row(
        "create_cluster",
        {"clusterName": "c", "settings": [{"name": "containerInsights", "value": "perhaps"}]},
        "API ClusterSetting",
        error="InvalidParameterException",
    ),
    Row(
        "create_cluster",
        {"clusterName": "c", "tags": [{"key": "aws:x", "value": "y"}]},
        "API Tag: the prefix aws: is reserved",
        error="InvalidParameterException",
    ),
    Row(
        "describe_clusters",
        {"clusters": ["table", "ghost"]},
        "API DescribeClusters; Guide 'API failure reasons'",
        {
            "clusters[].clusterName": ["table"],
            "failures": [{"arn": f"{ARN}:cluster/ghost", "reason": "MISSING"}],
            "clusters[0].settings": [],
            "clusters[0].tags": [],
            "clusters[0].statistics": [],
        },
    ),
    Row(
        "describe_clusters",
        {"clusters": [f"{ARN}:cluster/table"], "include": ["TAGS", "SETTINGS", "STATISTICS"]},
        "API DescribeClusters: include",
        {
            "clusters[0].tags": [{"key": "of", "value": "table"}],
            "clusters[0].settings[0].name": "containerInsights",
            "length(clusters[0].statistics)": 8,
        },
    ),
    Row(
        "list_clusters",
        {"maxResults": 1},
        "API ListClusters: maxResults, nextToken",
        {"length(clusterArns)": 1, "nextToken != null": True},
    ),
    Row("list_clusters", {"nextToken": "x"}, "API ListClusters: nextToken", error="InvalidParameterException"),
    Row(
        "put_cluster_capacity_providers",
        {
            "cluster": "table",
            "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
            "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}],
        },
        "API PutClusterCapacityProviders",
        {
            "cluster.defaultCapacityProviderStrategy[0]": {
                "capacityProvider": "FARGATE",
                "weight": 1,
                "base": 0,
            }
        },
    ),
    Row(
        "put_cluster_capacity_providers",
        {
            "cluster": "table",
            "capacityProviders": ["FARGATE"],
            "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        },
        "API CapacityProviderStrategyItem: must be associated with the cluster",
        error="InvalidParameterException",
        says="not associated",
    ),
    Row(
        "put_cluster_capacity_providers",
        {
            "cluster": "table",
            "capacityProviders": ["FARGATE"],
            "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 0}],
        },
        "API CapacityProviderStrategyItem: one weight above 0",
        error="InvalidParameterException",
        says="greater than 0",
    ),
    Row(
        "update_cluster_settings",
        {"cluster": "table", "settings": [{"name": "containerInsights", "value": "enhanced"}]},
        "API UpdateClusterSettings",
        {"cluster.settings[0].value": "enhanced"},
    ),
    Row("update_cluster", {"cluster": "ghost"}, "API UpdateCluster", error="ClusterNotFoundException"),
    Row("delete_cluster", {"cluster": "ghost"}, "API DeleteCluster", error="ClusterNotFoundException"),
    Row(
        "delete_cluster",
        {"cluster": "table"},
        "API DeleteCluster: delete the services first",
        error="ClusterContainsServicesException",
        says="The Cluster cannot be deleted while Services are active.",
    ),
    Row(
        "delete_cluster",
        {"cluster": "tasks"},
        "API DeleteCluster: stop the tasks first",
        error="ClusterContainsTasksException",
        says="The Cluster cannot be deleted while Tasks are active.",
    ),
    Row(
        "list_services",
        {"cluster": "deleted"},
        "API ListServices: of a deleted cluster",
        error="ClusterNotFoundException",
        says="The referenced cluster was inactive.",
    ),
    Row(
        "describe_clusters",
        {"clusters": ["deleted"]},
        "API DeleteCluster: INACTIVE clusters stay describable",
        {"clusters[0].status": "INACTIVE", "failures": []},
    ),
    Row(
        "describe_capacity_providers",
        {},
        "API DescribeCapacityProviders",
        {"capacityProviders[].name": ["FARGATE", "FARGATE_SPOT"]},
    ),
]

TASK_DEFINITIONS = [
    Row(
        "describe_task_definition",
        {"taskDefinition": "table:1", "include": ["TAGS"]},
        "API DescribeTaskDefinition",
        {
            "taskDefinition.taskDefinitionArn": f"{ARN}:task-definition/table:1",
            "taskDefinition.status": "ACTIVE",
            "taskDefinition.revision": 1,
            "taskDefinition.compatibilities": ["EC2", "FARGATE"],
            "taskDefinition.volumes": [],
            "tags": [{"key": "of", "value": "table"}],
            "taskDefinition.containerDefinitions[0].portMappings": [
                {"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}
            ],
            "taskDefinition.containerDefinitions[0].essential": True,
            "taskDefinition.containerDefinitions[0].cpu": 0,
            "taskDefinition.containerDefinitions[0].environment": [],
            "taskDefinition.requiresAttributes[].name | contains(@, 'ecs.capability.task-eni')": True,
        },
    ),
    Row(
        "describe_task_definition",
        {"taskDefinition": "table"},
        "API DescribeTaskDefinition: a family is its latest ACTIVE revision",
        {"taskDefinition.revision": 2, "tags": []},
    ),
    Row(
        "describe_task_definition",
        {"taskDefinition": "ghost"},
        "API DescribeTaskDefinition",
        error="ClientException",
        says="Unable to describe task definition.",
    ),
    Row(
        "describe_task_definition",
        {"taskDefinition": "old:1"},
        "API DeregisterTaskDefinition: INACTIVE ones stay describable",
        {"taskDefinition.status": "INACTIVE", "taskDefinition.deregisteredAt != null": True},
    ),
    Row(
        "deregister_task_definition",
        {"taskDefinition": "table"},
        "API DeregisterTaskDefinition: a revision must be given",
        error="ClientException",
    ),
    Row(
        "list_task_definitions",
        {"familyPrefix": "table", "sort": "DESC"},
        "API ListTaskDefinitions: sort",
        {"taskDefinitionArns": [f"{ARN}:task-definition/table:2", f"{ARN}:task-definition/table:1"]},
    ),
    Row(
        "list_task_definitions",
        {"familyPrefix": "old", "status": "INACTIVE"},
        "API ListTaskDefinitions: status",
        {"taskDefinitionArns": [f"{ARN}:task-definition/old:1"]},
    ),
    Row(
        "list_task_definition_families",
        {"status": "INACTIVE"},
        "API ListTaskDefinitionFamilies: status",
        {"families": ["old"]},
    ),
    Row(
        "list_task_definition_families",
        {"familyPrefix": "tab"},
        "API ListTaskDefinitionFamilies: familyPrefix",
        {"families": ["table"]},
    ),
    Row(
        "delete_task_definitions",
        {"taskDefinitions": ["table:1", "ghost:9"]},
        "API DeleteTaskDefinitions: must be INACTIVE",
        {"length(failures)": 2, "taskDefinitions": []},
    ),
]

SERVICES = [
    Row(
        "create_service",
        service(serviceName="made", desiredCount=0),
        "API CreateService",
        {
            "service.serviceArn": f"{ARN}:service/table/made",
            "service.status": "ACTIVE",
            "service.taskDefinition": f"{ARN}:task-definition/table:2",
            "service.deploymentConfiguration.maximumPercent": 200,
            "service.deploymentConfiguration.minimumHealthyPercent": 100,
            "service.deploymentConfiguration.deploymentCircuitBreaker": {"enable": False, "rollback": False},
            "service.schedulingStrategy": "REPLICA",
            "service.deploymentController.type": "ECS",
            "service.platformVersion": "LATEST",
            "service.propagateTags": "NONE",
            "service.networkConfiguration.awsvpcConfiguration.assignPublicIp": "DISABLED",
            "service.deployments[0].status": "PRIMARY",
            "service.deployments[0].rolloutState": "IN_PROGRESS",
            "service.deployments[0].platformVersion": "1.4.0",
        },
    ),
    Row(
        "create_service",
        service(serviceName="lonely", desiredCount=2),
        "API CreateService: other arguments for a service that exists",
        error="InvalidParameterException",
        says="Creation of service was not idempotent.",
    ),
    Row(
        "create_service",
        service(serviceName="lonely"),
        "API CreateService: the same request again",
        {"service.serviceArn": f"{ARN}:service/table/lonely"},
    ),
    Row("create_service", service(cluster="ghost"), "API CreateService", error="ClusterNotFoundException"),
    Row(
        "create_service",
        service(cluster="deleted"),
        "API CreateService: in a deleted cluster",
        error="ClusterNotFoundException",
        says="inactive",
    ),
    Row(
        "create_service",
        service(taskDefinition="ghost"),
        "API CreateService",
        error="ClientException",
        says="TaskDefinition not found.",
    ),
    Row(
        "create_service",
        service(taskDefinition="old:1"),
        "API DeregisterTaskDefinition: no new services from INACTIVE ones",
        error="ClientException",
        says="TaskDefinition is inactive",
    ),
    Row(
        "create_service",
        {key: value for key, value in service().items() if key != "taskDefinition"},
        "API CreateService: required with the ECS deployment controller",
        error="InvalidParameterException",
    ),
    Row(
        "create_service",
        service(serviceName="no spaces"),
        "API CreateService: serviceName",
        error="InvalidParameterException",
    ),
    Row(
        "create_service",
        service(capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}]),
        "API CreateService: launchType and strategy exclude each other",
        error="InvalidParameterException",
        says="Specifying both a launch type and capacity provider strategy is not supported.",
    ),
    Row(
        "create_service",
        service(platformVersion="9.9.9"),
        "API CreateService: PlatformUnknownException",
        error="PlatformUnknownException",
    ),
    Row(
        "create_service",
        {key: value for key, value in service().items() if key != "networkConfiguration"},
        "API CreateService: required for awsvpc",
        error="InvalidParameterException",
        says="Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    ),
    Row(
        "create_service",
        service(networkConfiguration=subnets()),
        "API AwsVpcConfiguration",
        error="InvalidParameterException",
        says="subnets can not be empty.",
    ),
    Row(
        "create_service",
        service(networkConfiguration=subnets("subnet-ghost")),
        "API AwsVpcConfiguration",
        error="InvalidParameterException",
        says="InvalidSubnetID.NotFound",
    ),
    Row(
        "create_service",
        service(networkConfiguration=subnets("subnet-a", "subnet-other")),
        "API AwsVpcConfiguration: all in the same VPC",
        error="InvalidParameterException",
        says="same VPC",
    ),
    Row(
        "create_service",
        service(networkConfiguration=subnets("subnet-a", groups=("sg-ghost",))),
        "API AwsVpcConfiguration",
        error="InvalidParameterException",
        says="InvalidGroup.NotFound",
    ),
    Row(
        "create_service",
        service(networkConfiguration=subnets("subnet-other", groups=("sg-1",))),
        "API AwsVpcConfiguration: groups in the VPC of the subnets",
        error="InvalidParameterException",
        says="does not appear to belong to the same VPC",
    ),
    Row(
        "create_service",
        service(loadBalancers=[{**BALANCER, "targetGroupArn": GROUP + "9"}]),
        "API LoadBalancer",
        error="InvalidParameterException",
        says="target group does not exist",
    ),
    Row(
        "create_service",
        service(loadBalancers=[{**BALANCER, "targetGroupArn": GROUP + "1"}]),
        "Guide 'Use load balancing': the target group needs a load balancer",
        error="InvalidParameterException",
        says="does not have an associated load balancer",
    ),
    Row(
        "create_service",
        service(loadBalancers=[{**BALANCER, "targetGroupArn": GROUP + "2"}]),
        "API LoadBalancer: awsvpc needs target type ip",
        error="InvalidParameterException",
        says="incompatible with the awsvpc network mode",
    ),
    Row(
        "create_service",
        service(loadBalancers=[{**BALANCER, "containerName": "ghost"}]),
        "API LoadBalancer: containerName",
        error="InvalidParameterException",
        says="The container ghost does not exist in the task definition.",
    ),
    Row(
        "create_service",
        service(loadBalancers=[{**BALANCER, "containerPort": 81}]),
        "API LoadBalancer: containerPort",
        error="InvalidParameterException",
        says="The container app did not have a container port 81 defined.",
    ),
    Row(
        "create_service",
        service(deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 100}),
        "API DeploymentConfiguration",
        error="InvalidParameterException",
        says="this will block deployments",
    ),
    Row(
        "create_service",
        service(healthCheckGracePeriodSeconds=30),
        "API CreateService: for services with a load balancer",
        error="InvalidParameterException",
    ),
    Row(
        "create_service",
        service(enableExecuteCommand=True),
        "Guide 'Monitor Amazon ECS containers with ECS Exec': the task role",
        error="InvalidParameterException",
        says="a valid taskRoleArn is not being used",
    ),
    Row(
        "create_service",
        service(schedulingStrategy="DAEMON"),
        "not implemented: refused by name",
        error="UnsupportedFeatureException",
        says="DAEMON",
    ),
    Row(
        "create_service",
        service(deploymentController={"type": "CODE_DEPLOY"}),
        "not implemented: refused by name",
        error="UnsupportedFeatureException",
        says="CODE_DEPLOY",
    ),
    Row(
        "create_service",
        service(deploymentConfiguration={"strategy": "BLUE_GREEN"}),
        "not implemented: refused by name",
        error="UnsupportedFeatureException",
        says="BLUE_GREEN",
    ),
    Row(
        "create_service",
        service(serviceConnectConfiguration={"enabled": True}),
        "not implemented: refused by name",
        error="UnsupportedFeatureException",
        says="serviceConnectConfiguration",
    ),
    Row(
        "create_service",
        service(serviceRegistries=[{"registryArn": "arn:x"}]),
        "not implemented: refused by name",
        error="UnsupportedFeatureException",
        says="serviceRegistries",
    ),
    Row(
        "describe_services",
        {"cluster": "table", "services": ["lonely", "ghost"]},
        "API DescribeServices; Guide 'API failure reasons'",
        {
            "services[].serviceName": ["lonely"],
            "failures": [{"arn": f"{ARN}:service/table/ghost", "reason": "MISSING"}],
        },
    ),
    Row(
        "describe_services",
        {"cluster": "table", "services": [f"s{n}" for n in range(11)]},
        "API DescribeServices: at most ten",
        error="InvalidParameterException",
    ),
    Row(
        "list_services",
        {"cluster": "table", "launchType": "EC2"},
        "API ListServices: launchType",
        {"serviceArns": []},
    ),
    Row("list_services", {"cluster": "ghost"}, "API ListServices", error="ClusterNotFoundException"),
    Row(
        "update_service",
        {"cluster": "table", "service": "ghost"},
        "API UpdateService",
        error="ServiceNotFoundException",
        says="Service not found.",
    ),
    Row(
        "update_service",
        {"cluster": "table", "service": "gone", "desiredCount": 1},
        "API UpdateService",
        error="ServiceNotActiveException",
        says="Service was not ACTIVE.",
    ),
    Row(
        "update_service",
        {"cluster": "table", "service": "lonely", "taskDefinition": "old:1"},
        "API DeregisterTaskDefinition: no updates to INACTIVE ones",
        error="ClientException",
        says="TaskDefinition is inactive",
    ),
    Row(
        "delete_service",
        {"cluster": "table", "service": "busy"},
        "API DeleteService: force",
        error="InvalidParameterException",
        says="The service cannot be stopped while it is scaled above 0.",
    ),
    Row(
        "delete_service",
        {"cluster": "table", "service": "ghost"},
        "API DeleteService",
        error="ServiceNotFoundException",
    ),
    Row(
        "list_service_deployments",
        {"cluster": "table", "service": "ghost"},
        "API ListServiceDeployments",
        error="ServiceNotFoundException",
    ),
    Row(
        "list_service_deployments",
        {"cluster": "table", "service": "busy"},
        "API ListServiceDeployments",
        {"length(serviceDeployments)": 1, "serviceDeployments[0].serviceArn": f"{ARN}:service/table/busy"},
    ),
    Row(
        "describe_service_deployments",
        {"serviceDeploymentArns": [f"{ARN}:service-deployment/table/busy/ghost"]},
        "API DescribeServiceDeployments",
        {"failures[0].reason": "MISSING", "serviceDeployments": []},
    ),
    Row(
        "describe_service_revisions",
        {"serviceRevisionArns": [f"{ARN}:service-revision/table/busy/1"]},
        "API DescribeServiceRevisions",
        {"failures[0].reason": "MISSING", "serviceRevisions": []},
    ),
]

TASKS = [
    Row("list_container_instances", {"cluster": "table"}, "API ListContainerInstances", {"containerInstanceArns": []}),
    Row(
        "run_task",
        {"cluster": "table", "taskDefinition": "table", "count": 2, "startedBy": "me", **FARGATE},
        "API RunTask",
        {
            "length(tasks)": 2,
            "failures": [],
            "tasks[0].lastStatus": "PROVISIONING",
            "tasks[0].desiredStatus": "RUNNING",
            "tasks[0].group": "family:table",
            "tasks[0].startedBy": "me",
            "tasks[0].launchType": "FARGATE",
            "tasks[0].platformVersion": "1.4.0",
            "tasks[].availabilityZone | sort(@)": ["eu-west-1a", "eu-west-1b"],
            "tasks[0].attachments[0].type": "ElasticNetworkInterface",
            "tasks[0].attachments[0].details[].name": [
                "subnetId",
                "networkInterfaceId",
                "macAddress",
                "privateDnsName",
                "privateIPv4Address",
            ],
            "tasks[0].overrides": {
                "containerOverrides": [{"name": "app"}],
                "inferenceAcceleratorOverrides": [],
            },
        },
    ),
    Row(
        "run_task",
        {"cluster": "table", "taskDefinition": "table", "count": 11, **FARGATE},
        "API RunTask: at most ten",
        error="InvalidParameterException",
    ),
    Row(
        "run_task",
        {"cluster": "table", "taskDefinition": "old:1", **FARGATE},
        "API DeregisterTaskDefinition: no new tasks from INACTIVE ones",
        error="ClientException",
        says="TaskDefinition is inactive",
    ),
    Row(
        "run_task",
        {"cluster": "table", "taskDefinition": "table", "launchType": "FARGATE"},
        "API RunTask: networkConfiguration",
        error="InvalidParameterException",
        says="Network Configuration must be provided",
    ),
    Row(
        "run_task",
        {
            "cluster": "table",
            "taskDefinition": "table",
            **FARGATE,
            "overrides": {"containerOverrides": [{"name": "ghost"}]},
        },
        "API ContainerOverride: name",
        error="InvalidParameterException",
        says="is not a container in the TaskDefinition",
    ),
    Row(
        "run_task",
        {
            "cluster": "table",
            "taskDefinition": "table",
            **FARGATE,
            "overrides": {"cpu": "256", "memory": "700"},
        },
        "API TaskOverride: Fargate sizes",
        error="ClientException",
        says="No Fargate configuration exists",
    ),
    Row(
        "run_task",
        {"cluster": "table", "taskDefinition": "bridge", **FARGATE},
        "API RunTask: launchType",
        error="InvalidParameterException",
        says="does not support launch_type FARGATE",
    ),
    Row(
        "run_task",
        {
            "cluster": "table",
            "taskDefinition": "table",
            **FARGATE,
            "overrides": {"taskRoleArn": "arn:aws:iam::000000000000:role/ghost"},
        },
        "API RunTask: the role must exist",
        error="ClientException",
        says="ECS was unable to assume the role 'arn:aws:iam::000000000000:role/ghost'",
    ),
    Row(
        "run_task",
        {
            "cluster": "table",
            "taskDefinition": "table",
            **FARGATE,
            "overrides": {"executionRoleArn": "arn:aws:iam::000000000000:role/lambda"},
        },
        "Guide 'Task execution IAM role': its trust policy names ecs-tasks.amazonaws.com",
        error="ClientException",
        says="ECS was unable to assume the role",
    ),
    Row(
        "run_task",
        {"cluster": "table", "taskDefinition": "table", "group": "service:x", **FARGATE},
        "API RunTask: group",
        error="InvalidParameterException",
        says="Invalid namespace for group",
    ),
    Row(
        "describe_tasks",
        {"cluster": "table", "tasks": ["0" * 32]},
        "API DescribeTasks; Guide 'API failure reasons'",
        {"tasks": [], "failures": [{"arn": f"{ARN}:task/table/{'0' * 32}", "reason": "MISSING"}]},
    ),
    Row(
        "describe_tasks",
        {"cluster": "table", "tasks": []},
        "API DescribeTasks",
        error="InvalidParameterException",
    ),
    Row(
        "stop_task",
        {"cluster": "table", "task": "0" * 32},
        "API StopTask",
        error="InvalidParameterException",
        says="The referenced task was not found.",
    ),
    Row(
        "list_tasks",
        {"cluster": "table", "serviceName": "ghost"},
        "API ListTasks",
        error="ServiceNotFoundException",
    ),
    Row("list_tasks", {"cluster": "ghost"}, "API ListTasks", error="ClusterNotFoundException"),
    Row("list_tasks", {"cluster": "tasks", "family": "ghost"}, "API ListTasks: family", {"taskArns": []}),
    Row("list_tasks", {"cluster": "tasks", "startedBy": "ghost"}, "API ListTasks: startedBy", {"taskArns": []}),
]

OTHERS = [
    Row(
        "list_tags_for_resource",
        {"resourceArn": f"{ARN}:cluster/table"},
        "API ListTagsForResource",
        {"tags": [{"key": "of", "value": "table"}]},
    ),
    Row(
        "tag_resource",
        {"resourceArn": f"{ARN}:cluster/ghost", "tags": [{"key": "a", "value": "b"}]},
        "API TagResource",
        error="ClusterNotFoundException",
    ),
    Row(
        "tag_resource",
        {"resourceArn": f"{ARN}:service/table/ghost", "tags": [{"key": "a", "value": "b"}]},
        "API TagResource",
        error="ResourceNotFoundException",
    ),
    Row(
        "tag_resource",
        {"resourceArn": "not-an-arn", "tags": []},
        "API TagResource",
        error="InvalidParameterException",
    ),
    Row(
        "put_account_setting",
        {"name": "containerInsights", "value": "perhaps"},
        "API PutAccountSetting",
        error="InvalidParameterException",
    ),
    Row(
        "list_account_settings",
        {"name": "taskLongArnFormat", "effectiveSettings": True},
        "API ListAccountSettings",
        {"settings[0].value": "enabled"},
    ),
    Row(
        "execute_command",
        {"cluster": "table", "task": "x", "command": "sh", "interactive": True},
        "not implemented: refused by name",
        error="UnsupportedFeatureException",
        says="ExecuteCommand",
    ),
    Row(
        "create_task_set",
        {"cluster": "table", "service": "busy", "taskDefinition": "table"},
        "not implemented: refused by name",
        error="UnsupportedFeatureException",
        says="CreateTaskSet",
    ),
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """What the rows are about: two clusters and a deleted one, three families, three services."""
    with cloud_at(Path(tmp_path_factory.mktemp("table")), FakeRunner()) as cloud:
        ecs, tags = cloud.ecs, [{"key": "of", "value": "table"}]
        for name in ("table", "tasks", "deleted"):
            ecs.create_cluster(clusterName=name, tags=tags)
        ecs.delete_cluster(cluster="deleted")
        ecs.register_task_definition(**definition(family="table"), tags=tags)
        ecs.register_task_definition(**definition(family="table"))
        ecs.register_task_definition(**definition(family="old"))
        ecs.deregister_task_definition(taskDefinition="old:1")
        ecs.register_task_definition(
            family="bridge", containerDefinitions=[{"name": "app", "image": "good", "memory": 64}]
        )
        ecs.run_task(cluster="tasks", taskDefinition="table", **FARGATE)
        ecs.create_service(**service(serviceName="lonely"))
        ecs.create_service(**service(serviceName="busy", desiredCount=1))
        ecs.create_service(**service(serviceName="gone"))
        ecs.delete_service(cluster="table", service="gone")
        yield cloud


@pytest.mark.parametrize(
    "row",
    [*CLUSTERS, *TASK_DEFINITIONS, *SERVICES, *TASKS, *OTHERS],
    ids=lambda row: f"{row.operation}: {row.source}",
)
def test_operation(table: Cloud, row: Row) -> None:
    call = getattr(table.ecs, row.operation)
    if row.error is None:
        answer = call(**row.params)
        for path, value in row.expect.items():
            assert jmespath.search(path, answer) == value, path
        return
    with pytest.raises(ClientError) as caught:
        call(**row.params)
    assert caught.value.response["Error"]["Code"] == row.error
    assert row.says in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("AmazonEC2ContainerServiceV20141113.MakeCoffee", b"{}", "UnknownOperationException"),
        ("DynamoDB_20120810.ListTables", b"{}", "UnknownOperationException"),
        ("AmazonEC2ContainerServiceV20141113.ListClusters", b"{", "SerializationException"),
        (
            "AmazonEC2ContainerServiceV20141113.ListClusters",
            b'{"maxResults": "one"}',
            "SerializationException",
        ),
        ("AmazonEC2ContainerServiceV20141113.ListClusters", b'{"surprise": 1}', "InvalidParameterException"),
        ("AmazonEC2ContainerServiceV20141113.UpdateCluster", b"{}", "InvalidParameterException"),
        (
            "AmazonEC2ContainerServiceV20141113.ListServices",
            b'{"launchType": "MOON"}',
            "InvalidParameterException",
        ),
        (
            "AmazonEC2ContainerServiceV20141113.TagResource",
            b'{"resourceArn": "x", "tags": [{"key": ""}]}',
            "InvalidParameterException",
        ),
    ],
)
def test_requests_that_no_sdk_sends(table: Cloud, target: str, body: bytes, code: str) -> None:
    """boto3 checks requests itself, so these go to the service directly."""
    status, headers, answer = table.service.handle(region="eu-west-1", target=target, body=body)
    assert status == 400
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert json.loads(answer)["__type"] == code


def test_nulls_are_absent_members(table: Cloud) -> None:
    target = "AmazonEC2ContainerServiceV20141113.DescribeClusters"
    body = b'{"clusters": ["table"], "include": null}'
    status, _, answer = table.service.handle(region="eu-west-1", target=target, body=body)
    assert (status, json.loads(answer)["failures"]) == (200, [])


def test_regions_are_apart(table: Cloud) -> None:
    elsewhere = ecs_client(table.server.server_port, region="us-east-1")
    assert elsewhere.list_clusters()["clusterArns"] == []
    assert elsewhere.describe_clusters(clusters=["table"])["failures"][0]["reason"] == "MISSING"
    made = elsewhere.register_task_definition(**definition(family="table"))
    assert made["taskDefinition"]["revision"] == 1


def test_every_page_once(table: Cloud) -> None:
    pages = table.ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 1})
    arns = [arn for page in pages for arn in page["clusterArns"]]
    assert len(arns) == len(set(arns)) >= 2
    assert f"{ARN}:cluster/deleted" not in arns


def test_tags_change(table: Cloud) -> None:
    arn = f"{ARN}:task-definition/table:2"
    table.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    table.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "3"}])
    table.ecs.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert table.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "3"}]


def test_account_setting_is_the_default_of_new_clusters(table: Cloud) -> None:
    elsewhere = ecs_client(table.server.server_port, region="eu-north-1")
    elsewhere.put_account_setting(name="containerInsights", value="enabled")
    made = elsewhere.create_cluster(clusterName="c")["cluster"]
    assert made["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    elsewhere.delete_account_setting(name="containerInsights")
    assert elsewhere.create_cluster(clusterName="d")["cluster"]["settings"][0]["value"] == "disabled"


def test_client_tokens(table: Cloud) -> None:
    """API 'Ensuring idempotency': the same token runs a task once; with other parameters it's a conflict."""
    request = {"cluster": "table", "taskDefinition": "table", "clientToken": "t-1", **FARGATE}
    first = table.ecs.run_task(**request)["tasks"][0]["taskArn"]
    assert table.ecs.run_task(**request)["tasks"][0]["taskArn"] == first
    with pytest.raises(ClientError) as caught:
        table.ecs.run_task(**{**request, "count": 2})
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    assert caught.value.response["resourceIds"] == [first]


def test_network_of_a_task(table: Cloud) -> None:
    """VPC User Guide 'Subnet CIDR blocks': the first four addresses and the last are reserved."""
    tiny = {**NETWORK["awsvpcConfiguration"], "subnets": ["subnet-tiny"]}
    request = {"cluster": "table", "taskDefinition": "table", "launchType": "FARGATE"}
    answers = [table.ecs.run_task(**request, count=6, networkConfiguration={"awsvpcConfiguration": tiny}) for _ in "12"]
    tasks = [task for answer in answers for task in answer["tasks"]]
    addresses = {task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for task in tasks}
    assert addresses == {f"10.20.2.{host}" for host in range(4, 15)}
    assert [failure["reason"] for failure in answers[1]["failures"]] == ["RESOURCE:ENI"]
