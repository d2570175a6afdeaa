"""What the zygote does ahead for every worker it will fork: imports, and botocore's slowest files.

botocore parses the same megabyte of endpoints in every session. Here it is parsed once, and sessions
get what was parsed then, as all clients of one session already share it.
"""

import contextlib
import gc
import importlib
import typing

_KEPT = ("endpoints", "partitions", "sdk-default-configuration", "_retry")


def warm(names: "list[str]") -> None:
    """Import ``names``, as far as they are there, and let botocore have made a client once."""
    for name in names:
        with contextlib.suppress(ImportError):
            __import__(name)
    with contextlib.suppress(ImportError):
        keep_files()
    # what is collected from now on is what is made from now on: a collection that looked at all of this
    # would have the kernel copy all of it
    gc.collect()
    gc.freeze()


def keep_files() -> None:
    """Let botocore parse its large files only once in this process and those forked from it."""
    loaders: typing.Any = importlib.import_module("botocore.loaders")  # a runtime may lack it
    sessions: typing.Any = importlib.import_module("botocore.session")
    kept: dict[str, object] = {}
    read = loaders.JSONFileLoader.load_file

    def load_file(self: object, file_path: str) -> object:
        """As botocore's own."""
        if not file_path.endswith(_KEPT):
            return read(self, file_path)
        if file_path not in kept:
            kept[file_path] = read(self, file_path)
        return kept[file_path]

    loaders.JSONFileLoader.load_file = load_file
    # a client that is thrown away: it compiles patterns and imports what botocore imports late
    session = sessions.Session()
    any_service = session.get_available_services()[0]
    session.create_client(any_service, "us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
