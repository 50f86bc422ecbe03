"""A checkout whose environments say which forge's pipelines deploy them."""

from __future__ import annotations

from pathlib import Path

ACCOUNT = "123456789012"
CI = {
    "github": "github: acme/shop",
    "gitlab": "gitlab: acme/shop",
    "jenkins": "jenkins: https://jenkins.example.com/job/shop",
}

_SHOP = """
region: eu-west-1
services:
  api:
    image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/api:1
    cpu: 256
    memory: 512
    port: 8080
    route: {path: "/*"}
  web:
    image: ghcr.io/acme/web:1
    cpu: 256
    memory: 512
    port: 8080
    route: {path: "/web/*"}
"""

DEV = f"""
target: aws
account: "{ACCOUNT}"
state: {{backend: s3://acme-state, secrets: awskms://alias/acme-state}}
hosts_ephemeral: true
load_balancer: {{domain: preview.example.com}}
ci: {{FORGE}}
{_SHOP}
"""

PROD = f"""
target: aws
account: "210987654321"
state: {{backend: s3://acme-prod-state, secrets: awskms://alias/acme-state}}
protect: true
ci: {{FORGE}}
{_SHOP}
"""

#: On the developers' machines: no pipeline's business.
MINE = f"""
target: local
{_SHOP}
"""


def write(root: Path, forge: str, **files: str) -> Path:
    """A checkout with dev, prod, mine and the template; ``files`` are other texts for them, or further ones."""
    folder = root / "envs"
    folder.mkdir(parents=True, exist_ok=True)
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (root / "requirements.txt").write_text("ecs-stack @ file:///opt/ecs-stack.whl\n")
    (root / "services" / "api").mkdir(parents=True, exist_ok=True)
    (root / "services" / "api" / "Dockerfile").write_text("FROM scratch\n")
    texts = {"dev": DEV, "prod": PROD, "mine": MINE, "preview": "host: dev\n", **files}
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text.replace("{FORGE}", f"{{{CI[forge]}}}"))
    return root
