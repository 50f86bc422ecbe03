"""What `ecs-stack ci` writes: from which facts, over which files, and what it refuses."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ecs_stack.ci import templates
from ecs_stack.ci.files import write
from ecs_stack.ci_results import FileState
from ecs_stack.errors import NotFoundError, RefusedError
from tests.ci import checkout

FORGES = ("github", "gitlab", "jenkins")


def yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


@pytest.mark.parametrize("forge", FORGES)
def test_every_place_is_filled_in(tmp_path: Path, forge: str) -> None:
    receipt = write(checkout.write(tmp_path, forge), forge, variables={})
    assert receipt.current
    assert {each.state for each in receipt.files} == {FileState.NEW}
    for each in receipt.files:
        text = (tmp_path / each.path).read_text()
        assert "<<" not in text, each.path
        assert not any(line != line.rstrip() for line in text.splitlines()), f"{each.path} has spaces at a line's end"
        assert "\n\n\n" not in text, f"{each.path} has two empty lines"
    assert (tmp_path / "ci/images").stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("forge", FORGES)
def test_it_deploys_environments_on_aws_the_protected_ones_last(tmp_path: Path, forge: str) -> None:
    receipt = write(checkout.write(tmp_path, forge), forge, variables={})
    text = "".join((tmp_path / each.path).read_text() for each in receipt.files)
    assert 0 < text.index("up dev --yes") < text.index("up prod --yes")
    assert "mine" not in text


def test_github_roles_and_rights(tmp_path: Path) -> None:
    write(checkout.write(tmp_path, "github"), "github", variables={})
    workflows = {path.stem: yaml(path) for path in (tmp_path / ".github/workflows").iterdir()}
    assert sorted(workflows) == ["deploy", "preview", "prune"]
    assert all(workflow["permissions"] == {} for workflow in workflows.values())
    jobs = {f"{name}.{job}": spec for name, flow in workflows.items() for job, spec in flow["jobs"].items()}
    writes = {name: {k for k, v in job.get("permissions", {}).items() if v == "write"} for name, job in jobs.items()}
    assert writes == {
        "preview.up": {"id-token", "pull-requests"},
        "preview.down": {"id-token", "pull-requests"},
        "preview.fork": set(),
        "prune.prune": {"id-token"},
        "deploy.dev": {"id-token"},
        "deploy.prod": {"id-token"},
    }
    roles = {
        name: step["with"]["role-to-assume"].rsplit(":", 2)[1:]
        for name, job in jobs.items()
        for step in job["steps"]
        if "configure-aws-credentials" in step.get("uses", "")
    }
    assert roles == {
        "preview.up": [checkout.ACCOUNT, "role/shop-dev-preview"],
        "preview.down": [checkout.ACCOUNT, "role/shop-dev-preview"],
        "prune.prune": [checkout.ACCOUNT, "role/shop-dev-preview"],
        "deploy.dev": [checkout.ACCOUNT, "role/shop-dev-deploy"],
        "deploy.prod": ["210987654321", "role/shop-prod-deploy"],
    }
    assert jobs["deploy.prod"]["environment"] == "prod", "its protection rules are what asks for the approval"
    asked = [step.get("run") for step in jobs["deploy.prod"]["steps"]].index("ecs-stack ci approval prod")
    assert asked < [step.get("run") for step in jobs["deploy.prod"]["steps"]].index("ecs-stack preview prod")
    assert not any("ci approval" in step.get("run", "") for step in jobs["deploy.dev"]["steps"])
    assert jobs["deploy.prod"]["needs"] == ["dev"]
    assert "needs" not in jobs["deploy.dev"]


def test_github_never_runs_foreign_code_with_rights(tmp_path: Path) -> None:
    write(checkout.write(tmp_path, "github"), "github", variables={})
    preview = yaml(tmp_path / ".github/workflows/preview.yml")
    assert list(preview["on"]) == ["pull_request"], "never pull_request_target"
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    assert all(own in job["if"] for name, job in preview["jobs"].items() if name != "fork")
    for job in preview["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "a branch's name would be run as a part of the script"


def test_gitlab_asks_for_approval_of_protected_environments_only(tmp_path: Path) -> None:
    write(checkout.write(tmp_path, "gitlab"), "gitlab", variables={})
    jobs = yaml(tmp_path / "ci/ecs-stack.gitlab-ci.yml")
    assert jobs["deploy:prod"]["rules"][0]["when"] == "manual"
    assert jobs["deploy:prod"]["needs"] == ["plan:prod"]
    assert "when" not in jobs["deploy:dev"]["rules"][0]
    assert jobs["preview"]["environment"]["on_stop"] == "preview:down"
    assert jobs["preview"]["environment"]["auto_stop_in"] == "72 hours"
    assert jobs["preview"]["environment"]["url"] == "https://mr-$CI_MERGE_REQUEST_IID.preview.example.com"
    assert jobs[".ecs-stack"]["id_tokens"]["AWS_ID_TOKEN"]["aud"] == "sts.amazonaws.com"
    assert yaml(tmp_path / ".gitlab-ci.yml") == {"include": [{"local": "ci/ecs-stack.gitlab-ci.yml"}]}


def test_images_come_from_where_the_services_do(tmp_path: Path) -> None:
    write(checkout.write(tmp_path, "github"), "github", variables={})
    text = (tmp_path / "ci/images").read_text()
    assert f"build api {checkout.ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/acme/api services/api\n" in text
    assert "build web ghcr.io/acme/web .  # not in Amazon ECR" in text
    assert text.count("docker login") == 1


def test_a_passphrase_is_a_secret_of_the_forge(tmp_path: Path) -> None:
    dev = checkout.DEV.replace(", secrets: awskms://alias/acme-state", "")
    receipt = write(checkout.write(tmp_path, "github", dev=dev), "github", variables={})
    job = yaml(tmp_path / ".github/workflows/deploy.yml")["jobs"]["dev"]
    assert job["env"] == {"PULUMI_CONFIG_PASSPHRASE": "${{ secrets.PULUMI_CONFIG_PASSPHRASE }}"}
    assert any("PULUMI_CONFIG_PASSPHRASE" in step for step in receipt.next)


def test_a_backend_that_only_the_shell_names_goes_along(tmp_path: Path) -> None:
    dev = checkout.DEV.replace("backend: s3://acme-state, ", "")
    root = checkout.write(tmp_path, "github", dev=dev)
    write(root, "github", variables={"PULUMI_BACKEND_URL": "s3://other"})
    for job in ("up", "down"):
        steps = yaml(root / ".github/workflows/preview.yml")["jobs"][job]["steps"]
        given = {step["name"]: step["env"]["PULUMI_BACKEND_URL"] for step in steps if "BACKEND" in str(step.get("env"))}
        assert list(given.values()) == ["s3://other"], "the engine's step has it, and none that runs the branch's code"


def test_no_template_no_previews(tmp_path: Path) -> None:
    root = checkout.write(tmp_path, "github")
    (root / "envs/preview.yaml").unlink()
    assert [each.path for each in write(root, "github", variables={}).files] == [".github/workflows/deploy.yml"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    root = checkout.write(tmp_path, "github")
    write(root, "github", variables={})
    assert {each.state for each in write(root, "github", variables={}).files} == {FileState.CURRENT, FileState.YOURS}
    changed = root / ".github/workflows/prune.yml"
    changed.write_text(changed.read_text().replace('"17 3 * * *"', '"5 5 * * *"'))
    (root / ".github/workflows/deploy.yml").unlink()
    (root / "ci/images").write_text("mine\n")
    before = changed.read_text()

    found = write(root, "github", check=True, variables={})
    assert not found.current
    assert not found.written
    (differs,) = [each for each in found.files if each.state is FileState.CHANGED]
    assert '-    - cron: "5 5 * * *"  # UTC; not at a full hour, when GitHub is busiest' in differs.diff
    with pytest.raises(RefusedError, match="nothing was written") as refused:
        write(root, "github", variables={})
    assert refused.value.problems == (".github/workflows/prune.yml differs",)
    assert changed.read_text() == before
    assert not (root / ".github/workflows/deploy.yml").exists()

    assert write(root, "github", force=True, variables={}).current
    assert changed.read_text() != before
    assert (root / ".github/workflows/deploy.yml").exists()
    assert (root / "ci/images").read_text() == "mine\n"


def test_no_environment_names_the_forge(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="gitlab"):
        write(checkout.write(tmp_path, "github"), "gitlab", variables={})


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (f'account: "{checkout.ACCOUNT}"\n', "", "account is missing"),
        ("backend: s3://acme-state, ", "", "state.backend is missing"),
    ],
)
def test_what_pipelines_cannot_do_without(tmp_path: Path, before: str, after: str, problem: str) -> None:
    assert before in checkout.DEV
    root = checkout.write(tmp_path, "github", dev=checkout.DEV.replace(before, after))
    with pytest.raises(RefusedError) as refused:
        write(root, "github", variables={})
    (line,) = refused.value.problems
    assert line.startswith(f"envs/dev.yaml: {problem}")
    assert not (root / ".github").exists()


@pytest.mark.parametrize("text", [None, "requests\n"])
def test_what_runners_install_is_said_by_the_project(tmp_path: Path, text: str | None) -> None:
    """And by no index, where anybody may have taken the name."""
    root = checkout.write(tmp_path, "github")
    (root / "requirements.txt").unlink()
    if text is not None:
        (root / "requirements.txt").write_text(text)
    with pytest.raises(RefusedError) as refused:
        write(root, "github", variables={})
    assert refused.value.problems == (
        "requirements.txt: doesn't name ecs-stack, and runners install it with that file",
    )
    (root / "pyproject.toml").write_text('[project]\nname = "ecs-stack"\n')
    write(root, "github", variables={})
    assert "pip install --quiet --constraint constraints.txt ." in (root / ".github/workflows/deploy.yml").read_text()


def test_previews_stand_on_an_environment_that_hosts_them(tmp_path: Path) -> None:
    root = checkout.write(tmp_path, "github", dev=checkout.DEV.replace("hosts_ephemeral: true", ""))
    with pytest.raises(RefusedError, match="doesn't host ephemeral environments"):
        write(root, "github", variables={})
    local = checkout.write(tmp_path / "local", "github", preview="host: mine\ndomain: example.com\n")
    with pytest.raises(RefusedError, match="isn't on aws"):
        write(local, "github", variables={})


def test_pipelines_deploy_one_branch(tmp_path: Path) -> None:
    prod = checkout.PROD.replace("ci: {FORGE}", "ci: {github: acme/shop, branch: release}")
    with pytest.raises(RefusedError) as refused:
        write(checkout.write(tmp_path, "github", prod=prod), "github", variables={})
    assert "ci.branch is release, and main in envs/dev.yaml" in refused.value.problems[0]


def test_places_and_values_belong_together() -> None:
    names = (
        "environment",
        "needs",
        "python",
        "install",
        "region",
        "deploy_role",
        "approval_permission",
        "approval_step",
    )
    values = dict.fromkeys(names, "x")
    with pytest.raises(KeyError):
        templates.fill("github/deploy-job.yml", values)
    values["environment_variables"] = "env:\n  A: b"
    assert "  env:\n    A: b\n" in templates.fill("github/deploy-job.yml", values)
    with pytest.raises(ValueError, match="no place for other"):
        templates.fill("github/deploy-job.yml", {**values, "other": "x"})
