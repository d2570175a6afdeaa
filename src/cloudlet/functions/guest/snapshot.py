"""A snapshot: a worker that has loaded its function and from then on is only copied.

The first process of the sandbox stays behind to collect orphans. Its child loads the function, runs what
was registered to be run before the snapshot, and forks once more: that copy has one thread, whatever the
function's code has started, and serves restores. Each restored worker gets namespaces inside the snapshot's
own: processes, mounts and a ``/tmp`` that begins as a copy. The snapshot may make those, and nothing
else that workers may not; what is restored may not either.
"""

import array
import json
import os
import shutil
import signal
import socket
import stat
import sys
import typing

import confinement  # type: ignore[import-not-found]
import linux  # type: ignore[import-not-found]
import sandbox  # type: ignore[import-not-found]

_LARGEST = 1 << 16
_SUBREAPER = 36
Hooks = typing.Iterable[typing.Tuple[typing.Callable[..., object], typing.Any, typing.Any]]


def stay_behind() -> None:
    """Let a child go on; this process only collects what ends, and ends last, with the child's status."""
    linux.prctl(_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        return
    os.closerange(3, 1024)
    last = 0
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            os._exit(last)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            last = code if code >= 0 else 128 - code


def serve(control: socket.socket, channel: int, isolated: bool) -> None:
    """Be the snapshot; this returns only in processes that are restored from it."""
    if os.fork():
        os._exit(0)  # the threads that loading has started end here
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.send(b'{"ready": true}')
    while True:
        message, ancillary, _, _ = control.recvmsg(_LARGEST, socket.CMSG_SPACE(16))
        if not message:
            os._exit(0)
        files = array.array("i")
        for _, _, data in ancillary:
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
        if os.fork() == 0:
            try:
                _restore(control, json.loads(message), list(files), channel, isolated)
                return
            except BaseException as error:
                os.write(files[1], f"cloudlet could not restore the function: {error!r}\n".encode())
                os._exit(125)
        for handle in files:
            os.close(handle)


def before_snapshot() -> None:
    """Run what the function wants to be run before its snapshot is taken."""
    for function, args, kwargs in reversed(list(hooks("get_before_snapshot"))):
        function(*args, **kwargs)


def after_restore() -> None:
    """Run what the function wants to be run in every restored worker."""
    for function, args, kwargs in hooks("get_after_restore"):
        function(*args, **kwargs)


def hooks(name: str) -> Hooks:
    """What was registered with ``snapshot_restore_py``, if the function uses it at all."""
    module: typing.Any = sys.modules.get("snapshot_restore_py")
    return getattr(module, name)() if module else []


def _restore(control: socket.socket, order: "dict[str, typing.Any]", files: "list[int]", channel: int,
             isolated: bool) -> None:
    """In a copy of the snapshot: have the worker born into namespaces of its own, and tell how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if isolated:
        sandbox.become_mapped(sandbox.WORKER_UID)
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWPID)
    child = os.fork()
    if child:
        for handle in files:
            os.close(handle)
        _, status = os.waitpid(child, 0)
        control.send(json.dumps({"ended": order["id"], "status": os.waitstatus_to_exitcode(status)}).encode())
        os._exit(0)
    os.setsid()
    if isolated:
        _own_folders(order["tmp_mb"])
    ours, log = files
    os.dup2(ours, channel)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # who this is, in the numbers of whoever listens: only the kernel can translate them
    control.sendmsg([json.dumps({"started": order["id"]}).encode()])
    for handle in (ours, log):
        os.close(handle)
    _forget_connections(control.fileno(), channel)
    control.close()
    if isolated:
        confinement.confine(order["processes"])


def _own_folders(tmp_mb: int) -> None:
    """``/proc``, ``/dev/shm`` and ``/tmp`` of its own; the last as the snapshot left it."""
    before = os.open("/tmp", os.O_RDONLY)
    flags = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("proc", "/proc", "proc", flags | linux.MS_NOEXEC)
    sandbox.hide_machine()
    linux.mount("tmpfs", "/tmp", "tmpfs", flags, f"mode=1777,size={tmp_mb}m")
    linux.mount("tmpfs", "/dev/shm", "tmpfs", flags | 8, "mode=1777,size=64m")
    if os.listdir(before):
        os.fchdir(before)
        shutil.copytree(".", "/tmp", symlinks=True, dirs_exist_ok=True)
        os.chdir(os.environ["LAMBDA_TASK_ROOT"])
    os.close(before)


def _forget_connections(*kept: int) -> None:
    """Connections made while loading belong to the snapshot: here they are closed ones, as on AWS."""
    dead, other = socket.socketpair()
    other.close()
    for name in os.listdir("/proc/self/fd"):
        handle = int(name)
        try:
            if handle > 2 and handle not in kept and stat.S_ISSOCK(os.fstat(handle).st_mode):
                os.dup2(dead.fileno(), handle)
        except OSError:
            continue  # the listing itself
    dead.close()
