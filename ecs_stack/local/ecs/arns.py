"""Names that Amazon ECS gives: ARNs in the long format, and ids (Developer Guide, "ARNs and IDs")."""

from __future__ import annotations

import secrets
import string
import uuid
from dataclasses import dataclass

_ID_ALPHABET = string.ascii_letters + string.digits + "_-"


@dataclass(frozen=True)
class Arns:
    """ARNs of one account in one region."""

    region: str
    account: str

    @property
    def root(self) -> str:
        """The principal that requests come from: there are no users on the local target."""
        return f"arn:aws:iam::{self.account}:root"

    @property
    def service_linked_role(self) -> str:
        """The role that DescribeServices names as ``roleArn`` of services in awsvpc network mode."""
        return f"arn:aws:iam::{self.account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"

    def cluster(self, name: str) -> str:
        """A cluster."""
        return self._arn(f"cluster/{name}")

    def service(self, cluster: str, name: str) -> str:
        """A service."""
        return self._arn(f"service/{cluster}/{name}")

    def task(self, cluster: str) -> str:
        """A new task."""
        return self._arn(f"task/{cluster}/{secrets.token_hex(16)}")

    def container(self, cluster: str, task_id: str) -> str:
        """A new container of a task."""
        return self._arn(f"container/{cluster}/{task_id}/{uuid.uuid4()}")

    def task_definition(self, family: str, revision: int) -> str:
        """A revision of a task definition."""
        return self._arn(f"task-definition/{family}:{revision}")

    def service_revision(self, cluster: str, service: str) -> str:
        """A new service revision."""
        return self._arn(f"service-revision/{cluster}/{service}/{decimal_id()}")

    def service_deployment(self, cluster: str, service: str) -> str:
        """A new service deployment."""
        unique = "".join(secrets.choice(_ID_ALPHABET) for _ in range(21))
        return self._arn(f"service-deployment/{cluster}/{service}/{unique}")

    def _arn(self, resource: str) -> str:
        return f"arn:aws:ecs:{self.region}:{self.account}:{resource}"


def decimal_id() -> str:
    """Nineteen digits, as in ``ecs-svc/4744463545704487209``."""
    return str(secrets.randbelow(9 * 10**18) + 10**18)


def last_part(arn: str) -> str:
    """What stands after the last slash: a cluster's or service's name, a task's id. A name stays itself."""
    return arn.rsplit("/", 1)[-1]


def region_of(arn: str) -> str:
    """The region that an ARN names."""
    return arn.split(":", 4)[3]
