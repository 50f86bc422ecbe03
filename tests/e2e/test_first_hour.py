"""The first hour of somebody who installs the wheel: init, doctor, the demo, plain pulumi, and nothing left."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import clean_venv
from tests.e2e.project import Project, get


class Installed(Project):
    """An empty folder, and the command of an environment that has only the wheel."""

    def __init__(self, root: Path, command: Path) -> None:
        self.root = root
        self.command = command


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clean_venv.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Iterator[Installed]:
    programs = clean_venv.make(tmp_path / "venv", wheel, "local")
    root = Path(tempfile.mkdtemp(prefix="ecs-", dir="/tmp")).resolve()
    user = Installed(root, programs / "ecs-stack")
    yield user
    user.run("local", "reset", "--yes", code=None)
    left = user.docker_objects()
    shutil.rmtree(root)
    assert left == {"containers": [], "networks": [], "volumes": []}


def test_the_wheel_has_all_it_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    demo = {f"ecs_stack/scaffold/demo/{file.name}" for file in (clean_venv.CHECKOUT / "examples" / "demo").iterdir()}
    engine = {
        f"ecs_stack/automation/engine_source/{m}/go.{f}" for m in ("engine", "language_host") for f in ("mod", "sum")
    }
    assert {"ecs_stack/py.typed", "ecs_stack/scaffold/Pulumi.yaml", *demo, *engine} <= names
    assert {name.split("/")[0] for name in names} == {"ecs_stack", "ecs_stack-0.1.0.dist-info"}
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.engine
@pytest.mark.docker
def test_from_an_empty_folder_to_the_demo_and_back(installed: Installed) -> None:
    user = installed
    where = user.shell("python -c 'import ecs_stack; print(ecs_stack.__file__)'").out
    assert where.startswith(str(user.command.parents[1])), "the wheel, not the checkout"

    written = user.run("init")
    assert "ecs-stack up dev" in written.out
    assert "dev is valid" in user.run("validate").out
    assert "Application Load Balancer" in user.run("cost", "dev").out, "the list prices are there"
    assert user.run("doctor", "dev", "--json").json["ok"] is True
    user.shell("demo/build.sh")

    receipt = user.run("up", "dev", "--yes", "--json").json
    status, body = get(receipt["urls"]["api"])
    assert (status, body["version"]) == (200, "1")

    plain = user.shell('eval "$(ecs-stack local env)"; pulumi preview --stack dev --expect-no-changes')
    assert "unchanged" in plain.out
    user.run("destroy", "dev", "--yes")
    made = {file.split("/")[0] for file in user.run("init", "elsewhere", "--json").json["files"]}
    here = {file.name for file in user.root.iterdir()} - {"elsewhere", "__pycache__"}
    assert here == made | {".ecs-stack"}, "nothing else litters the project"
