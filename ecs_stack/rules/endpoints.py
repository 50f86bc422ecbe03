"""VPC endpoints by short names.

https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ecs_stack.rules import arns

#: Routes in the route tables, at no charge.
GATEWAY = ("s3", "dynamodb")
#: Network interfaces in the private subnets, charged by the hour: the services behind a short name.
INTERFACE: Mapping[str, tuple[str, ...]] = {
    # Pulling an image asks the API for a token and the registry for the manifest; its layers come from S3.
    "ecr": ("ecr.api", "ecr.dkr"),
    "logs": ("logs",),
    "secretsmanager": ("secretsmanager",),
    "ssm": ("ssm",),
    "kms": ("kms",),
    "sts": ("sts",),
    "sqs": ("sqs",),
    "sns": ("sns",),
    "monitoring": ("monitoring",),
}
NAMES = (*GATEWAY, *INTERFACE)


def service_name(region: str, service: str) -> str:
    """An endpoint service's full name: ``com.amazonaws.eu-west-1.ecr.api``."""
    prefix = "cn.com" if arns.partition(region) == "aws-cn" and service.startswith("ecr.") else "com"
    return f"{prefix}.amazonaws.{region}.{service}"


def services(short_names: Iterable[str]) -> list[tuple[str, str]]:
    """The endpoints behind short names: ``Gateway`` or ``Interface``, and the service (``ecr.api``)."""
    found: list[tuple[str, str]] = []
    for name in short_names:
        if name in GATEWAY:
            found.append(("Gateway", name))
        else:
            found += [("Interface", service) for service in INTERFACE[name]]
    return found


def problem(name: str) -> str | None:
    """What is wrong with a short name; None if it is one."""
    return None if name in NAMES else f"'{name}' isn't one of {', '.join(NAMES)}"


def missing_without_nat(endpoints: tuple[str, ...], secret_services: set[str]) -> list[str]:
    """What Fargate tasks in subnets without a way out still need to start: the endpoints that lack, by name.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-setting-up-vpc-create
    """
    needed = {"ecr", "s3", "logs"} | secret_services
    return [name for name in NAMES if name in needed - set(endpoints)]
