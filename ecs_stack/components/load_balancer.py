"""The load balancer that all services of an environment share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, lb, vpc

from ecs_stack.rules import names

PORTS = {"HTTP": 80, "HTTPS": 443}
#: TLS 1.3 and 1.2, with forward secrecy only: what AWS's console takes for new listeners. The API's own default is of
#: 2016, and has TLS 1.0.
#: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """``allow_from`` are IPv4 blocks; ``idle_timeout`` is in seconds.

    With ``certificate_arn``, of a certificate that is issued, it speaks HTTPS and redirects plain HTTP.
    """

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Public subnets, in at least two zones."""
    allow_from: Sequence[str] = ("0.0.0.0/0",)
    idle_timeout: int = 60
    certificate_arn: pulumi.Input[str] | None = None
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None


class LoadBalancer(pulumi.ComponentResource):
    """An internet-facing Application Load Balancer whose listener answers 404 until a service adds its rule.

    Its security group lets out to one other group only, ``tasks_security_group_id``, which the tasks behind it join:
    those of its own stack and of others, so that neither changes anything here (docs/adr/0009 and 0017).
    """

    arn: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    """The hosted zone of ``dns_name``, which alias records name."""
    listener_arn: pulumi.Output[str]
    """The listener that services add their rules to."""
    listener_port: int
    listener_protocol: str
    security_group_id: pulumi.Output[str]
    tasks_security_group_id: pulumi.Output[str]
    """Known once the load balancer's group lets out to it."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:LoadBalancer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = ec2.SecurityGroup(
            names.auto(f"{name}-lb", names.SECURITY_GROUP),
            vpc_id=args.vpc_id,
            description="Load balancer",
            tags=args.tags,
            opts=child,
        )
        secure = args.certificate_arn is not None
        self.listener_protocol = "HTTPS" if secure else "HTTP"
        self.listener_port = PORTS[self.listener_protocol]
        for cidr in args.allow_from:
            for protocol in ("HTTP", "HTTPS") if secure else ("HTTP",):
                suffix = "" if protocol == "HTTP" else f"-{protocol.lower()}"
                vpc.SecurityGroupIngressRule(
                    f"{name}-lb-from-{cidr.replace('/', '-')}{suffix}",
                    security_group_id=group.id,
                    cidr_ipv4=cidr,
                    ip_protocol="tcp",
                    from_port=PORTS[protocol],
                    to_port=PORTS[protocol],
                    description=protocol,
                    tags=args.tags,
                    opts=child,
                )
        balancer = lb.LoadBalancer(
            names.auto(name, names.LOAD_BALANCER),
            load_balancer_type="application",
            internal=False,
            subnets=args.subnet_ids,
            security_groups=[group.id],
            idle_timeout=args.idle_timeout,
            # Headers with invalid names are a way to smuggle requests past a proxy.
            drop_invalid_header_fields=True,
            tags=args.tags,
            opts=child,
        )
        plain = self._listener(name, args, balancer, "HTTP", _to_https() if secure else _not_found())
        serving = self._listener(f"{name}-https", args, balancer, "HTTPS", _not_found()) if secure else plain
        self.arn = balancer.arn
        self.dns_name = balancer.dns_name
        self.zone_id = balancer.zone_id
        self.listener_arn = serving.arn
        self.security_group_id = group.id
        self.tasks_security_group_id = self._tasks_group(name, args, group)
        self.register_outputs(
            {
                "arn": self.arn,
                "dns_name": self.dns_name,
                "listener_arn": self.listener_arn,
                "security_group_id": self.security_group_id,
                "tasks_security_group_id": self.tasks_security_group_id,
            }
        )

    def _listener(
        self,
        name: str,
        args: LoadBalancerArgs,
        balancer: lb.LoadBalancer,
        protocol: str,
        otherwise: lb.ListenerDefaultActionArgs,
    ) -> lb.Listener:
        """``otherwise`` is done with a request that no service takes."""
        encrypted = protocol == "HTTPS"
        return lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=PORTS[protocol],
            protocol=protocol,
            ssl_policy=TLS_POLICY if encrypted else None,
            certificate_arn=args.certificate_arn if encrypted else None,
            default_actions=[otherwise],
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _tasks_group(self, name: str, args: LoadBalancerArgs, balancer: ec2.SecurityGroup) -> pulumi.Output[str]:
        """A group without rules of its own: who joins it opens nothing to anybody, not even to the load balancer."""
        child = pulumi.ResourceOptions(parent=self)
        group = ec2.SecurityGroup(
            names.auto(f"{name}-lb-tasks", names.SECURITY_GROUP),
            vpc_id=args.vpc_id,
            description="Tasks behind the load balancer",
            tags=args.tags,
            opts=child,
        )
        way_out = vpc.SecurityGroupEgressRule(
            f"{name}-lb-to-tasks",
            security_group_id=balancer.id,
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            # A security group has 60 rules for what goes out (Amazon VPC quotas), too few for one a service. Each
            # service's own group lets the load balancer in on the port that its tasks listen on, and on no other.
            from_port=1,
            to_port=65535,
            description="Requests and health checks",
            tags=args.tags,
            opts=child,
        )
        return pulumi.Output.all(group.id, way_out.arn).apply(lambda known: str(known[0]))


# Functions, for the classes load when they are first named (``aws_packages``): not with this module.
def _not_found() -> lb.ListenerDefaultActionArgs:
    return lb.ListenerDefaultActionArgs(
        type="fixed-response",
        fixed_response=lb.ListenerDefaultActionFixedResponseArgs(
            content_type="text/plain", message_body="Not found", status_code="404"
        ),
    )


def _to_https() -> lb.ListenerDefaultActionArgs:
    """Host, path and query stay as they were asked for."""
    return lb.ListenerDefaultActionArgs(
        type="redirect",
        redirect=lb.ListenerDefaultActionRedirectArgs(
            protocol="HTTPS", port=str(PORTS["HTTPS"]), status_code="HTTP_301"
        ),
    )
