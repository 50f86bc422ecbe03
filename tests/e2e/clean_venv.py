"""A virtual environment that has a wheel and exactly what the wheel declares, without a download.

The packages are links into the environment that the tests run in: whatever the wheel needs and doesn't declare (a
development tool, the checkout) isn't there.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout, as a release builds it."""
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def make(folder: Path, wheel: Path, extra: str) -> Path:
    """A virtual environment with ``wheel[extra]``; its folder of programs."""
    venv.create(folder, with_pip=False)
    programs = folder / "bin"
    _pip("--python", str(programs / "python"), "install", "--no-deps", "--no-index", str(wheel))
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    (info,) = site.glob("ecs_stack-*.dist-info")
    installed = metadata.Distribution.at(info)
    for name in sorted(_closure(installed, {extra}, set())):
        _link(metadata.distribution(name), site, programs)
    return programs


def _closure(package: metadata.Distribution, extras: set[str], seen: set[str]) -> set[str]:
    """Every package that ``package`` with ``extras`` needs here, directly or not."""
    for text in package.requires or ():
        requirement = Requirement(text)
        wanted = any(requirement.marker.evaluate({"extra": e}) for e in extras or {""}) if requirement.marker else True
        key = f"{requirement.name}[{','.join(sorted(requirement.extras))}]"
        if wanted and key not in seen:
            seen.add(key)
            _closure(metadata.distribution(requirement.name), set(requirement.extras), seen)
    return {key.split("[")[0] for key in seen}


def _link(package: metadata.Distribution, site: Path, programs: Path) -> None:
    for target, link in _links(package, site, programs):
        if not link.exists():
            link.symlink_to(target)


def _links(package: metadata.Distribution, site: Path, programs: Path) -> Iterator[tuple[Path, Path]]:
    for file in package.files or ():
        path = Path(str(package.locate_file(file))).resolve()
        if ".." not in file.parts:
            top = file.parts[0]
            if top != "__pycache__":
                yield Path(str(package.locate_file(top))), site / top
        elif path.parent.name == "bin" and path.read_bytes()[:2] != b"#!":
            yield path, programs / path.name


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"pip {arguments}\n{done.stdout}\n{done.stderr}"
