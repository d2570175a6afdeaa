"""The furnisher: shows a function's folders to a worker that runs already.

It is forked from the zygote before that imports anything large, because every errand is a process of
its own (it changes the namespace it is in), and forking a small process takes a fifth of the time.
"""

import json
import os
import socket

import linux  # type: ignore[import-not-found]
import sandbox  # type: ignore[import-not-found]

_LARGEST = 1 << 20


def start() -> socket.socket:
    """Fork the furnisher; what comes back is where it takes orders and gives answers."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        linux.die_with_parent()
        serve(theirs)
    theirs.close()
    return ours


def serve(orders: socket.socket) -> None:
    """One errand after another: ``{"id", "pid", "task", …}`` in, ``{"furnished", "status"}`` out."""
    while True:
        message = orders.recv(_LARGEST)
        if not message:
            os._exit(0)
        order = json.loads(message)
        child = os.fork()
        if child == 0:
            furnish(order, orders)
        _, status = os.waitpid(child, 0)
        if status:
            answer(orders, order, os.waitstatus_to_exitcode(status))


def answer(orders: socket.socket, order: dict, status: int) -> None:  # type: ignore[type-arg]
    """Tell how an errand went."""
    orders.send(json.dumps({"furnished": order["id"], "status": status}).encode())


def furnish(order: dict, orders: socket.socket) -> None:  # type: ignore[type-arg]
    """In the child: one errand, and the end; that it is done is told first, for ending takes a while."""
    try:
        sandbox.furnish(order["pid"], order["task"], order["layers"], order["dependencies"],
                        order["private"], order["tmp_mb"], order["data_mb"])
        answer(orders, order, 0)
    except BaseException as error:
        os.write(2, f"cloudlet could not furnish a worker: {error!r}\n".encode())
        os._exit(125)
    os._exit(0)
