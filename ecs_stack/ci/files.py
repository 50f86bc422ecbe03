"""The pipeline files of a checkout: their text, and how it differs from what is there."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ecs_stack.ci import plan as plans
from ecs_stack.ci.plan import Plan, Previews, Target
from ecs_stack.ci.templates import fill
from ecs_stack.ci_results import CiFile, CiReceipt, FileState
from ecs_stack.errors import RefusedError
from ecs_stack.rules import images

_IMAGES = "ci/images"
_GITLAB_ROOT = ".gitlab-ci.yml"
#: Written once, and the project's from then on.
_ONCE = frozenset({_IMAGES, _GITLAB_ROOT})
_PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 (a variable's name)
_GITLAB_TTL = {"m": "minutes", "h": "hours", "d": "days"}


def write(
    root: Path, forge: str, *, force: bool = False, check: bool = False, variables: Mapping[str, str] = os.environ
) -> CiReceipt:
    """Writes the files of ``forge`` (github, gitlab, jenkins) into the project in ``root``.

    One that is there and says something else is overwritten with ``force`` only; without, RefusedError is raised before
    anything is written. With ``check`` nothing is written: the receipt says what would be. See ``plan.make`` for what
    else is raised.
    """
    root = root.resolve()
    plan = plans.make(root, forge, variables)
    files = tuple(_compared(root, path, text) for path, text in contents(forge, plan).items())
    changed = tuple(each for each in files if each.state is FileState.CHANGED)
    if changed and not force and not check:
        raise RefusedError(
            "files are there that say something else, and nothing was written",
            problems=tuple(f"{each.path} differs" for each in changed),
            hint=f"`ecs-stack ci {forge} --check` shows how; `--force` overwrites them.",
        )
    if not check:
        for each in files:
            if each.state in (FileState.NEW, FileState.CHANGED):
                _write(root / each.path, contents(forge, plan)[each.path])
    return CiReceipt(
        forge=forge,
        written=not check,
        current=not check or all(each.state in (FileState.CURRENT, FileState.YOURS) for each in files),
        files=files,
        next=tuple(_next(forge, plan)),
    )


def contents(forge: str, plan: Plan) -> dict[str, str]:
    """The text of every file, by its path in the project. Pure."""
    files = {"github": _github, "gitlab": _gitlab, "jenkins": _jenkins}[forge](plan)
    if plan.previews:
        files[_IMAGES] = _images(plan.previews)
    return files


def _github(plan: Plan) -> dict[str, str]:
    common = {"notice": _notice("github"), "install": plan.install, "python": plan.python}
    variables = _variables(plan, "${{ secrets.PULUMI_CONFIG_PASSPHRASE }}")
    files = {}
    if plan.previews:
        host = plan.previews.host
        where = common | {"preview_role": host.preview_role, "region": host.region}
        where["environment_variables"] = _block("env:", variables)
        files[".github/workflows/preview.yml"] = fill("github/preview.yml", where | {"state_variables": variables})
        files[".github/workflows/prune.yml"] = fill("github/prune.yml", where)
    del common["notice"]
    jobs = [
        _fragment(
            "github/deploy-job.yml",
            common
            | _place(each)
            | {
                "needs": f"needs: [{', '.join(before)}]" if (before := _before(plan, each)) else "",
                "environment_variables": _block("env:", variables),
                "approval_permission": "actions: read" if each.protected else "",
                "approval_step": _fragment("github/approval-step.yml", {"environment": each.environment})
                if each.protected
                else "",
            },
        )
        for each in plan.deployments
    ]
    files[".github/workflows/deploy.yml"] = fill(
        "github/deploy.yml", {"notice": _notice("github"), "branch": plan.branch, "jobs": "\n\n".join(jobs)}
    )
    return files


def _gitlab(plan: Plan) -> dict[str, str]:
    deploy, preview = [], ""
    for each in plan.deployments:
        needs = [f"deploy:{name}" for name in _before(plan, each)]
        if each.protected:
            deploy.append(_fragment("gitlab/plan.yml", _place(each) | {"branch": plan.branch, "needs": _needs(needs)}))
            needs = [f"plan:{each.environment}"]
        more = {"branch": plan.branch, "needs": _needs(needs), "when": "when: manual" if each.protected else ""}
        deploy.append(_fragment("gitlab/deploy.yml", _place(each) | more))
    if plan.previews:
        host = plan.previews.host
        preview = _fragment(
            "gitlab/preview.yml",
            {
                "preview_role": host.preview_role,
                "region": host.region,
                "scheme": plan.previews.scheme,
                "domain": plan.previews.domain,
                "auto_stop_in": _auto_stop(plan.previews.ttl),
                "branch": plan.branch,
            },
        )
    whole = fill(
        "gitlab/ecs-stack.gitlab-ci.yml",
        {
            "notice": _notice("gitlab"),
            "python": plan.python,
            "install": plan.install,
            # A variable of the project's settings is there by itself.
            "state_variables": f"PULUMI_BACKEND_URL: {plan.backend}" if plan.backend else "",
            "jobs": "\n\n".join([*([preview] if preview else []), *deploy]),
        },
    )
    return {"ci/ecs-stack.gitlab-ci.yml": whole, _GITLAB_ROOT: fill("gitlab/gitlab-ci.yml", {})}


def _jenkins(plan: Plan) -> dict[str, str]:
    venv = f"python3 -m venv .venv && .venv/bin/{plan.install}"
    common = {"branch": plan.branch, "venv": venv}
    stages = []
    if plan.previews:
        host = plan.previews.host
        where = {"preview_role": host.preview_role, "region": host.region}
        stages.append(_fragment("jenkins/preview.groovy", common | where))
    for each in plan.deployments:
        if each.protected:
            stages.append(_fragment("jenkins/approve.groovy", common | _place(each)))
        stages.append(_fragment("jenkins/deploy.groovy", common | _place(each)))
    variables = [
        *([f"PULUMI_BACKEND_URL = '{plan.backend}'"] if plan.backend else []),
        *([f"{_PASSPHRASE} = credentials('ecs-stack-passphrase')"] if plan.passphrase else []),
    ]
    block = ["environment {", *(f"    {each}" for each in variables), "}", ""] if variables else []
    values = {
        "notice": _notice("jenkins"),
        "branch": plan.branch,
        "state_variables": "\n".join(block),
        "stages": "\n\n".join(stages),
    }
    return {"Jenkinsfile": fill("jenkins/Jenkinsfile", values)}


def _images(previews: Previews) -> str:
    found = {each.service: images.ecr_repository(f"{each.repository}:x") for each in previews.images}
    registries = sorted(
        {(ecr.region, each.repository.partition("/")[0]) for each in previews.images if (ecr := found[each.service])}
    )
    logins = [
        f"aws ecr get-login-password --region {region} | docker login --username AWS --password-stdin {registry} >&2"
        for region, registry in registries
    ]
    builds = []
    for each in previews.images:
        line = f"build {each.service} {each.repository} {each.folder}"
        builds.append(line if found[each.service] else f"{line}  # not in Amazon ECR: log in to its registry first")
    if not builds:
        builds = [
            f"# build SERVICE REPOSITORY FOLDER: no service of {previews.host.environment} has an image in a registry"
        ]
    return fill("images.sh", {"logins": "\n".join(logins), "builds": "\n".join(builds)})


def _fragment(template: str, values: Mapping[str, str]) -> str:
    return fill(template, values).strip()


def _place(target: Target) -> dict[str, str]:
    return {"environment": target.environment, "region": target.region, "deploy_role": target.deploy_role}


def _before(plan: Plan, target: Target) -> list[str]:
    """The deployments that come first: a protected environment gets what all the others have taken."""
    return [each.environment for each in plan.deployments if target.protected and not each.protected]


def _needs(jobs: list[str]) -> str:
    # Without needs, a job waits for all of the stages before.
    return f"needs: [{', '.join(jobs)}]" if jobs else ""


def _variables(plan: Plan, passphrase: str) -> str:
    """The engine's settings that no environment file has."""
    lines = [f"PULUMI_BACKEND_URL: {plan.backend}"] if plan.backend else []
    return "\n".join([*lines, f"{_PASSPHRASE}: {passphrase}"] if plan.passphrase else lines)


