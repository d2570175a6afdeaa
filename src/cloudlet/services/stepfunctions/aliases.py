"""Aliases: names that lead to a version, or to two by weight."""

import re

from ...errors import ValidationException
from ...kernel import Call
from . import limits
from .errors import ConflictException, InvalidName, ResourceNotFound, ServiceQuotaExceededException
from .naming import MACHINE, machine_arn, read
from .paging import after, page
from .records import Alias, Config, Machine, aliases, find_machine, machines, versions
from .service import stepfunctions

_NAME = re.compile(r"(?=.*[a-zA-Z_\-.])[a-zA-Z0-9_\-.]{1,80}")


@stepfunctions.operation
def create_state_machine_alias(call: Call, name: str, routing_configuration: list[Config],
                               description: str | None = None) -> Config:
    """Create an alias of the state machine whose versions it leads to."""
    if not _NAME.fullmatch(name):
        raise InvalidName(f"Invalid Name: '{name}'")
    machine, routes = _routes(call, routing_configuration)
    known = aliases.get(call, machine.name, name)
    arn = machine_arn(call, machine.name, name)
    if known is not None:
        if (known.routes, known.description) != (routes, description):
            raise ConflictException("Failed to create alias because an alias with the same name and a "
                                    "different routing configuration already exists.")
        return {"stateMachineAliasArn": arn, "creationDate": known.created_ms / 1000}
    if sum(1 for _ in aliases.items(call, machine.name)) >= limits.ALIASES:
        raise ServiceQuotaExceededException(
            f"The state machine has {limits.ALIASES} aliases, which is the most it may have.")
    aliases.put(call, machine.name, name, record=Alias(name, call.now_ms, call.now_ms, routes, description))
    return {"stateMachineAliasArn": arn, "creationDate": call.now_ms / 1000}


@stepfunctions.operation
def update_state_machine_alias(call: Call, state_machine_alias_arn: str, description: str | None = None,
                               routing_configuration: list[Config] | None = None) -> Config:
    """Change what is given."""
    machine, alias = _find(call, state_machine_alias_arn)
    if description is None and routing_configuration is None:
        raise ValidationException("Either the description or the routing configuration must be specified",
                                  reason="MISSING_REQUIRED_PARAMETER")
    if routing_configuration is not None:
        owner, alias.routes = _routes(call, routing_configuration)
        if owner.name != machine.name:
            raise ValidationException("Routing configuration must contain versions of the alias's state "
                                      "machine.", reason="INVALID_ROUTING_CONFIGURATION")
    if description is not None:
        alias.description = description
    alias.updated_ms = call.now_ms
    aliases.put(call, machine.name, alias.name, record=alias)
    return {"updateDate": call.now_ms / 1000}


@stepfunctions.operation
def describe_state_machine_alias(call: Call, state_machine_alias_arn: str) -> Config:
    """An alias."""
    machine, alias = _find(call, state_machine_alias_arn)
    return {
        "stateMachineAliasArn": state_machine_alias_arn, "name": alias.name, "description": alias.description,
        "routingConfiguration": [
            {"stateMachineVersionArn": machine_arn(call, machine.name, str(number)), "weight": weight}
            for number, weight in alias.routes],
        "creationDate": alias.created_ms / 1000, "updateDate": alias.updated_ms / 1000}


@stepfunctions.operation
def delete_state_machine_alias(call: Call, state_machine_alias_arn: str) -> None:
    """Delete an alias; its versions stay."""
    machine, alias = _find(call, state_machine_alias_arn)
    aliases.delete(call, machine.name, alias.name)


@stepfunctions.operation
def list_state_machine_aliases(call: Call, state_machine_arn: str, next_token: str | None = None,
                               max_results: int | None = None) -> Config:
    """The aliases of a state machine, or those that lead to one of its versions."""
    machine, named = find_machine(call, state_machine_arn)
    number = int(named.rest) if named.rest.isdigit() else 0
    rows = ((key, one) for key, one in aliases.items(call, machine.name, after=after(next_token))
            if not number or any(number == version for version, _ in one.routes))
    return page("stateMachineAliases", rows, max_results, lambda one: {
        "stateMachineAliasArn": machine_arn(call, machine.name, one.name),
        "creationDate": one.created_ms / 1000})


def chosen(call: Call, alias: Alias) -> int:
    """The version that a new execution gets, each as likely as its weight says."""
    chance = int.from_bytes(call.ids.bytes(4), "big") * 100 >> 32
    for number, weight in alias.routes:
        if chance < weight:
            return number
        chance -= weight
    return alias.routes[-1][0]


def _find(call: Call, arn: str) -> tuple[Machine, Alias]:
    named = read(arn, MACHINE)
    machine = machines.get(call, named.name) if named.is_here(call) else None
    alias = aliases.get(call, named.name, named.rest) if machine else None
    if machine is None or alias is None:
        raise ResourceNotFound("Request references a resource that does not exist.", resourceName=arn)
    return machine, alias


def _routes(call: Call, given: list[Config]) -> tuple[Machine, list[tuple[int, int]]]:
    """The versions that an alias is to lead to, and the state machine they are of."""
    owners: dict[str, Machine] = {}
    routes: list[tuple[int, int]] = []
    for one in given:
        arn = one["stateMachineVersionArn"]
        named = read(arn, MACHINE)
        number = int(named.rest) if named.rest.isdigit() else 0
        machine = machines.get(call, named.name) if named.is_here(call) else None
        if machine is None or not number or versions.get(call, named.name, number) is None:
            raise ResourceNotFound("Request references a resource that does not exist.", resourceName=arn)
        owners[machine.name] = machine
        routes.append((number, one["weight"]))
    if len(owners) != 1 or sum(weight for _, weight in routes) != 100 or len(dict(routes)) != len(routes):
        raise ValidationException("Invalid routing configuration: one or two different versions of one state "
                                  "machine, whose weights add up to 100.",
                                  reason="INVALID_ROUTING_CONFIGURATION")
    return next(iter(owners.values())), routes
