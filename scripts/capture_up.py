"""Draws docs/up.svg: what a terminal shows of a real `ecs-stack up` on the local target, typed answers included.

Needs Docker with the images ecs-stack-demo:1 and :2 (scripts/demo-image 1 2), and the engine.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from fcntl import ioctl
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

CHECKOUT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("ecs-stack")
COLUMNS, ROWS = 112, 60
#: No font is fetched by who looks at the picture; the letters' widths are given line by line.
FORMAT = (
    re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    .replace("Fira Code, ", "")
    .replace("arial", "sans-serif")
)
BLACK, WHITE = (24, 26, 31), (216, 219, 226)
COLORS = [
    (70, 75, 85),
    (224, 108, 117),
    (126, 194, 112),
    (222, 184, 92),
    (97, 160, 240),
    (198, 120, 221),
    (86, 182, 194),
]
THEME = TerminalTheme(BLACK, WHITE, [*COLORS, WHITE])


def main() -> None:
    """Makes a project, brings it up, changes it, and draws the run that applies the change."""
    root = Path(tempfile.mkdtemp(prefix="shop-", dir="/tmp"))
    try:
        _quietly(root, "init", "--name", "shop")
        _quietly(root, "up", "dev", "--yes")
        file = root / "envs" / "dev.yaml"
        file.write_text(
            file.read_text().replace("ecs-stack-demo:1", "ecs-stack-demo:2").replace("count: 2", "count: 3")
        )
        shown = _typed(root, ["up", "dev"], {"[y/N]": "y"})
    finally:
        _quietly(root, "local", "reset", "--yes")
        shutil.rmtree(root)
    text = Text.from_ansi("\n".join(["\x1b[1;32m$\x1b[0m ecs-stack up dev", *_screen(shown)]))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(text)
    svg = console.export_svg(title="ecs-stack up dev", theme=THEME, code_format=FORMAT, unique_id="up")
    target = CHECKOUT / "docs" / "up.svg"
    target.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
    print(target)


def _quietly(root: Path, *arguments: str) -> None:
    subprocess.run([COMMAND, *arguments], cwd=root, check=True, capture_output=True)


def _typed(root: Path, arguments: list[str], answers: dict[str, str]) -> str:
    """What a terminal gets from a command, with the answer to each question."""
    parent, child = pty.openpty()
    ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    environment["TERM"] = "xterm-256color"
    process = subprocess.Popen(
        [COMMAND, *arguments], cwd=root, stdin=child, stdout=child, stderr=child, env=environment
    )
    os.close(child)
    got = b""
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # the command has ended
            break
        got += chunk
        for question, answer in list(answers.items()):
            if question.encode() in got:
                os.write(parent, f"{answer}\n".encode())
                del answers[question]
    if process.wait() != 0:
        sys.exit(got.decode())
    return got.decode()


def _screen(written: str) -> list[str]:
    """The lines that are left on the screen: progress is drawn, erased and drawn again on one line."""
    lines, row = [""], 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if piece == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif erased := re.fullmatch(r"\x1b\[(\d*)([AK])", piece):
            if erased[2] == "A":
                row -= int(erased[1] or 1)
            else:
                lines[row] = ""
        elif piece != "\r" and (not piece.startswith("\x1b") or piece.endswith("m")):
            lines[row] += piece
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


if __name__ == "__main__":
    main()
