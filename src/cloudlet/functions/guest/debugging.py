"""Waiting for an editor, and telling the pool when the function stands at a breakpoint."""

import importlib
import os
import sys
import threading
import time
import typing

FOLDER = "cloudlet-debug"  # below the runtime's folder: only a function that is debugged can import it
_SUSPENDED = 2  # debugpy's word for a thread at a breakpoint
_LOOK_S = 0.05
Tell = typing.Callable[[bool], None]


def wait_for_editor(port: int, tell: Tell) -> None:
    """Let an editor attach at ``port`` before the function is loaded, and watch from then on.

    ``tell`` is called with True when the function stands at a breakpoint, and with False when it goes on.
    """
    sys.path += [path for folder in sys.path if os.path.isdir(path := os.path.join(folder, FOLDER))]
    debugpy: typing.Any = importlib.import_module("debugpy")
    tell(True)
    debugpy.listen(("127.0.0.1", port), in_process_debug_adapter=True)
    debugpy.wait_for_client()
    tell(False)
    watcher: typing.Any = threading.Thread(target=_watch, args=(tell,), daemon=True, name="cloudlet")
    watcher.is_pydev_daemon_thread = watcher.pydev_do_not_trace = True
    watcher.start()


def _watch(tell: Tell) -> None:
    """Look at the main thread as the debugger sees it; only while somebody debugs does anything poll."""
    threads: typing.Any = importlib.import_module("_pydevd_bundle.pydevd_additional_thread_info")
    main, stood = threading.main_thread(), False
    while True:
        time.sleep(_LOOK_S)
        stands = threads.set_additional_thread_info(main).pydev_state == _SUSPENDED
        if stands != stood:
            stood = stands
            tell(stands)
