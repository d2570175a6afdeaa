"""Which resource needs which, and work done in that order, as much at once as the graph allows."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from .document import refusal
from .intrinsics import Resolver
from .references import references
from .template import ResourceSpec, Template

Graph = Mapping[str, frozenset[str]]  # a name, and the names it needs


def active(template: Template, resolver: Resolver) -> dict[str, ResourceSpec]:
    """The resources whose condition holds."""
    return {
        name: spec
        for name, spec in template.resources.items()
        if not spec.condition or resolver.condition(spec.condition)
    }


def dependencies(
    template: Template, resources: Mapping[str, ResourceSpec], resolver: Resolver
) -> dict[str, frozenset[str]]:
    """What each resource needs, through functions and DependsOn; refused if it goes in circles."""
    graph = {}
    for name, spec in resources.items():
        found = set(spec.depends_on) & resources.keys()
        for value, section in ((spec.properties, "Properties"), (spec.metadata, "Metadata")):
            for reference in references(value, ("Resources", name, section), taken=resolver.condition):
                if reference.condition or reference.name not in template.resources:
                    continue
                if reference.name not in resources:
                    raise refusal(
                        f"Template format error: Unresolved resource dependencies [{reference.name}] in the "
                        "Resources block of the template",
                        template.line(*reference.path),
                    )
                found.add(reference.name)
        graph[name] = frozenset(found)
    check(template, graph)
    return graph


def check(template: Template, graph: Graph) -> None:
    """Refuse a graph with a circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = sorted(set(error.args[1]))
        raise refusal(
            f"Circular dependency between resources: [{', '.join(names)}]",
            template.line("Resources", names[0]),
        ) from None


def order(graph: Graph) -> list[str]:
    """The names, each after those it needs; otherwise in the order of the template."""
    return list(TopologicalSorter(graph).static_order())


def reverse(graph: Graph, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """The graph of ``names`` turned round: each needs those that needed it to be gone."""
    kept = set(names)
    found: dict[str, set[str]] = {name: set() for name in names}
    for name in found:
        for needed in graph.get(name, frozenset()):
            if needed in kept:
                found[needed].add(name)
    return {name: frozenset(needed) for name, needed in found.items()}


async def walk(graph: Graph, work: Callable[[str], Awaitable[bool]], *, go_on: bool = False) -> list[str]:
    """Do ``work`` for every name, after those it needs, otherwise at once; the names for which it gave False.

    After a failure nothing new is begun (what runs is finished), or with ``go_on`` only nothing that
    needed what failed.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    failed: list[str] = []
    running: dict[asyncio.Task[bool], str] = {}
    try:
        while sorter.is_active():
            if go_on or not failed:
                for name in sorter.get_ready():
                    running[asyncio.ensure_future(work(name))] = name
            if not running:
                break
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name = running.pop(task)
                if task.result():
                    sorter.done(name)
                else:
                    failed.append(name)
    finally:
        for task in running:
            task.cancel()
    return failed
