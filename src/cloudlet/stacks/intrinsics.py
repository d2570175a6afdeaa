"""The intrinsic functions, evaluated.

One resolver serves planning and execution. What cannot be known yet, the name of a queue that is still
to be created, is ``UNKNOWN``, and so is everything made of it.
"""

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from .conditions import CONDITIONAL
from .document import Document, Path, refusal, text_of
from .references import PLACEHOLDER, function_of
from .resource import Physical
from .sentinels import NO_VALUE, UNKNOWN

_EXTENSIONS = frozenset(("Fn::Length", "Fn::ToJsonString"))


class Scope(msgspec.Struct):
    """What names stand for. A resource that is declared but not in ``resources`` is not known yet."""

    pseudo: dict[str, Any]
    parameters: dict[str, Any] = {}
    mappings: dict[str, Any] = {}
    conditions: dict[str, Any] = {}
    resources: dict[str, Physical] = {}
    changing: set[str] = set()  # resources whose attributes may yet change
    declared: frozenset[str] = frozenset()
    exports: Mapping[str, str] = {}
    extended: bool = False  # whether AWS::LanguageExtensions is among the transforms
    truths: dict[str, bool] = {}  # conditions that were evaluated


class Resolver:
    """Evaluates values of one document in one scope."""

    def __init__(self, scope: Scope, document: Document) -> None:
        self.scope, self._document = scope, document
        self._evaluating: list[str] = []

    def resolve(self, value: Any, path: Path = ()) -> Any:
        """``value`` without functions; whatever is ``AWS::NoValue`` is left out of what it is in."""
        if isinstance(value, list):
            items = [self.resolve(item, (*path, n)) for n, item in enumerate(value)]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        function = function_of(value)
        if not function:
            pairs = {key: self.resolve(item, (*path, key)) for key, item in value.items()}
            for key in pairs:
                if key.startswith("Fn::"):
                    raise self.refuse(f"Template format error: {key} must stand alone", (*path, key))
            return {key: item for key, item in pairs.items() if item is not NO_VALUE}
        return self._call(function, value[function], (*path, function))

    def condition(self, name: str) -> bool:
        """The value of the condition ``name``."""
        truths = self.scope.truths
        if name not in truths:
            if name in self._evaluating:
                raise self.refuse(
                    "Template error: Circular dependency between conditions: "
                    f"[{', '.join(self._evaluating)}]",
                    ("Conditions", name),
                )
            if name not in self.scope.conditions:
                raise self.refuse(f"Template error: Unresolved condition dependency [{name}]", ())
            self._evaluating.append(name)
            truths[name] = self.truth(self.scope.conditions[name], ("Conditions", name))
            self._evaluating.pop()
        return truths[name]

    def truth(self, value: Any, path: Path) -> bool:
        """The value of a condition function."""
        if isinstance(value, dict) and len(value) == 1:
            function, argument = next(iter(value.items()))
            if function == "Condition":
                return self.condition(str(argument))
            if function in CONDITIONAL:
                return CONDITIONAL[function](self, argument, (*path, function))
        found = self.resolve(value, path)
        if isinstance(found, bool) or found in ("true", "false"):
            return found in (True, "true")
        raise self.refuse(
            "Template error: every condition must be one of Fn::And, Fn::Equals, Fn::Not, Fn::Or or "
            "Condition",
            path,
        )

    def _call(self, function: str, argument: Any, path: Path) -> Any:
        if function in CONDITIONAL:
            return self.truth({function: argument}, path[:-1])
        if function in _EXTENSIONS and not self.scope.extended:
            raise self.refuse(f"Template error: {function} needs Transform: AWS::LanguageExtensions", path)
        known = _FUNCTIONS.get(function)
        if known is None:
            raise self.refuse(f"Template error: {function} is not a function that cloudlet honours", path)
        return known(self, argument, path)

    def arguments(self, argument: Any, path: Path, function: str, *shape: type) -> list[Any]:
        """The resolved list of arguments; each must be of its type, or unknown."""
        items = (
            [self.resolve(item, (*path, n)) for n, item in enumerate(argument)]
            if isinstance(argument, list)
            else None
        )
        if items is None or len(items) != len(shape):
            raise self.refuse(f"Template error: {function} requires a list of {len(shape)} arguments", path)
        for n, (item, kind) in enumerate(zip(items, shape, strict=True)):
            fits = (
                item is UNKNOWN
                or isinstance(item, kind)
                or (kind is str and isinstance(item, int | float | bool))
            )
            if not fits:
                noun = "a list" if kind is list else "a string"
                raise self.refuse(f"Template error: {function}: argument {n + 1} must be {noun}", path)
        return [
            text_of(item) if kind is str and item is not UNKNOWN else item
            for item, kind in zip(items, shape, strict=True)
        ]

    def refuse(self, message: str, path: Path) -> Exception:
        """The message, and the line of what stands under ``path``."""
        return refusal(message, self._document.line(*path))

    def _ref(self, name: Any, path: Path) -> Any:
        scope = self.scope
        if not isinstance(name, str):
            raise self.refuse(
                "Template format error: Every Ref object must have a single String value.", path
            )
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in scope.pseudo:
            return scope.pseudo[name]
        if name in scope.parameters:
            return scope.parameters[name]
        if name in scope.resources:
            return scope.resources[name].id
        if name in scope.declared:
            return UNKNOWN
        raise self.refuse(
            f"Template format error: Unresolved resource dependencies [{name}] in the Resources block "
            "of the template",
            path,
        )

    def _get_att(self, argument: Any, path: Path) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
            raise self.refuse(
                "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource "
                "name and the resource attribute",
                path,
            )
        rest = [self.resolve(part, path) for part in parts[1:]]
        return UNKNOWN if UNKNOWN in rest else self._attribute(parts[0], ".".join(map(text_of, rest)), path)

    def _attribute(self, name: str, attribute: str, path: Path) -> Any:
        if name in self.scope.changing:
            return UNKNOWN
        physical = self.scope.resources.get(name)
        if physical is None:
            if name in self.scope.declared:
                return UNKNOWN
            raise self.refuse(
                f"Template error: instance of Fn::GetAtt references undefined resource {name}", path
            )
        found: Any = physical.attributes
        if attribute in found:
            return found[attribute]
        for step in attribute.split("."):
            if not isinstance(found, dict) or step not in found:
                raise self.refuse(
                    f"Template error: resource {name} does not support attribute type {attribute} in "
                    "Fn::GetAtt",
                    path,
                )
            found = found[step]
        return found

    def _sub(self, argument: Any, path: Path) -> Any:
        text, values = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(values, dict):
            raise self.refuse(
                "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. "
                "Specify a string as first argument, and an optional second argument to specify a mapping "
                "of values to replace in the string",
                path,
            )
        parts: list[Any] = []
        at = 0
        for match in PLACEHOLDER.finditer(text):
            parts.append(text[at : match.start()])
            parts.append(
                "${" + match[2] + "}" if match[1] else self._placeholder(match[2].strip(), values, path)
            )
            at = match.end()
        parts.append(text[at:])
        return UNKNOWN if UNKNOWN in parts else "".join(parts)

    def _placeholder(self, name: str, values: dict[str, Any], path: Path) -> Any:
        if name in values:
            found = self.resolve(values[name], (*path, 1, name))
        elif "." in name:
            resource, _, attribute = name.partition(".")
            found = self._attribute(resource, attribute, path)
        else:
            found = self._ref(name, path)
        if found is UNKNOWN:
            return UNKNOWN
        if isinstance(found, list):
            return ",".join(map(text_of, found))
        if isinstance(found, dict) or found is NO_VALUE:
            raise self.refuse(f"Template error: Fn::Sub expression {name} does not resolve to a string", path)
        return text_of(found)

    def _join(self, argument: Any, path: Path) -> Any:
        delimiter, items = self.arguments(argument, path, "Fn::Join", str, list)
        if UNKNOWN in (delimiter, items) or UNKNOWN in items:
            return UNKNOWN
        if any(isinstance(item, dict | list) for item in items):
            raise self.refuse(
                "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and "
                "(2) a list of strings to be joined or a function that returns a list of strings",
                path,
            )
        return delimiter.join(map(text_of, items))

    def _select(self, argument: Any, path: Path) -> Any:
        index, items = self.arguments(argument, path, "Fn::Select", str, list)
        if UNKNOWN in (index, items):
            return UNKNOWN
        if not index.isdigit() or int(index) >= len(items):
            raise self.refuse(
                f"Template error: Fn::Select  cannot select nonexistent value at index {index}", path
            )
        return items[int(index)]

    def _split(self, argument: Any, path: Path) -> Any:
        delimiter, text = self.arguments(argument, path, "Fn::Split", str, str)
        if UNKNOWN in (delimiter, text):
            return UNKNOWN
        if not delimiter:
            raise self.refuse("Template error: every Fn::Split object requires a non-empty delimiter", path)
        return text.split(delimiter)

    def _find_in_map(self, argument: Any, path: Path) -> Any:
        if not isinstance(argument, list) or len(argument) not in (3, 4):
            raise self.refuse(
                "Template error: every Fn::FindInMap object requires three parameters, the map name, map "
                "key and the attribute for return value",
                path,
            )
        keys = [self.resolve(key, (*path, n)) for n, key in enumerate(argument[:3])]
        if UNKNOWN in keys:
            raise self.refuse("Template error: Fn::FindInMap cannot depend on a resource", path)
        found: Any = self.scope.mappings
        for key in keys:
            if not isinstance(found, dict) or text_of(key) not in found:
                if len(argument) == 4 and isinstance(argument[3], dict) and "DefaultValue" in argument[3]:
                    return self.resolve(argument[3]["DefaultValue"], (*path, 3, "DefaultValue"))
                raise self.refuse(
                    f"Template error: Unable to get mapping for {'::'.join(map(text_of, keys))}", path
                )
            found = found[text_of(key)]
        return self.resolve(found, path)

    def _base64(self, argument: Any, path: Path) -> Any:
        text = self.resolve(argument, path)
        return UNKNOWN if text is UNKNOWN else base64.b64encode(text_of(text).encode()).decode()

    def _cidr(self, argument: Any, path: Path) -> Any:
        given = [*argument, "8"] if isinstance(argument, list) and len(argument) == 2 else argument
        block, count, bits = self.arguments(given, path, "Fn::Cidr", str, str, str)
        if UNKNOWN in (block, count, bits):
            return UNKNOWN
        try:
            network = ipaddress.ip_network(block, strict=False)
            subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
            found = [str(subnet) for _, subnet in zip(range(int(count)), subnets, strict=False)]
            if not 1 <= int(count) <= 256 or len(found) < int(count):
                raise ValueError(f"{block} does not hold {count} blocks of {bits} bits")
        except ValueError as error:
            raise self.refuse(f"Template error: Fn::Cidr: {error}", path) from None
        return found

    def _get_azs(self, argument: Any, path: Path) -> Any:
        region = self.resolve(argument, path) or self.scope.pseudo["AWS::Region"]
        return UNKNOWN if region is UNKNOWN else [f"{region}{zone}" for zone in "abc"]

    def _import_value(self, argument: Any, path: Path) -> Any:
        name = self.resolve(argument, path)
        if name is UNKNOWN:
            raise self.refuse(
                "Template error: the attribute in Fn::ImportValue must not depend on any resources, "
                "imported values, or Fn::GetAZs",
                path,
            )
        if text_of(name) not in self.scope.exports:
            raise self.refuse(f"No export named {text_of(name)} found.", path)
        return self.scope.exports[text_of(name)]

    def _if(self, argument: Any, path: Path) -> Any:
        if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
            raise self.refuse(
                "Template error: Fn::If requires a list argument with the first element being a condition",
                path,
            )
        taken = 1 if self.condition(argument[0]) else 2
        return self.resolve(argument[taken], (*path, taken))

    def _length(self, argument: Any, path: Path) -> Any:
        items = self.resolve(argument, path)
        if items is UNKNOWN:
            return UNKNOWN
        if not isinstance(items, list):
            raise self.refuse("Template error: Fn::Length requires a list", path)
        return len(items)

    def _to_json(self, argument: Any, path: Path) -> Any:
        value = self.resolve(argument, path)
        return UNKNOWN if has_unknown(value) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def _transform(self, argument: Any, path: Path) -> Any:
        name = argument.get("Name", "?") if isinstance(argument, dict) else "?"
        raise self.refuse(f"The transform {name} is not honoured by cloudlet", path)


def has_unknown(value: Any) -> bool:
    """Whether something in ``value`` is known only after deployment."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


_FUNCTIONS: dict[str, Callable[[Resolver, Any, Path], Any]] = {
    "Ref": Resolver._ref,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::Sub": Resolver._sub,
    "Fn::Join": Resolver._join,
    "Fn::Select": Resolver._select,
    "Fn::Split": Resolver._split,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::Base64": Resolver._base64,
    "Fn::Cidr": Resolver._cidr,
    "Fn::GetAZs": Resolver._get_azs,
    "Fn::ImportValue": Resolver._import_value,
    "Fn::If": Resolver._if,
    "Fn::Length": Resolver._length,
    "Fn::ToJsonString": Resolver._to_json,
    "Fn::Transform": Resolver._transform,
}
