"""What must hold of Lambda's rows and packages, for ``cloudlet fsck``.

Every version of a function and of a layer has its package among the bodies, a URL is found by its id, and an
execution is found by its status.
"""

from functools import partial
from typing import Any

from ...arn import Arn
from ...store import Table
from ...store.integrity import Examination, View
from ...store.keys import Key
from .account import Usage, usage
from .durable.executions import Entry, by_status, executions
from .layers import layers
from .records import functions, versions
from .urls import Owner, owners, urls

_FORGET = "forget it: what was unpacked from it still runs, and can be deployed again"


def examine(exam: Examination) -> None:
    """Hold functions, layers and URLs against what they need and what leads to them."""
    for view in exam.views(versions.name):
        for (name, number), version in exam.records(view, versions):
            arn = _arn(view, f"function:{name!s}:{number!s}")
            exam.counts["versions of functions"] += 1
            if functions.get(view, name) is None:
                exam.found("lambda", "leftover", arn, "a version of a function that is not there",
                           "put it into quarantine", exam.taking(view, versions, (name, number)))
            if version.blob and not exam.need("lambda", version.blob, arn, arn):
                exam.found("lambda", "body", arn, f"its package {version.blob} is missing", _FORGET,
                           partial(_forget, exam, view, versions, (name, number), arn))
    for view in exam.views(layers.name):
        for (name, number), layer in exam.records(view, layers):
            arn = _arn(view, f"layer:{name!s}:{number!s}")
            if layer.blob and not exam.need("lambda", layer.blob, arn, arn):
                exam.found("lambda", "body", arn, f"its package {layer.blob} is missing", _FORGET,
                           partial(_forget, exam, view, layers, (name, number), arn))
    _examine_usage(exam)
    exam.answer_for(lambda owner: owner.startswith("arn:") and ":lambda:" in owner)
    _examine_urls(exam)
    _examine_executions(exam)


def _examine_usage(exam: Examination) -> None:
    """An account's quota counts its functions, and the bytes of all their versions and of layers."""
    names = (functions.name, versions.name, layers.name, usage.name)
    for place in sorted({(shelf.account, shelf.region) for shelf in exam.shelves if shelf.name in names}):
        view = View(exam.tx, *place)
        found = {"functions": sum(1 for _ in exam.records(view, functions)),
                 "bytes": sum(record.code_size for table in (versions, layers)
                              for _, record in exam.records(view, table))}
        said = usage.get(view) or Usage()
        right = Usage(found["bytes"], found["functions"])
        exam.tally("lambda", " ".join(place), {"functions": said.functions, "bytes": said.code_size}, found,
                   partial(usage.put, view, record=right))


def _examine_urls(exam: Examination) -> None:
    for view in exam.views(urls.name):
        for _, url in exam.records(view, urls):
            wanted = Owner(view.account, view.region, url.function, url.qualifier)
            if owners.get(exam.everywhere, url.id) != wanted:
                exam.found("lambda", "index", f"{url.function} {url.id}", "its URL is not found by its id",
                           "lead to it", partial(owners.put, exam.everywhere, url.id, record=wanted))
    for (id,), owner in exam.records(exam.everywhere, owners):
        found = urls.get(View(exam.tx, owner.account, owner.region), owner.function, owner.qualifier)
        if found is None or found.id != id:
            exam.found("lambda", "index", f"{owner.function} {id!s}", "a URL's id leads to none", "forget it",
                       partial(owners.delete, exam.everywhere, id))


def _examine_executions(exam: Examination) -> None:
    for view in exam.views(executions.name):
        for (function, id), record in exam.records(view, executions):
            if by_status.get(view, function, record.status, id) is None:
                exam.found("lambda", "index", f"{function!s} {id!s}", "it is not found by its status",
                           "add the entry", partial(by_status.put, view, function, record.status, id,
                                                    record=Entry()))
    for view in exam.views(by_status.name):
        for key, _ in exam.records(view, by_status):
            function, status, id = key
            found = executions.get(view, function, id)
            if found is None or found.status != status:
                exam.found("lambda", "index", f"{function!s} {id!s}", f"no such execution is {status!s}",
                           "remove the entry", partial(by_status.delete, view, *key))


def _forget(exam: Examination, view: View, table: Table[Any], key: Key, arn: str) -> None:
    """Let a version do without its package."""
    record = table.get(view, *key)
    if record is not None:
        exam.forget_reference(record.blob, arn)
        record.blob = ""
        table.put(view, *key, record=record)


def _arn(view: View, resource: str) -> str:
    return str(Arn("lambda", view.region, view.account, resource))
