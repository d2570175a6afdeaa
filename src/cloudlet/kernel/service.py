"""A service is a botocore model and the functions that implement it.

The signature of a function is its contract. ``Service.operation`` checks it against the model when
the module is imported: every parameter must be a member of the input shape, and every required
member must be a parameter. Members that are not parameters are not honoured, and a request that
uses one is refused by name, unless the service lists it in ``harmless``, with the reason.
"""

import inspect
import keyword
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore import xform_name

from ..errors import AwsError, NotHonoured, UnknownOperationException, ValidationError, ValidationException
from ..wire import model, validate
from ..wire.model import Dialect, OperationModel
from .front import Front

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S")
Check = Callable[[OperationModel, dict[str, Any]], None]


class Operation:
    """One function, bound to the operation of the model that its name spells."""

    __slots__ = ("function", "harmless", "honoured", "members", "name", "spec", "waits")

    def __init__(
        self, spec: OperationModel, function: Callable[..., Any], harmless: Mapping[str, str]
    ) -> None:
        self.name, self.spec, self.function = spec.name, spec, function
        self.waits = inspect.iscoroutinefunction(function)
        shape = spec.input.shape if spec.input else None
        self.members = {name: xform_name(name).replace("-", "_") for name in (shape.members if shape else ())}
        parameters = [
            parameter.name.rstrip("_") for parameter in inspect.signature(function).parameters.values()
        ][1:]
        self.honoured = {
            name: python_name(snake) for name, snake in self.members.items() if snake in parameters
        }
        self.harmless = {member: why for member, why in harmless.items() if member in self.members}
        unknown = set(parameters) - set(self.members.values())
        missing = set(shape.required if shape else ()) - self.honoured.keys() - self.harmless.keys()
        if unknown or missing:
            raise TypeError(
                f"{spec!r}: unknown parameters {sorted(unknown)}, missing members {sorted(missing)}"
            )

    def arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The function's arguments; a member it does not honour is refused by name."""
        found = {}
        for name, value in params.items():
            python = self.honoured.get(name)
            if value is None:
                continue  # as if it were not there
            if python is not None:
                found[python] = value
            elif name not in self.harmless:
                raise self._refusal(name)
        return found

    def _refusal(self, name: str) -> AwsError:
        if name not in self.members:
            return ValidationException(f"Unknown parameter in input: {name!r} of {self.name}, "
                                       f"must be one of: {', '.join(self.members)}")
        return NotHonoured(f"cloudlet does not honour the member {name} of {self.name}, and refuses it "
                           "rather than ignore it. `cloudlet coverage` lists what is honoured.")


def python_name(snake: str) -> str:
    """A member's name as a parameter: a word that Python keeps for itself gets a trailing underscore."""
    return snake + "_" if keyword.iskeyword(snake) else snake


