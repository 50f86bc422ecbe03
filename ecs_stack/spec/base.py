"""What all models of an environment file have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Strict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

#: From a model to a value in it: field names, keys, indexes.
Path = tuple[str | int, ...]

#: The type of an error whose text already says what would be right.
RULE = "rule"

T = TypeVar("T")


class Model(BaseModel):
    """Frozen, without unknown fields, and without guessing: the text "256" is no number.

    A field's docstring is its description in the JSON Schema.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


#: A list in YAML, a tuple here; embedders may pass either.
Strings = Annotated[tuple[str, ...], Strict(False)]


def rule(problem: Callable[[T], str | None]) -> AfterValidator:
    """A validator from a rule that says what is wrong with a value, or None."""

    def check(value: T) -> T:
        if text := problem(value):
            raise _error(text)
        return value

    return AfterValidator(check)


def _empty(items: Sized) -> str | None:
    return None if items else "needs at least one"


#: For lists. pydantic's own min_length would count an item that is wrong as missing, too.
NOT_EMPTY = rule(_empty)


def refuse(model: BaseModel, broken: Iterable[tuple[Path, str]]) -> None:
    """Raise what rules over several fields found: paths relative to the model, and what would be right.

    Does nothing if ``broken`` is empty. Called in a validator, the errors join those of the model's parents.
    """
    details = [InitErrorDetails(type=_error(text), loc=path, input=None) for path, text in broken]
    if details:
        raise ValidationError.from_exception_data(type(model).__name__, details)


def _error(text: str) -> PydanticCustomError:
    # The text travels as a value: as a template its braces would be read.
    return PydanticCustomError(RULE, "{text}", {"text": text})
