"""The ELBv2 operations that the gateway answers or checks itself, and why.

- RegisterTargets, DeregisterTargets, DescribeTargetHealth: moto keys targets without their
  port and finds all healthy.
- DeleteTargetGroup, CreateListener, ModifyListener: moto lets a group go that a rule uses, and two listeners
  have one port.
- CreateListener, ModifyListener, AddListenerCertificates, RemoveListenerCertificates: certificates are looked for in
  moto's own ACM, which has none (see ``gateway_moto_listeners``).
- Names of load balancers: in moto they end in amazonaws.com, which leads away from this machine.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import botocore.exceptions

from ecs_stack.local.controllers.load_balancer import certificates
from ecs_stack.local.controllers.load_balancer.model import ClientFactory, forwards, pages
from ecs_stack.local.controllers.load_balancer.targets import (
    NOT_IN_USE,
    NOT_REGISTERED,
    Reason,
    State,
    Target,
    Targets,
)
from ecs_stack.local.gateway_messages import ApiError, Request, Response, query_response

NAMESPACE = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
SERVICE = "elasticloadbalancing"
_DNS_NAME = re.compile(rb"(<DNSName>[^<]*)\.amazonaws\.com(</DNSName>)")

Guard = Callable[[Request], Response | None]


class Api:
    """Guards for the gateway. ``used`` answers the ARNs of target groups in use in a region."""

    def __init__(
        self,
        *,
        clients: ClientFactory,
        targets: Targets,
        changed: Callable[[], None],
        used: Callable[[str], set[str]],
    ) -> None:
        self._clients = clients
        self._targets = targets
        self._changed = changed
        self._used = used

    def guards(self) -> dict[tuple[str, str], Guard]:
        """By service and operation."""
        return {
            (SERVICE, "RegisterTargets"): self._register,
            (SERVICE, "DeregisterTargets"): self._deregister,
            (SERVICE, "DescribeTargetHealth"): self._describe_health,
            (SERVICE, "DeleteTargetGroup"): self._refuse_group_in_use,
            (SERVICE, "CreateListener"): self._check_listener,
            (SERVICE, "ModifyListener"): self._check_listener,
            (SERVICE, "AddListenerCertificates"): self._check_certificates,
            (SERVICE, "RemoveListenerCertificates"): self._refuse_removal_of_default,
        }

    def _register(self, request: Request) -> Response:
        group = self._group(request)
        asked = request.structures("Targets")
        if not asked:
            raise ApiError("ValidationError", "At least one target must be specified")
        network = _Network(self._clients("ec2", request.region), group["VpcId"]) if _is_ip(group) else None
        found = []
        for target in asked:
            zone = target.get("AvailabilityZone")
            if network is not None:
                zone = network.zone(target.get("Id", ""), zone)
            found.append((target.get("Id", ""), int(target.get("Port") or group["Port"]), zone))
        self._targets.register(group["TargetGroupArn"], request.region, found)
        self._changed()
        return query_response("RegisterTargets", "", namespace=NAMESPACE)

    def _deregister(self, request: Request) -> Response:
        group = self._group(request)
        for target in request.structures("Targets"):
            port = target.get("Port")
            # Deregistering what isn't registered succeeds, as on AWS.
            self._targets.drain(group["TargetGroupArn"], target.get("Id", ""), int(port) if port else None)
        self._changed()
        return query_response("DeregisterTargets", "", namespace=NAMESPACE)

    def _describe_health(self, request: Request) -> Response:
        group = self._group(request)
        arn = group["TargetGroupArn"]
        unused = arn not in self._used(request.region)
        registered = self._targets.of(arn)
        asked = request.structures("Targets")
        if not asked:
            body = "".join(_health(target, group, unused) for target in registered)
        else:
            body = ""
            for wanted in asked:
                id, port = wanted.get("Id", ""), int(wanted.get("Port") or group["Port"])
                found = next((t for t in registered if (t.id, t.port) == (id, port)), None)
                body += (
                    _health(found, group, unused)
                    if found is not None
                    else _description(id, port, None, group, State.UNUSED, NOT_REGISTERED)
                )
        result = f"<TargetHealthDescriptions>{body}</TargetHealthDescriptions>"
        return query_response("DescribeTargetHealth", result, namespace=NAMESPACE)

    def _refuse_group_in_use(self, request: Request) -> None:
        arn = request.parameters.get("TargetGroupArn", "")
        client = self._clients("elbv2", request.region)
        for balancer in pages(client, "describe_load_balancers", "LoadBalancers"):
            where = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
            for listener in pages(client, "describe_listeners", "Listeners", **where):
                rules = pages(client, "describe_rules", "Rules", ListenerArn=listener["ListenerArn"])
                actions = [action for rule in rules for action in rule["Actions"]]
                if any(arn == used for action in actions for used, _ in forwards(action)):
                    raise ApiError(
                        "ResourceInUse",
                        f"Target group '{arn}' is currently in use by a listener or a rule",
                    )

    def _check_listener(self, request: Request) -> None:
        self._refuse_duplicate_port(request)
        if request.parameters.get("Protocol") == "HTTPS" and not request.structures("Certificates"):
            arn = request.parameters.get("ListenerArn")
            if arn is None or not self._certificates(arn, request.region):
                raise ApiError("ValidationError", "A certificate must be specified for HTTPS listeners")
        self._check_certificates(request)

    def _check_certificates(self, request: Request) -> None:
        named = [each.get("CertificateArn", "") for each in request.structures("Certificates")]
        certificates.require_issued(self._clients("acm", request.region), named)

    def _refuse_removal_of_default(self, request: Request) -> None:
        gone = {each.get("CertificateArn") for each in request.structures("Certificates")}
        used = self._certificates(request.parameters.get("ListenerArn", ""), request.region)
        if any(each["IsDefault"] and each["CertificateArn"] in gone for each in used):
            raise ApiError("OperationNotPermitted", "Default certificate cannot be removed")

    def _certificates(self, listener_arn: str, region: str) -> list[Mapping[str, Any]]:
        try:
            found = self._clients("elbv2", region).describe_listener_certificates(ListenerArn=listener_arn)
        except botocore.exceptions.ClientError:
            return []  # Not found: moto says so itself.
        return list(found["Certificates"])

    def _refuse_duplicate_port(self, request: Request) -> None:
        port = request.parameters.get("Port")
        client = self._clients("elbv2", request.region)
        listener = request.parameters.get("ListenerArn", "")
        balancer = request.parameters.get("LoadBalancerArn") or _balancer_of(listener)
        if port is None:
            return
        try:
            listeners = list(pages(client, "describe_listeners", "Listeners", LoadBalancerArn=balancer))
        except botocore.exceptions.ClientError:
            return  # Not found: moto says so itself.
        if any(found["Port"] == int(port) and found["ListenerArn"] != listener for found in listeners):
            raise ApiError("DuplicateListener", "A listener already exists on this port for this load balancer")

    def _group(self, request: Request) -> Mapping[str, Any]:
        arn = request.parameters.get("TargetGroupArn", "")
        if not arn:
            raise ApiError("ValidationError", "A target group ARN must be specified")
        try:
            found = self._clients("elbv2", request.region).describe_target_groups(TargetGroupArns=[arn])
        except botocore.exceptions.ClientError as error:
            raise ApiError("TargetGroupNotFound", "One or more target groups not found") from error
        if not found["TargetGroups"]:
            raise ApiError("TargetGroupNotFound", "One or more target groups not found")
        return dict(found["TargetGroups"][0])


def resolvable_names(request: Request, response: Response) -> Response:
    """``NAME.REGION.elb.localhost``: names under localhost are this machine (RFC 6761)."""
    del request
    body = _DNS_NAME.sub(rb"\1.localhost\2", response.body)
    return response if body is response.body else replace(response, body=body)


class _Network:
    """The VPC's subnets: AWS looks a target's address up in them, not in the VPC's ranges."""

    def __init__(self, client: Any, vpc_id: str) -> None:
        self._subnets = client.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]

    def zone(self, id: str, asked: str | None) -> str | None:
        """The target's zone. Raises ApiError where AWS refuses the address or the zone."""
        try:
            address = ipaddress.ip_address(id)
        except ValueError as error:
            raise ApiError("ValidationError", f"The IP address '{id}' is not a valid IPv4 address") from error
        for subnet in self._subnets:
            if address in ipaddress.ip_network(subnet["CidrBlock"]):
                zone: str = subnet["AvailabilityZone"]
                if asked == "all":
                    raise ApiError(
                        "ValidationError",
                        f"The IP address '{id}' is within the VPC, and cannot have its Availability Zone "
                        f"overridden to 'all' from '{zone}'",
                    )
                return zone
        if asked != "all":
            raise ApiError(
                "ValidationError",
                f"The Availability Zone is required for IP address '{id}' because it is not in the VPC",
            )
        return asked