def _block(head: str, lines: str) -> str:
    return "\n".join([head, *(f"  {line}" for line in lines.splitlines())]) if lines else ""


def _notice(forge: str) -> str:
    return f"Written by `ecs-stack ci {forge}`; with `--check` it says whether it would write the same today."


def _auto_stop(ttl: str) -> str:
    """A time to live as GitLab takes it."""
    found = re.fullmatch(r"(\d+)([mhd])", ttl)
    return f"{found[1]} {_GITLAB_TTL[found[2]]}" if found else "never"


def _compared(root: Path, path: str, text: str) -> CiFile:
    file = root / path
    if not file.exists():
        return CiFile(path=path, state=FileState.NEW)
    if path in _ONCE:
        return CiFile(path=path, state=FileState.YOURS)
    there = file.read_text("utf-8")
    if there == text:
        return CiFile(path=path, state=FileState.CURRENT)
    diff = difflib.unified_diff(there.splitlines(), text.splitlines(), path, f"{path} (as written today)", lineterm="")
    return CiFile(path=path, state=FileState.CHANGED, diff=tuple(diff))


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        if text.startswith("#!"):
            file.chmod(0o755)
    except OSError as error:
        raise RefusedError(f"{file} can't be written: {error.strerror}") from error


def _next(forge: str, plan: Plan) -> list[str]:
    """What the files can't do by themselves."""
    steps = [
        f"ecs-stack up {each.environment}: done once by somebody who may make roles, and whenever its `ci` changes"
        for each in plan.deployments
    ]
    protected = [each.environment for each in plan.deployments if each.protected]
    if forge == "github":
        where = "GitHub, Settings, Environments"
        # A workflow of any branch may name an environment, and has its role then.
        limit = f"deployment branches, only {plan.branch}"
        steps += [
            f"{where}, {each.environment}: {'required reviewers; ' if each.protected else ''}{limit}"
            for each in plan.deployments
        ]
        if plan.passphrase:
            steps.append(f"GitHub, Settings, Secrets and variables, Actions: add the secret {_PASSPHRASE}")
    if forge == "gitlab":
        steps += [f"GitLab, Settings, CI/CD, Protected environments: {name}, and who may deploy" for name in protected]
        if plan.passphrase:
            steps.append(f"GitLab, Settings, CI/CD, Variables: add {_PASSPHRASE}, masked")
        if plan.previews:
            steps.append("GitLab, Settings, Access tokens: one with the scope api, as the masked variable GITLAB_TOKEN")
            steps.append(f"GitLab, Build, Pipeline schedules: nightly, on {plan.branch}")
    if forge == "jenkins":
        steps.append("Jenkins, Credentials: ecs-stack-aws and ecs-stack-forge, as the Jenkinsfile's first lines say")
        if plan.passphrase:
            steps.append("Jenkins, Credentials: ecs-stack-passphrase, a secret text")
    if plan.previews:
        steps.append("ci/images: how each service's image is built")
    return steps
