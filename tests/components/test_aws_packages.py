"""pulumi_aws by name: less is loaded, and nobody can tell otherwise."""

from __future__ import annotations

import subprocess
import sys

BEGIN = """
import sys, types
import pulumi_aws
from ecs_stack.components import aws_packages
def whole(package): return type(getattr(pulumi_aws, package)) is types.ModuleType
"""


def run(script: str) -> str:
    """In a process of its own: what is loaded can't be unloaded."""
    done = subprocess.run([sys.executable, "-c", BEGIN + script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_environment_loads_no_package_whole() -> None:
    """With a balancer, a domain, scaling, secrets, a worker, endpoints: all that components can make."""
    assert (
        run("""
import pulumi
from pulumi.runtime import Mocks, set_mocks
from ecs_stack import program
from ecs_stack.spec import Environment

class Recording(Mocks):
    def new_resource(self, args):
        return (args.name, {**args.inputs, "arn": "arn:" + args.name, "domainValidationOptions": [{}]})
    def call(self, args): return {"accountId": "1", "region": "eu-west-1", "names": ["a", "b", "c"], "zoneId": "Z"}

set_mocks(Recording(), preview=True)
service = {"image": "i", "cpu": 256, "memory": 512}
program.build(Environment.model_validate({
    "name": "dev", "target": "local", "region": "eu-west-1",
    "network": {"endpoints": ["s3", "ecr", "logs"]},
    "load_balancer": {"domain": "example.com", "zone": "example.com"},
    "services": {
        "api": {**service, "port": 80, "route": {"path": "/*"}, "scale": {"min": 1, "max": 2, "cpu": 60, "memory": 70}},
        "worker": {**service, "permissions": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::a/*"]}],
                   "secrets": {"KEY": "ssm:/a/b"}},
    },
}), "shop")
print([package for package in {*aws_packages.USED, *aws_packages.SOMETIMES} if whole(package)])
""")
        == "[]"
    )


def test_names_are_the_same_objects_however_they_are_found() -> None:
    assert (
        run("""
import pulumi_aws.ec2.get_subnet
from pulumi_aws import ec2
assert callable(ec2.get_subnet)
by_name = ec2.Subnet, ec2.SubnetArgs, ec2.InstanceEbsBlockDeviceArgs, ec2.InstanceType, ec2.outputs, ec2.get_vpc
assert not whole("ec2")
names = dir(ec2)
assert whole("ec2") and "Instance" in names
assert by_name == (
    ec2.Subnet, ec2.SubnetArgs, ec2.InstanceEbsBlockDeviceArgs, ec2.InstanceType, ec2.outputs, ec2.get_vpc)
import pulumi_aws.ec2.get_vpc
import pulumi_aws.ec2.subnet
assert callable(ec2.get_vpc)
assert pulumi_aws.ec2.subnet.Subnet is ec2.Subnet
""")
        == ""
    )


def test_everything_is_there_for_those_who_ask() -> None:
    assert (
        run("""
from pulumi_aws.iam import *
assert whole("iam") and Role is pulumi_aws.iam.Role
from pulumi_aws.lb import TargetGroupAttachment
try:
    pulumi_aws.lb.Nonsense
except AttributeError as error:
    print(error)
""")
        == "module 'pulumi_aws.lb' has no attribute 'Nonsense'"
    )


def test_a_package_that_is_loaded_already_is_left_alone() -> None:
    script = """
import pulumi_aws
before = pulumi_aws.ec2.Subnet
from ecs_stack.components import Network
assert pulumi_aws.ec2.Subnet is before
import types, sys
assert type(sys.modules["pulumi_aws.ec2"]) is types.ModuleType
"""
    subprocess.run([sys.executable, "-c", script], check=True)
