"""Pictures of state machines: a definition becomes Graphviz's language, and Graphviz a picture.

What surrounds other states (Parallel, Map) is a box with a dot where it is entered and one where it is left,
so every arrow has two ends and none crosses a border it need not. pygraphviz brings Graphviz along in its
wheel: no program has to be on the machine (``docs/decisions/0031-pygraphviz-draws-workflows.md``).
"""

import textwrap
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from . import paper
from .timeline import Lane, lasted

Body = dict[str, Any]
FORMATS = ("svg", "png")
_INK, _FAINT, _LINE, _PAPER = "#1b1f24", "#6b7480", "#8a94a1", "#ffffff"
_BORDERS = {"Task": "#2f6fde", "Choice": "#b7791f", "Wait": "#7a5cc7", "Pass": "#8a94a1",
            "Succeed": "#2c8a4b", "Fail": "#c5362c", "Parallel": "#2b8a8a", "Map": "#2b8a8a"}
_OUTCOMES = {"succeeded": ("#2c8a4b", "#e4f4e9"), "failed": ("#c5362c", "#fbe3e1"),
             "caught": ("#c77414", "#fdf0dc"), "aborted": ("#6b7480", "#eceff2"),
             "running": ("#2f6fde", "#e3edfc")}
_NEVER = ("#c9d0d8", "#ffffff")
_COMPARED = (("GreaterThanEquals", "≥"), ("GreaterThan", ">"), ("LessThanEquals", "≤"), ("LessThan", "<"),
             ("Equals", "="), ("Matches", "like"))
_CATCH = 'weight=0 style=dashed color="#c5362c" fontcolor="#c5362c" '
_LABEL = 30  # characters to a line


def draw(tree: Body, file: Path, lanes: Mapping[str, Lane] | None = None) -> None:
    """Write the picture of a definition, with what became of its states if ``lanes`` is given."""
    form = file.suffix[1:].lower()
    if form not in FORMATS:
        raise paper.fail(f"{file}: pictures are .svg or .png.", "Name the file so: -o machine.svg")
    try:
        import pygraphviz  # an optional dependency: cloudlet[pictures]
    except ImportError:
        raise paper.fail("Pictures need pygraphviz.",
                         "Install it: pip install 'cloudlet[pictures]'") from None
    graph = pygraphviz.AGraph(string=dot(tree, lanes))
    graph.draw(str(file), format=form, prog="dot", args="-Gdpi=144" if form == "png" else "")


def dot(tree: Body, lanes: Mapping[str, Lane] | None = None) -> str:
    """The definition in Graphviz's language."""
    font = 'fontname="Helvetica,Arial,sans-serif"'
    start = next(iter(_entry(tree, tree["StartAt"])))
    lines = ["digraph machine {", f'compound=true; nodesep=0.45; ranksep=0.5; pad=0.25; bgcolor="{_PAPER}";',
             f'node [{font} fontsize=12 fontcolor="{_INK}" shape=box style="rounded,filled" penwidth=1.4 '
             f'fillcolor="{_PAPER}" margin="0.14,0.05"];',
             f'edge [{font} fontsize=10 color="{_LINE}" fontcolor="{_FAINT}" penwidth=1.2 arrowsize=0.7];',
             f'graph [{font} fontsize=11 fontcolor="{_FAINT}"];',
             f'start [label="" shape=circle style=filled fillcolor="{_INK}" color="{_INK}" width=0.2];',
             f'end [label="" shape=doublecircle style=filled fillcolor="{_INK}" color="{_INK}" width=0.13];',
             _arrow("start", start, head=_cluster(tree["States"][tree["StartAt"]], tree["StartAt"])),
             *_container(tree, lanes, "end"), "}"]
    return "\n".join(lines)


