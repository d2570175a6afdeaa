"""The zygote: a warm interpreter that has imported what functions import, and forks workers.

It takes orders over a socket, one JSON document with the worker's own files attached: its end of the
conversation and its log. It tells when a worker has started and when one has ended, and how. One thread,
no sleeps: a forked worker finds a state nobody was in the middle of changing.
"""

import array
import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import typing

import python_worker  # type: ignore[import-not-found]
import sandbox  # type: ignore[import-not-found]

_LARGEST = 1 << 20
Order = typing.Dict[str, typing.Any]


def main() -> None:
    """Build the base of the sandboxes, import the usual, and serve orders until the socket closes."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    setup = json.loads(sys.argv[2])
    sandbox.die_with_parent()
    isolated = bool(setup["root"])
    if isolated:
        if not setup["privileged"]:
            sandbox.become_mapped(sandbox.WORKER_UID)
        sandbox.build_base(setup["root"], setup["prefixes"], setup["runtime"])
        sys.path[0] = "/var/runtime"
    else:
        sys.path[0] = setup["runtime_folder"]
    for name in setup["warm"]:
        with contextlib.suppress(ImportError):
            __import__(name)
    Zygote(orders, isolated, setup["privileged"]).serve()


class Zygote:
    """Forks, and reaps."""

    def __init__(self, orders: socket.socket, isolated: bool, privileged: bool) -> None:
        self._orders, self._isolated, self._privileged = orders, isolated, privileged
        self._own_pids = os.open(sandbox.OLD + "/proc/self/ns/pid", os.O_RDONLY) if isolated else -1
        self._workers: dict[int, str] = {}
        self._errands: dict[int, str] = {}
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
        self._tell({"ready": os.getpid()})
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._orders:
                    self._take(selector)
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
        if self._isolated:
            sandbox.setns(self._own_pids, sandbox.CLONE_NEWPID)
            sandbox.unshare(sandbox.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            selector.close()
            self._become(order, list(files))
        for handle in files:
            os.close(handle)
        self._workers[pid] = order["id"]
        self._tell({"started": order["id"], "pid": pid})

    def _furnish(self, order: Order) -> None:
        """Show a function's folders to a worker; a child does it, for it changes the namespace it is in."""
        worker = next((pid for pid, name in self._workers.items() if name == order["id"]), 0)
        pid = os.fork()
        if pid == 0:
            try:
                if self._isolated:
                    sandbox.furnish(
                        worker, order["task"], order["layers"], order["dependencies"], order["tmp_mb"]
                    )
                os._exit(0)
            except BaseException as error:
                os.write(2, f"cloudlet could not furnish a worker: {error!r}\n".encode())
                os._exit(125)
        self._errands[pid] = order["id"]

    def _become(self, order: Order, files: "list[int]") -> None:
        """In the child: turn into the worker."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for handle in (self._orders.fileno(), self._wake, self._wakes, self._own_pids):
                if handle >= 0:
                    os.close(handle)
            channel, log = files
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            os.close(null)
            for path in order["cgroups"]:
                join_cgroup((sandbox.OLD if self._isolated else "") + path)
            os.setsid()
            if self._isolated:
                sandbox.enter(order["task"], order["layers"], order["dependencies"], order["tmp_mb"],
                              self._privileged)
            else:
                sandbox.die_with_parent()
            os.environ.clear()
            os.environ.update(order["environment"])
            if self._isolated:
                sandbox.confine()
            os.chdir("/var/task" if self._isolated else order["task"] or "/")
            if order["argv"]:
                os.set_inheritable(channel, True)
                os.environ["_CLOUDLET_CHANNEL"] = str(channel)
                os.execve(order["argv"][0], order["argv"], dict(os.environ))
            python_worker.main(channel)
            os._exit(0)
        except BaseException as error:
            os.write(2, f"cloudlet could not start the function's process: {error!r}\n".encode())
            os._exit(125)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if pid in self._errands:
                self._tell({"furnished": self._errands.pop(pid), "status": code})
            else:
                self._tell({"ended": self._workers.pop(pid, ""), "status": code})

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


def join_cgroup(path: str) -> None:
    """Let this process, and what it starts, count against a control group."""
    handle = os.open(path + "/cgroup.procs", os.O_WRONLY)
    os.write(handle, b"0")
    os.close(handle)


if __name__ == "__main__":
    main()
