"""Answers to calls that their clients may not have got: the SDK sends such a call again, with the same identity.

Executing it twice would be wrong: a name that is taken by the first, two resources where one was asked for.
"""

from __future__ import annotations

from collections import OrderedDict

from ecs_stack.local.gateway_messages import Response

#: The engine has some dozens of calls under way at a time, and one whose answer was lost is among the last ones.
KEPT = 256


class Answers:
    """The last answers, by the identity of their calls ("" is none)."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Response] = OrderedDict()

    def get(self, invocation: str) -> Response | None:
        """What this call was answered, if it was."""
        return self._answers.get(invocation)

    def items(self) -> list[tuple[str, Response]]:
        """All of them, oldest first."""
        return list(self._answers.items())

    def remember(self, invocation: str, response: Response) -> Response:
        """Keep an answer, unless it says that nothing was done; returns it."""
        if invocation and response.status < 400:
            self._answers[invocation] = response
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        return response
