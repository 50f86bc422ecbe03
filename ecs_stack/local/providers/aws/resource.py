"""What a resource type is: facts as class attributes, and the four operations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .call import Call
from .naming import Autoname
from .shapes import Codec, Plain

State = dict[str, Any]


class ResourceType:
    """A resource type of pulumi-aws. Property names are pulumi-aws's.

    The facts (what replaces, what has a default, what AWS fills in) are those of the schema in
    hashicorp/terraform-provider-aws, which pulumi-aws wraps; each subclass names its documentation page.
    """

    token: ClassVar[str]
    #: The inputs that are implemented; others that pulumi_aws declares are refused by name.
    inputs: ClassVar[frozenset[str]]
    #: Nested inputs with a table of their own.
    blocks: ClassVar[Mapping[str, Codec]] = {}
    #: How it is named when the program gives no name.
    autoname: ClassVar[Autoname | None] = None
    #: Schema defaults. A path with dots (``healthCheck.interval``) is the default inside a block that is given.
    defaults: ClassVar[Mapping[str, Any]] = {}
    #: What AWS answers for an input that was never given: naming it or leaving it out is no change.
    unset: ClassVar[Mapping[str, Any]] = {}
    #: ForceNew: a change makes a new resource. Names of properties, or paths without indexes.
    replaces: ClassVar[frozenset[str]] = frozenset()
    #: Optional and Computed: AWS fills them in, and leaving one out later keeps what is there. Paths, as above.
    computed: ClassVar[frozenset[str]] = frozenset()
    #: Attributes that AWS doesn't know, kept in the state only.
    kept: ClassVar[frozenset[str]] = frozenset()
    #: JSON documents, compared by what they mean.
    documents: ClassVar[frozenset[str]] = frozenset()
    #: Lists whose order counts; all others are sets.
    ordered: ClassVar[frozenset[str]] = frozenset()
    #: Groups of inputs of which at most one may be given.
    conflicts: ClassVar[Sequence[tuple[str, ...]]] = ()
    #: Outputs that an update may change, by the inputs that do it (for previews).
    moved_by: ClassVar[Mapping[str, frozenset[str]]] = {}
    #: AWS can't hold the old and the new one at once (pulumi-aws's provider/resources.go says where).
    delete_before_replace: ClassVar[bool] = False
    #: Lives in a region (has the ``region`` property).
    regional: ClassVar[bool] = True
    #: Has ``tags`` and ``tagsAll``.
    tagged: ClassVar[bool] = True

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        """Further rules on known inputs: (property, what is wrong). May fill in inputs that follow from others."""
        return ()

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:  # noqa: ARG002
        """The id and what the state needs for a read, from the id that an import is given."""
        return import_id, {}

    def create(self, call: Call, inputs: State) -> str:
        """Make it; the new id. Sets ``call.created`` as soon as it exists."""
        raise NotImplementedError

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        """All properties as AWS has them now, or None if it isn't there. An ``id`` in it corrects the id."""
        raise NotImplementedError

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        """Change what ``changed`` names. Tags are handled by ``retag``."""

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        """Set and remove tags."""

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        """Remove it; not being there is no error."""
        raise NotImplementedError

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:  # noqa: ARG002
        """Whether two values of the property at ``path`` (without indexes) mean the same."""
        if path in self.documents and isinstance(old, str) and isinstance(new, str):
            return same_document(old, new)
        if isinstance(old, list) and isinstance(new, list) and path not in self.ordered:
            return bool(canonical(old) == canonical(new))
        return bool(old == new)

    def replacement(self, path: str, new: Any, inputs: State, state: State) -> bool:  # noqa: ARG002
        """Whether a change at ``path`` (without indexes) makes a new resource; ``new`` is None if it is left out."""
        parts = path.split(".")
        return path == "region" or any(".".join(parts[: i + 1]) in self.replaces for i in range(len(parts)))

    def filled(self, path: str, value: Any) -> Any:
        """The value with the defaults of its nested properties filled in."""
        if isinstance(value, list):
            return [self.filled(path, item) for item in value]
        if not isinstance(value, Mapping):
            return value
        result = {key: self.filled(f"{path}.{key}", item) for key, item in value.items()}
        for where, default in self.defaults.items():
            parent, _, key = where.rpartition(".")
            if parent == path:
                result.setdefault(key, default)
        return result

    def unsupported(self, inputs: State) -> list[str]:
        """Paths of inputs that pulumi-aws knows and this stand-in doesn't."""
        allowed = self.inputs | ({"region"} if self.regional else set()) | ({"tags"} if self.tagged else set())
        found = [name for name in inputs if name not in allowed]
        for name, codec in self.blocks.items():
            if name in inputs:
                found.extend(codec.unsupported(inputs[name], name))
        return found

    def to_aws(self, name: str, value: Any) -> Any:
        """A nested input in AWS's form, by its table."""
        return self.blocks.get(name, Plain()).to_aws(value)

    def from_aws(self, name: str, value: Any) -> Any:
        """A nested output in pulumi-aws's form, by its table."""
        return None if value is None else self.blocks.get(name, Plain()).from_aws(value)


def canonical(value: Any) -> Any:
    """A form in which two sets with the same members are equal."""
    if isinstance(value, Mapping):
        return {k: canonical(v) for k, v in sorted(value.items()) if v not in (None, [], {})}
    if isinstance(value, list):
        return sorted((canonical(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True, default=str))
    return value


def same_document(old: str, new: str) -> bool:
    """Whether two JSON policy documents mean the same: a list of one equals its element, order counts nowhere."""
    try:
        return bool(_document(json.loads(old)) == _document(json.loads(new)))
    except json.JSONDecodeError:
        return old == new


def _document(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _document(v) for k, v in value.items()}
    if isinstance(value, list):
        items = sorted((_document(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
        return items[0] if len(items) == 1 else items
    return value