def _container(tree: Body, lanes: Mapping[str, Lane] | None, end: str) -> Iterator[str]:
    """The states of a machine, a branch or a processor, and the arrows between them."""
    for name, body in tree["States"].items():
        inner = list(_within(body))
        if not inner:
            yield _node(name, body, lanes)
            continue
        pen, fill = _colours(name, body, lanes)
        paint = "#f6f8fa" if lanes is None else fill
        yield f"subgraph {_quoted('cluster ' + name)} {{"
        yield (f'label=<{_title(name, body, lanes, "left")}>; labeljust=l; style="rounded,filled"; '
               f'margin=14; penwidth=1.4; color="{pen}"; fillcolor="{paint}";')
        for dot in ("in ", "out "):
            style = "" if dot == "in " or any(map(_ends, inner)) else " style=invis"
            yield (f'{_quoted(dot + name)} [label="" shape=point width=0.07 color="{pen}" '
                   f'fillcolor="{pen}"{style}];')
        for branch in inner:
            first = branch["StartAt"]
            yield from _container(branch, lanes, f"out {name}")
            for last in _dead_ends(branch):  # which keep the dot below what never leads to it
                yield _arrow(_entry(branch, last)[1], f"out {name}", style="style=invis ")
            head = _cluster(branch["States"][first], first)
            yield _arrow(f"in {name}", _entry(branch, first)[0], head=head)
        yield "}"
    for name, body in tree["States"].items():
        yield from _arrows(tree, name, body, end)


def _within(body: Body) -> Iterator[Body]:
    yield from body.get("Branches", ())
    if processor := body.get("ItemProcessor") or body.get("Iterator"):
        yield processor


def _is_end(body: Body) -> bool:
    return bool(body.get("End")) or body.get("Type") == "Succeed"


def _ends(tree: Body) -> bool:
    """Whether a branch can come to its end other than by failing."""
    return any(map(_is_end, tree["States"].values()))


def _dead_ends(tree: Body) -> list[str]:
    """Where a branch stops that does not come to its end; its first state, if it only goes round."""
    if _ends(tree):
        return []
    return [name for name, body in tree["States"].items() if body.get("Type") == "Fail"] or [tree["StartAt"]]


def _cluster(body: Body, name: str) -> str:
    return f"cluster {name}" if any(_within(body)) else ""


def _entry(tree: Body, name: str) -> tuple[str, str]:
    """The node at which a state is entered, and the one at which it is left."""
    return (f"in {name}", f"out {name}") if _cluster(tree["States"].get(name, {}), name) else (name, name)


def _arrows(tree: Body, name: str, body: Body, end: str) -> Iterator[str]:
    """Where a state leads."""
    leaves, tail = _entry(tree, name)[1], _cluster(body, name)

    def arrow(target: str, label: str = "", style: str = "") -> str:
        head = _cluster(tree["States"].get(target, {}), target)
        return _arrow(leaves, _entry(tree, target)[0], label, style, tail, head)

    for rule in body.get("Choices", ()):
        if "Next" in rule:
            yield arrow(rule["Next"], condition(rule))
    if "Default" in body:
        yield arrow(body["Default"], "otherwise")
    if "Next" in body:
        yield arrow(body["Next"], style="weight=8 ")
    if _is_end(body):
        yield _arrow(leaves, end, tail=tail)
    for catcher in body.get("Catch", ()):
        errors = ", ".join(catcher["ErrorEquals"]).replace("States.ALL", "any error")
        yield arrow(catcher["Next"], errors, _CATCH)


def _arrow(tail_node: str, head_node: str, label: str = "", style: str = "", tail: str = "",
           head: str = "") -> str:
    lines = "\n".join(textwrap.wrap(label, _LABEL, max_lines=3, placeholder=" …", break_long_words=False,
                                    break_on_hyphens=False))
    ends = (f"ltail={_quoted(tail)} " if tail else "") + (f"lhead={_quoted(head)} minlen=2 " if head else "")
    said = f"label={_quoted('  ' + lines.replace(chr(10), '  ' + chr(10) + '  ') + '  ')} " if lines else ""
    return f"{_quoted(tail_node)} -> {_quoted(head_node)} [{said}{style}{ends}];"


def _node(name: str, body: Body, lanes: Mapping[str, Lane] | None) -> str:
    pen, fill = _colours(name, body, lanes)
    return f'{_quoted(name)} [label=<{_title(name, body, lanes)}> color="{pen}" fillcolor="{fill}"];'


