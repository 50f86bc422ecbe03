"""Pipelines in a few lines. Pure."""

from __future__ import annotations

from rich.text import Text

from ecs_stack.ci_results import CiReceipt, CommentReceipt, FileState, OpenPreviews

_FOUND = {
    FileState.NEW: ("is missing", "written"),
    FileState.CURRENT: ("is current", "is current"),
    FileState.CHANGED: ("differs", "overwritten"),
    FileState.YOURS: ("is yours", "is yours, and stays as it is"),
}
_DIFF = {"+": "green", "-": "red", "@": "cyan"}


def files(receipt: CiReceipt) -> list[Text]:
    """What was found or done of each file; how it differs, where nothing was written; and what is left to people."""
    lines = []
    width = max(len(each.path) for each in receipt.files)
    for each in receipt.files:
        lines.append(Text(f"{each.path:<{width}}  {_FOUND[each.state][receipt.written]}"))
        if not receipt.written:
            lines += [Text(f"  {line}", style=_DIFF.get(line[:1], "dim")) for line in each.diff]
    if receipt.written:
        lines.append(Text("What is left to do:"))
        lines += [Text(f"  {step}") for step in receipt.next]
    return lines


def comment(receipt: CommentReceipt) -> list[Text]:
    """Where the comment is."""
    return [Text(f"{'Commented' if receipt.created else 'Changed the comment'}: {receipt.url}")]


def open_previews(found: OpenPreviews) -> list[Text]:
    """As `ephemeral prune --keep-open` takes them."""
    # Nothing at all would be what a step that failed leaves, too.
    return [Text(",".join(found.names) or "none")]
