"""Against CDK: `ecs-stack preview` of 10 services beside `cdk synth` of 10 ApplicationLoadBalancedFargateService.

Both scale on CPU and memory. CDK only writes a template; the preview also asks the engine and the providers what would
change. Target: at most half of CDK's time and memory. Needs node and npm; CDK goes into a folder of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import measure

TARGET = 0.5
PACKAGES = ("aws-cdk-lib@2", "aws-cdk@2", "constructs@10")

#: One load balancer a service is what ApplicationLoadBalancedFargateService makes.
APP = """
const cdk = require("aws-cdk-lib");
const ec2 = require("aws-cdk-lib/aws-ec2");
const ecs = require("aws-cdk-lib/aws-ecs");
const patterns = require("aws-cdk-lib/aws-ecs-patterns");

const app = new cdk.App();
// Without an account: CDK would ask it for its zones.
const stack = new cdk.Stack(app, "bench");
const vpc = new ec2.Vpc(stack, "vpc", { maxAzs: 2, natGateways: 1 });
const cluster = new ecs.Cluster(stack, "cluster", { vpc });
for (let i = 0; i < Number(process.env.SERVICES); i++) {
  const service = new patterns.ApplicationLoadBalancedFargateService(stack, `s${i}`, {
    cluster, cpu: 256, memoryLimitMiB: 512, desiredCount: 1,
    taskImageOptions: { image: ecs.ContainerImage.fromRegistry("ecs-stack-demo:1"), containerPort: 8080 },
  });
  const scaling = service.service.autoScaleTaskCount({ minCapacity: 1, maxCapacity: 4 });
  scaling.scaleOnCpuUtilization("cpu", { targetUtilizationPercent: 60 });
  scaling.scaleOnMemoryUtilization("memory", { targetUtilizationPercent: 70 });
}
"""


def main() -> int:
    """Prints the comparison; 1 if the target is missed."""
    options = measure.arguments(__doc__ or "", runs=5)
    services = 1 if options.quick else 10
    text = measure.environment(services, tasks=1, scale=True)
    with tempfile.TemporaryDirectory(prefix="ecs-bench-") as folder, measure.project({"bench": text}) as root:
        app = install(Path(folder))
        measure.ecs_stack(root, "local", "start")
        taken = measure.in_turns(
            {
                "cdk synth": lambda: synth(app, services),
                "ecs-stack preview": lambda: measure.ecs_stack(root, "preview", "bench"),
            },
            options.runs,
        )
    print(measure.heading(f"Against CDK, {services} services", options.runs))
    print(measure.compared(taken, "cdk synth"))
    time, memory = shares(taken["ecs-stack preview"], taken["cdk synth"])
    print(f"\n{time:.2f} of the time and {memory:.2f} of the memory; the target is {TARGET} of each.")
    return 0 if max(time, memory) <= TARGET else 1


def shares(ours: list[measure.Sample], theirs: list[measure.Sample]) -> tuple[float, float]:
    """Our time and memory by theirs."""
    mine, other = measure.middle(ours), measure.middle(theirs)
    return mine.seconds / other.seconds, mine.peak / other.peak


def install(folder: Path) -> Path:
    """CDK and the app in a folder."""
    (folder / "app.js").write_text(APP)
    (folder / "package.json").write_text('{"name": "bench", "private": true}')
    (folder / "cdk.json").write_text('{"app": "node app.js"}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *PACKAGES]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def synth(app: Path, services: int) -> measure.Sample:
    """`cdk synth`, without its notices and its telemetry, which wait for the network."""
    command = [str(app / "node_modules/.bin/cdk"), "synth", "--quiet", "--no-notices"]
    env = {**os.environ, "SERVICES": str(services), "CDK_DISABLE_CLI_TELEMETRY": "true"}
    return measure.run(command, cwd=app, env=env)


if __name__ == "__main__":
    sys.exit(main())
