"""What a zygote stands on: the root that its workers share is built, and the zygote started inside.

It is started rather than imported, so that nothing leads from its processes to the interpreter's file on
the machine's own, writable file systems: ``/proc/self/exe`` would.
"""

import json
import os
import socket
import sys

import linux  # type: ignore[import-not-found]
import sandbox  # type: ignore[import-not-found]

_LARGEST = 1 << 20
_PATH = "/usr/local/bin:/usr/bin:/bin"


def main() -> None:
    """Take the first order, which says what to build, and become the zygote."""
    handle = int(sys.argv[1])
    with socket.socket(fileno=os.dup(handle)) as orders:
        setup = json.loads(orders.recv(_LARGEST))
    linux.die_with_parent()
    guest = setup["guest"]
    if setup["root"]:
        sandbox.own_namespaces(setup["privileged"])
        sandbox.build_base(setup["root"], setup["prefixes"], setup["runtime"], setup["etc"])
        guest = "/var/runtime/cloudlet"
    # -B: without it, files compiled on the way would be written
    arguments = [setup["interpreter"], "-B", "-E", "-s", "-S", f"{guest}/zygote.py", str(handle)]
    os.execve(setup["interpreter"], arguments, {"PATH": _PATH, "LANG": "C.UTF-8"})


if __name__ == "__main__":
    main()
