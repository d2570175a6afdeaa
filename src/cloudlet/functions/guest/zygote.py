"""The zygote: a warm interpreter that has imported what functions import, and forks workers.

It takes orders over a socket, one JSON document with the worker's own files attached: its end of the
conversation and its log. It tells when a worker has started and when one has ended, and how. One thread,
no sleeps: a forked worker finds a state nobody was in the middle of changing.
"""

import array
import fcntl
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import typing

import confinement  # type: ignore[import-not-found]
import furnisher  # type: ignore[import-not-found]
import linux  # type: ignore[import-not-found]
import network  # type: ignore[import-not-found]
import python_worker  # type: ignore[import-not-found]
import sandbox  # type: ignore[import-not-found]
import warming  # type: ignore[import-not-found]

_LARGEST = 1 << 20
_INIT, _PEERS = "cloudlet.init", "cloudlet.peers"  # as this folder is called where workers find it
_CHANNEL = 3  # a worker has its outputs, this, and what comes with it
_FILES = 128  # more than a zygote ever has open
Order = typing.Dict[str, typing.Any]


def main() -> None:
    """Import the usual, and serve orders until the socket closes."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    setup = json.loads(orders.recv(_LARGEST))
    linux.die_with_parent()
    isolated = setup["isolated"]
    sys.path[0] = "/var/runtime" if isolated else setup["runtime_folder"]
    errands = furnisher.start() if isolated else None
    warming.warm(setup["warm"])
    Zygote(orders, errands).serve()


class Zygote:
    """Forks, and reaps."""

    def __init__(self, orders: socket.socket, errands: "socket.socket | None") -> None:
        self._orders, self._furnisher = orders, errands
        self._isolated = isolated = errands is not None
        self._own_pids = os.open(sandbox.OLD + "/proc/self/ns/pid", os.O_RDONLY) if isolated else -1
        self._workers: dict[int, str] = {}
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._wakes = wake

    def serve(self) -> None:
        """Take orders until there is nobody to give them."""
        selector = selectors.DefaultSelector()
        selector.register(self._orders, selectors.EVENT_READ)
        selector.register(self._wake, selectors.EVENT_READ)
        if self._furnisher is not None:
            selector.register(self._furnisher, selectors.EVENT_READ)
        self._tell({"ready": os.getpid()})
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._orders:
                    self._take(selector)
                elif key.fileobj is self._furnisher:
                    self._orders.send(self._furnisher.recv(_LARGEST) or os._exit(1))
                else:
                    os.read(self._wake, 4096)
                    self._reap()

    def _take(self, selector: selectors.BaseSelector) -> None:
        message, ancillary, _, _ = self._orders.recvmsg(_LARGEST, socket.CMSG_SPACE(16))
        if not message:
            os._exit(0)
        files = array.array("i")
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                files.frombytes(data[: len(data) - len(data) % files.itemsize])
        order = json.loads(message)
        if order["do"] == "stop":
            self._kill(order["id"])
            return
        if order["do"] == "furnish":
            self._furnish(order)
            return
        if order["init"]:
            importlib.import_module(_INIT)  # not before one is asked for: most never need it
        if self._isolated:
            linux.setns(self._own_pids, linux.CLONE_NEWPID)
            linux.unshare(linux.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            selector.close()
            self._become(order, list(files))
        for handle in files:
            os.close(handle)
        self._workers[pid] = order["id"]
        self._tell({"started": order["id"], "pid": pid})

    def _furnish(self, order: Order) -> None:
        """Have a function's folders shown to a worker; without walls there is nothing to show."""
        worker = next((pid for pid, name in self._workers.items() if name == order["id"]), 0)
        if self._furnisher is None:
            self._tell({"furnished": order["id"], "status": 0})
        else:
            self._furnisher.send(json.dumps({**order, "pid": worker}).encode())

    def _become(self, order: Order, files: "list[int]") -> None:
        """In the child: turn into the worker."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            channel, log, *control = files
            os.dup2(log, 1)
            os.dup2(log, 2)
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            if order["door"]:
                self._hand_over(network.isolate(*order["door"]), order["id"])
            for path in order["cgroups"]:
                join_cgroup((sandbox.OLD if self._isolated else "") + path)
            os.setsid()
            if self._isolated:
                sandbox.enter(order["tmp_mb"], order["outside"], nesting=bool(control))
            else:
                linux.die_with_parent()
            channel, *control = keep_only([channel, *control])
            os.environ.clear()
            os.environ.update(order["environment"])
            if order["init"]:
                importlib.import_module(_PEERS).prepare()
            if self._isolated:
                confinement.confine(order["processes"], nesting=bool(control))
            os.chdir("/")
            if order["argv"]:
                os.set_inheritable(channel, True)
                os.environ["_CLOUDLET_CHANNEL"] = str(channel)
                os.execve(order["argv"][0], order["argv"], dict(os.environ))
            if order["init"]:
                importlib.import_module(_INIT).main(channel)
            else:
                python_worker.main(channel, *control, isolated=self._isolated)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"cloudlet could not start the function's process: {error!r}\n".encode())
            os._exit(125)

    def _hand_over(self, door: socket.socket, worker: str) -> None:
        """In the child: give the cloudlet the socket to listen at in this worker's network."""
        news = json.dumps({"door": worker}).encode()
        socket.send_fds(self._orders, [news], [door.fileno()])

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._tell({"ended": self._workers.pop(pid, ""), "status": os.waitstatus_to_exitcode(status)})

    def _kill(self, worker: str) -> None:
        for pid, name in self._workers.items():
            if name == worker:
                if self._isolated:
                    os.kill(pid, signal.SIGKILL)  # the first of its namespace takes all others with it
                else:
                    os.killpg(pid, signal.SIGKILL)

    def _tell(self, news: Order) -> None:
        try:
            self._orders.send(json.dumps(news).encode())
        except OSError:
            os._exit(0)


def keep_only(files: "list[int]") -> "list[int]":
    """Give these files the numbers from three on, and close all others above the outputs."""
    aside = [fcntl.fcntl(handle, fcntl.F_DUPFD, _FILES) for handle in files]
    kept = list(range(_CHANNEL, _CHANNEL + len(files)))
    for handle, number in zip(aside, kept):  # noqa: B905 (not before Python 3.10)
        os.dup2(handle, number, inheritable=False)
    os.closerange(_CHANNEL + len(files), _FILES + len(aside) + 1)
    return kept


def join_cgroup(path: str) -> None:
    """Let this process, and what it starts, count against a control group."""
    handle = os.open(path + "/cgroup.procs", os.O_WRONLY)
    os.write(handle, b"0")
    os.close(handle)


if __name__ == "__main__":
    main()