def _is_ip(group: Mapping[str, Any]) -> bool:
    return bool(group.get("TargetType") == "ip")


def _balancer_of(listener_arn: str) -> str:
    """``...:listener/app/NAME/ID/LISTENER`` belongs to ``...:loadbalancer/app/NAME/ID``."""
    return listener_arn.replace(":listener/", ":loadbalancer/").rpartition("/")[0]


def _health(target: Target, group: Mapping[str, Any], unused: bool) -> str:
    state, reason = target.state, target.reason
    if unused and state is not State.DRAINING:
        state, reason = State.UNUSED, NOT_IN_USE
    return _description(target.id, target.port, target.zone, group, state, reason)


def _description(
    id: str, port: int, zone: str | None, group: Mapping[str, Any], state: State, reason: Reason | None
) -> str:
    check_port = group.get("HealthCheckPort", "traffic-port")
    check = port if check_port == "traffic-port" else check_port
    where = f"<AvailabilityZone>{escape(zone)}</AvailabilityZone>" if zone else ""
    why = (
        f"<Reason>{escape(reason.code)}</Reason><Description>{escape(reason.text)}</Description>"
        if reason is not None
        else ""
    )
    return (
        f"<member><Target><Id>{escape(id)}</Id><Port>{port}</Port>{where}</Target>"
        f"<HealthCheckPort>{check}</HealthCheckPort>"
        f"<TargetHealth><State>{state}</State>{why}</TargetHealth></member>"
    )