def _colours(name: str, body: Body, lanes: Mapping[str, Lane] | None) -> tuple[str, str]:
    if lanes is None:
        return _BORDERS.get(body.get("Type", ""), _LINE), _PAPER
    lane = lanes.get(name)
    return _OUTCOMES[lane.outcome] if lane else _NEVER


def _title(name: str, body: Body, lanes: Mapping[str, Lane] | None, align: str = "center") -> str:
    """A state's name, what it is, and what became of it."""
    shown = "".join(f'{escape(one)}<br align="{align}"/>' for one in textwrap.wrap(name, 26))
    rows = [f'<b><font color="{_INK}">{shown}</font></b>',
            f'<font point-size="9.5" color="{_FAINT}">{escape(_kind(body))}</font>']
    lane = (lanes or {}).get(name)
    if lane:
        told = [f"{lane.visits}×" if lane.visits > 1 else "",
                f"retried {lane.retries}×" if lane.retries else "", lasted(lane.took_s),
                lane.error if lane.outcome in ("failed", "caught") else ""]
        colour, shown = _OUTCOMES[lane.outcome][0], escape(" · ".join(one for one in told if one))
        rows += [f'<font point-size="9.5" color="{colour}">{shown}</font>'] if shown else []
    cells = "".join(f'<tr><td align="{align}">{row}</td></tr>' for row in rows)
    return f'<table border="0" cellspacing="0" cellpadding="1">{cells}</table>'


def _kind(body: Body) -> str:
    """The state's type, and of a task what it does."""
    kind = str(body.get("Type", ""))
    if kind == "Wait":
        seconds = body.get("Seconds")
        return f"Wait {lasted(seconds)}" if isinstance(seconds, int) else "Wait"
    if kind == "Map" and _distributed(body):
        return "Map, distributed"
    if kind != "Task":
        return kind
    resource = body.get("Resource")
    if not isinstance(resource, str):
        return "Task"
    if resource.startswith("arn:aws:states:::"):
        return resource.removeprefix("arn:aws:states:::").removeprefix("aws-sdk:")
    return f"function {resource.rpartition(':')[2].strip('${}').removesuffix('Arn').rstrip('.')}"


def _distributed(body: Body) -> bool:
    processor = next(_within(body), {})
    return bool(processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED")


def condition(rule: Body) -> str:
    """A choice rule in a few words.

    >>> condition({"And": [{"Variable": "$.a", "NumericGreaterThan": 3},
    ...                    {"Not": {"Variable": "$.b", "IsPresent": True}}]})
    '$.a > 3 and $.b is not present'
    >>> condition({"And": [{"Or": [{"Variable": "$.a", "IsNull": True},
    ...                            {"Variable": "$.a", "IsString": False}]},
    ...                    {"Not": {"Variable": "$.b", "IsPresent": False}}]})
    '($.a is null or $.a is not a string) and not ($.b is not present)'
    """
    if "Condition" in rule:
        return str(rule["Condition"]).removeprefix("{%").removesuffix("%}").strip()
    if "Not" in rule:
        inner = condition(rule["Not"])
        plain = " is " in inner and " is not " not in inner and "Variable" in rule["Not"]
        return inner.replace(" is ", " is not ", 1) if plain else f"not ({inner})"
    if "And" in rule:
        return " and ".join(f"({condition(one)})" if "Or" in one else condition(one) for one in rule["And"])
    if "Or" in rule:
        return " or ".join(condition(one) for one in rule["Or"])
    variable = rule.get("Variable", "")
    for name, value in rule.items():
        if name.startswith("Is"):
            said = {"IsPresent": "present", "IsNull": "null"}.get(name, f"a {name[2:].lower()}")
            return f"{variable} is {'' if value else 'not '}{said}"
        for ending, sign in _COMPARED:
            if name.removesuffix("Path").endswith(ending):
                shown = str(value).lower() if isinstance(value, bool) else str(value)
                return f"{variable} {sign} {shown}"
    return str(variable)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
