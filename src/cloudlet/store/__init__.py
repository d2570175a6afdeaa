"""The ordered map everything is kept in, and the shapes that services are made of."""

from .agenda import Agenda, Due
from .api import Newer, Pair, Scope, Store, StoreError, Transaction, Unsettled
from .blobs import Blobs, Writer
from .log import Log
from .table import Table

__all__ = [
    "Agenda",
    "Blobs",
    "Due",
    "Log",
    "Newer",
    "Pair",
    "Scope",
    "Store",
    "StoreError",
    "Table",
    "Transaction",
    "Unsettled",
    "Writer",
]
