"""Tries what workers are confined by, as a zygote and a worker would, and prints what came of it.

A JSON document: by name, why something can't be had here; empty if it can.
"""

import json
import os
import resource
import sys
import typing

import confinement  # type: ignore[import-not-found]
import linux  # type: ignore[import-not-found]
import network  # type: ignore[import-not-found]
import sandbox  # type: ignore[import-not-found]

_PORT = 4566
_TMP_MB = 1
_OUTSIDE = 231_000_000


def main() -> None:
    """Build a root in the folder that is named, enter it, and give everything up."""
    found = {}
    privileged = os.geteuid() == 0
    if why := tried(lambda: sandbox.own_namespaces(privileged)):
        print(json.dumps({"sandbox": why}))
        return
    found["sandbox"] = tried(lambda: sandbox.build_base(sys.argv[1], [], {}, {}))
    if not found["sandbox"]:
        linux.unshare(linux.CLONE_NEWPID)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            report(found, privileged)
        os.waitpid(child, 0)
    else:
        print(json.dumps(found))


def report(found: "dict[str, str]", privileged: bool) -> None:
    """In the first process of a PID namespace: the rest."""
    found["network"] = tried(lambda: network.isolate("127.0.0.1", _PORT))
    found["sandbox"] = tried(lambda: sandbox.enter(_TMP_MB, _OUTSIDE if privileged else 0))
    found["confinement"] = tried(lambda: confinement.confine(0))
    if not found["confinement"]:
        if not confinement.refuse_calls():
            found["filter"] = f"there is none for {os.uname().machine}"
        if not confinement.keep_to_itself():
            found["abstract sockets"] = "they need Linux 6.12 with Landlock"
        found["processes"] = tried(count)
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


def count() -> None:
    """Whether the kernel counts the processes of a worker apart from others of the same user."""
    resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))  # this one, and one more
    first = os.fork()
    if first == 0:
        os.read(os.pipe()[0], 1)
    try:
        if os.fork() == 0:
            os._exit(0)
    except BlockingIOError:
        return
    finally:
        os.kill(first, 9)
        os.waitpid(first, 0)
    raise OSError("it has no limit")


def tried(step: "typing.Callable[[], object]") -> str:
    """Why ``step`` can't be done; empty if it can."""
    try:
        step()
    except OSError as error:
        return str(error) or "refused"
    return ""


if __name__ == "__main__":
    main()
