"""The stand-in under the real engine: up, no-op, update, refresh, import, destroy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation as auto

from ecs_stack.automation import engine as engines
from ecs_stack.local.cloud import LocalCloud
from ecs_stack.local.providers import serve

from .conftest import ECS_TRUST

pytestmark = pytest.mark.engine

CONTAINERS = '[{"name":"app","image":"ecs-stack-test/absent:1","essential":true,"portMappings":[{"containerPort":80}]}]'


@contextlib.contextmanager
def stack(folder: Path, cloud: LocalCloud, name: str, program: Callable[[], None]) -> Iterator[auto.Stack]:
    state = folder / "state"
    state.mkdir(exist_ok=True)
    engine = engines.ensure()
    with serve(cloud.endpoint) as serving:
        yield auto.create_or_select_stack(
            stack_name=name,
            project_name="provider",
            program=program,
            opts=auto.LocalWorkspaceOptions(
                work_dir=str(folder),
                pulumi_command=auto.PulumiCommand(str(engine.root)),
                project_settings=auto.ProjectSettings(
                    name="provider", runtime="python", backend=auto.ProjectBackend(url=f"file://{state}")
                ),
                env_vars={
                    "PULUMI_CONFIG_PASSPHRASE": "test",
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                    "PULUMI_DEBUG_PROVIDERS": f"aws:{serving.ports['aws']}",
                    "AWS_ENDPOINT_URL": cloud.endpoint,
                },
            ),
        )


class Program:
    """A small environment, with what a test edits as attributes."""

    def __init__(self, cidr: str, region: str = "eu-west-1") -> None:
        self.cidr = cidr
        self.region = region
        self.memory = "512"
        self.days = 7
        self.tags = {"team": "one"}
        self.adopted: str | None = None

    def __call__(self) -> None:
        provider = aws.Provider(
            "aws",
            region=self.region,
            allowed_account_ids=["000000000000"],
            default_tags=aws.ProviderDefaultTagsArgs(tags={"by": "test"}),
        )
        opts = pulumi.ResourceOptions(provider=provider)
        zones = aws.get_availability_zones(opts=pulumi.InvokeOptions(provider=provider))
        vpc = aws.ec2.Vpc("net", cidr_block=f"{self.cidr}.0.0/16", tags=self.tags, opts=opts)
        gateway = aws.ec2.InternetGateway("net", vpc_id=vpc.id, opts=opts)
        table = aws.ec2.RouteTable("net", vpc_id=vpc.id, opts=opts)
        aws.ec2.Route(
            "out", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id, opts=opts
        )
        subnets = []
        for i in range(2):
            subnet = aws.ec2.Subnet(
                f"net-{i}",
                vpc_id=vpc.id,
                cidr_block=f"{self.cidr}.{i}.0/24",
                availability_zone=zones.names[i],
                map_public_ip_on_launch=True,
                opts=opts,
            )
            aws.ec2.RouteTableAssociation(f"net-{i}", subnet_id=subnet.id, route_table_id=table.id, opts=opts)
            subnets.append(subnet)
        group = aws.ec2.SecurityGroup("app", vpc_id=vpc.id, opts=opts)
        aws.vpc.SecurityGroupIngressRule(
            "app", security_group_id=group.id, ip_protocol="tcp", from_port=80, to_port=80,
            cidr_ipv4="0.0.0.0/0", opts=opts,
        )  # fmt: skip
        aws.vpc.SecurityGroupEgressRule(
            "app", security_group_id=group.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0", opts=opts
        )
        role = aws.iam.Role("run", assume_role_policy=ECS_TRUST, opts=opts)
        aws.iam.RolePolicy(
            "run",
            role=role.id,
            policy={
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": ["*"]}],
            },
            opts=opts,
        )
        logs = aws.cloudwatch.LogGroup("app", retention_in_days=self.days, opts=opts)
        balancer = aws.lb.LoadBalancer("web", subnets=[s.id for s in subnets], security_groups=[group.id], opts=opts)
        targets = aws.lb.TargetGroup(
            "app", port=80, protocol="HTTP", target_type="ip", vpc_id=vpc.id,
            health_check={"path": "/health", "matcher": "200"}, deregistration_delay=5, opts=opts,
        )  # fmt: skip
        listener = aws.lb.Listener(
            "http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                {"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "404"}}
            ],
            opts=opts,
        )
        rule = aws.lb.ListenerRule(
            "app",
            listener_arn=listener.arn,
            conditions=[{"path_pattern": {"values": ["/*"]}}],
            actions=[{"type": "forward", "target_group_arn": targets.arn}],
            opts=opts,
        )
        cluster = aws.ecs.Cluster("main", opts=opts)
        aws.ecs.ClusterCapacityProviders(
            "main",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            default_capacity_provider_strategies=[{"capacity_provider": "FARGATE", "weight": 1}],
            opts=opts,
        )
        task = aws.ecs.TaskDefinition(
            "app",
            family=f"app-{self.cidr.replace('.', '-')}",
            cpu="256",
            memory=self.memory,
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            execution_role_arn=role.arn,
            container_definitions=pulumi.Output.secret(CONTAINERS),
            opts=opts,
        )
        service = aws.ecs.Service(
            "app",
            cluster=cluster.arn,
            task_definition=task.arn,
            desired_count=0,
            launch_type="FARGATE",
            force_delete=True,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            network_configuration={"subnets": [s.id for s in subnets], "security_groups": [group.id]},
            load_balancers=[{"target_group_arn": targets.arn, "container_name": "app", "container_port": 80}],
            opts=pulumi.ResourceOptions(provider=provider, depends_on=[rule]),
        )
        target = aws.appautoscaling.Target(
            "app",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", cluster.name, "/", service.name),
            min_capacity=0,
            max_capacity=4,
            opts=opts,
        )
        aws.appautoscaling.Policy(
            "cpu",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": 60,
                "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
            },
            opts=opts,
        )
        if self.adopted:
            aws.cloudwatch.LogGroup(
                "adopted",
                name=self.adopted,
                retention_in_days=3,
                opts=pulumi.ResourceOptions(provider=provider, import_=self.adopted),
            )
        pulumi.export("vpc", vpc.id)
        pulumi.export("log_group", logs.name)
        pulumi.export("task", task.arn)
        pulumi.export("containers", task.container_definitions)


def changed(summary: Any) -> dict[str, int]:
    return {str(kind): count for kind, count in (summary or {}).items() if str(kind) not in ("same", "OpType.SAME")}


def test_whole_life(tmp_path: Path, local_cloud: LocalCloud, client: Callable[..., Any]) -> None:
    program = Program("10.71")
    with stack(tmp_path, local_cloud, "life", program) as environment:
        planned = environment.preview().change_summary
        made = environment.up()
        assert made.summary.resource_changes == {"create": 26}
        assert planned == {"create": 26}
        assert environment.preview().change_summary == {auto.OpType.SAME: 26}

        outputs = made.outputs
        assert outputs["containers"].secret
        ec2, logs = client("ec2"), client("logs")
        vpc = ec2.describe_vpcs(VpcIds=[outputs["vpc"].value])["Vpcs"][0]
        assert {t["Key"]: t["Value"] for t in vpc["Tags"]} == {"team": "one", "by": "test"}

        program.memory, program.days, program.tags = "1024", 30, {"team": "two"}
        updated = environment.up().summary.resource_changes
        # The log group, the VPC and the service in place; the task definition by a new revision.
        assert updated == {"same": 22, "update": 3, "replace": 1}
        assert environment.preview().change_summary == {auto.OpType.SAME: 26}

        logs.put_retention_policy(logGroupName=outputs["log_group"].value, retentionInDays=5)
        assert environment.refresh().summary.resource_changes == {"same": 25, "update": 1}
        assert environment.up().summary.resource_changes == {"same": 25, "update": 1}
        found = logs.describe_log_groups(logGroupNamePrefix=outputs["log_group"].value)["logGroups"][0]
        assert found["retentionInDays"] == 30

        logs.create_log_group(logGroupName="/adopted", tags={"by": "test"})
        logs.put_retention_policy(logGroupName="/adopted", retentionInDays=3)
        program.adopted = "/adopted"
        assert environment.up().summary.resource_changes == {"same": 26, "import": 1}

        environment.destroy()
        assert environment.export_stack().deployment.get("resources", []) == []
        assert not ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [outputs["vpc"].value]}])["Vpcs"]
        assert not logs.describe_log_groups(logGroupNamePrefix="/adopted")["logGroups"]


def test_providers_of_one_program_keep_their_configuration_apart(
    tmp_path: Path, local_cloud: LocalCloud, client: Callable[..., Any]
) -> None:
    """Both attach to one server; each has its own region and default tags."""

    def program() -> None:
        for region in ("eu-west-2", "us-east-2"):
            provider = aws.Provider(
                region, region=region, default_tags=aws.ProviderDefaultTagsArgs(tags={"of": region})
            )
            group = aws.cloudwatch.LogGroup(region, name="apart", opts=pulumi.ResourceOptions(provider=provider))
            pulumi.export(region, group.tags_all)

    with stack(tmp_path, local_cloud, "apart", program) as environment:
        outputs = environment.up().outputs
        try:
            assert {k: v.value for k, v in outputs.items()} == {
                "eu-west-2": {"of": "eu-west-2"},
                "us-east-2": {"of": "us-east-2"},
            }
            for region in outputs:
                found = client("logs", region).describe_log_groups(logGroupNamePrefix="apart")["logGroups"]
                assert [g["arn"].split(":")[3] for g in found] == [region]
        finally:
            environment.destroy()


def test_another_account_is_refused(tmp_path: Path, local_cloud: LocalCloud) -> None:
    def program() -> None:
        provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["123456789012"])
        aws.cloudwatch.LogGroup("refused", opts=pulumi.ResourceOptions(provider=provider))

    with (
        stack(tmp_path, local_cloud, "refused", program) as environment,
        pytest.raises(auto.CommandError, match="000000000000 is not among allowedAccountIds: 123456789012"),
    ):
        environment.preview()


def test_what_failed_midway_is_kept_and_repaired(
    tmp_path: Path, local_cloud: LocalCloud, client: Callable[..., Any]
) -> None:
    """A gateway that couldn't be attached exists: it stays in the state, and a corrected program attaches it."""
    wrong = ["vpc-0123456789abcdef0"]

    def program() -> None:
        opts = pulumi.ResourceOptions(provider=aws.Provider("aws", region="eu-west-1"))
        vpc = aws.ec2.Vpc("half", cidr_block="10.72.0.0/16", opts=opts)
        gateway = aws.ec2.InternetGateway("half", vpc_id=wrong[0] if wrong else vpc.id, opts=opts)
        pulumi.export("gateway", gateway.id)

    ec2 = client("ec2")
    with stack(tmp_path, local_cloud, "half", program) as environment:
        with pytest.raises(auto.CommandError, match=r"AttachInternetGateway: InvalidVpcID\.NotFound"):
            environment.up()
        resources = environment.export_stack().deployment["resources"]
        (kept,) = [r["id"] for r in resources if r["type"] == "aws:ec2/internetGateway:InternetGateway"]
        wrong.clear()
        outputs = environment.up().outputs
        assert outputs["gateway"].value == kept
        (gateway,) = ec2.describe_internet_gateways(InternetGatewayIds=[kept])["InternetGateways"]
        assert [a["State"] for a in gateway["Attachments"]] == ["available"]
        environment.destroy()
        assert environment.export_stack().deployment.get("resources", []) == []