class Service:
    """The operations of one AWS service, gathered by decorators.

    ``harmless`` names members that may be given and change nothing here, as ``"Operation.Member"`` or
    ``"*.Member"``, with the reason. ``check`` replaces the model's constraints where a service has words
    of its own for them. ``dialect`` says how its XML departs from its model, ``front`` how its HTTP departs
    from other services'.
    """

    def __init__(self, name: str, *, harmless: Mapping[str, str] | None = None, check: Check | None = None,
                 dialect: Dialect | None = None, front: Front | None = None) -> None:
        self.name, self.model = name, model.load(name)
        if dialect:
            self.model.dialect = dialect
        self.check: Check = check or self._constraints
        self.front = front or Front()
        self.harmless = dict(harmless or {})
        self.operations: dict[str, Operation] = {}
        self.tasks: dict[str, Callable[..., Any]] = {}
        self.targets: list[Callable[..., Any]] = []
        self.sources: list[Any] = []
        self.sites: dict[str, Callable[..., Any]] = {}
        self.resources: dict[str, Any] = {}
        self.lines: dict[str, Callable[..., Any]] = {}
        self.origins: Callable[..., Any] | None = None  # set by ``origin``
        self.form: Callable[..., Any] | None = None
        self.grants: Callable[..., Any] | None = None
        self.find_role: Callable[..., Any] | None = None
        self.hears: Callable[..., Any] | None = None
        self._names = {xform_name(name): name for name in self.model.operation_names}
        self._invalid = ValidationError if self.model.protocols[0] == "query" else ValidationException

    def operation(self, function: F) -> F:
        """Let ``function`` serve the operation its name spells: ``send_message`` is SendMessage."""
        try:
            spec = self.model.operation(self._names[function.__name__.rstrip("_")])
        except KeyError:
            raise TypeError(f"{self.name} has no operation {function.__name__}") from None
        harmless = {key.partition(".")[2]: why for key, why in self.harmless.items()
                    if key.partition(".")[0] in ("*", spec.name)}
        self.operations[spec.name] = Operation(spec, function, harmless)
        return function

    def task(self, function: F) -> F:
        """Work of the service's own that only the clock starts (see :mod:`cloudlet.fabric.timers`)."""
        self.tasks[function.__name__] = function
        return function

    def target(self, function: F) -> F:
        """Let ``function`` deliver to an ARN of this service (see :mod:`cloudlet.fabric.targets`)."""
        self.targets.append(function)
        return function

    def source(self, source: S) -> S:
        """Let others read batches from an ARN of this service (see :mod:`cloudlet.fabric.sources`)."""
        self.sources.append(source)
        return source

    def site(self, label: str) -> Callable[[F], F]:
        """Let a function answer visitors of ``NAME.<label>.REGION.…`` (see :mod:`cloudlet.gateway.sites`)."""
        def register(function: F) -> F:
            self.sites[label] = function
            return function
        return register

    def line(self, label: str) -> Callable[[F], F]:
        """Let a function in the module ``lines`` speak a protocol of its own with who connects
        (see :mod:`cloudlet.wire.lines`).
        """
        def register(function: F) -> F:
            self.lines[label] = function
            return function
        return register

    def origin(self, function: F) -> F:
        """Let ``function`` say which foreign pages may call (see :mod:`cloudlet.gateway.browsers`)."""
        self.origins = function
        return function

    def upload(self, function: F) -> F:
        """Let ``function`` take the forms with files (see :mod:`cloudlet.gateway.browsers`)."""
        self.form = function
        return function

    def resource(self, type_name: str) -> Callable[[F], F]:
        """A CloudFormation type in terms of our operations (see :mod:`cloudlet.stacks.resource`)."""
        def register(resource: F) -> F:
            self.resources[type_name] = resource
            return resource
        return register

    def witness(self, function: F) -> F:
        """Let ``function`` hear how requests were answered (see :mod:`cloudlet.kernel.witnesses`)."""
        self.hears = function
        return function

    def identities(self, function: F) -> F:
        """What principals that this service made may do (see :mod:`cloudlet.kernel.permissions`)."""
        self.grants = function
        return function

    def trusts(self, function: F) -> F:
        """How a role that this service made is found, by its ARN (see :mod:`cloudlet.kernel.roles`)."""
        self.find_role = function
        return function

    def find(self, name: str) -> Operation:
        """The operation called ``name``, if it is served."""
        try:
            return self.operations[name]
        except KeyError:
            pass
        if name in self.model.operation_names:
            raise NotHonoured(f"cloudlet does not serve {self.name}:{name}. "
                              "`cloudlet coverage` lists what is served.")
        raise UnknownOperationException(f"{self.name} has no operation {name}.")

    def _constraints(self, spec: OperationModel, params: dict[str, Any]) -> None:
        """Hold ``params`` against the model, in the words of most services."""
        if spec.input:
            found = validate.violations(params, spec.input)
            if found:
                raise self._invalid(validate.message(found))
