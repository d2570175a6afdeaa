"""What must hold of APIs, for ``cloudlet fsck``: every one is found by its id, and every id leads to one."""

from functools import partial

from ...store.integrity import Examination, View
from .records import Owner, apis, owners


def examine(exam: Examination) -> None:
    """Hold APIs against the list that says whose they are."""
    for view in exam.views(apis.name):
        for (id,), _ in exam.records(view, apis):
            wanted = Owner(view.account, view.region)
            if owners.get(exam.everywhere, id) != wanted:
                exam.found("apigatewayv2", "index", str(id), "the API is not found by its id", "lead to it",
                           partial(owners.put, exam.everywhere, id, record=wanted))
    for (id,), owner in exam.records(exam.everywhere, owners):
        if apis.get(View(exam.tx, owner.account, owner.region), id) is None:
            exam.found("apigatewayv2", "index", str(id), "an API's id leads to none", "forget it",
                       partial(owners.delete, exam.everywhere, id))
