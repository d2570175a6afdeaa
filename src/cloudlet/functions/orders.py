"""What a worker is told when it becomes one: its folders, its environment, where the cloudlet is."""

from pathlib import Path
from typing import Any

from . import inits
from .isolation import can_isolate
from .runtimes import CUSTOM
from .spec import Spec

_SUFFIXES = (".py", ".js", ".mjs", ".cjs")  # of files with handlers
_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/bin"


def order(spec: Spec, given: dict[str, str]) -> dict[str, Any]:
    """What a waiting process must be told and shown."""
    return {"task": str(spec.code), "layers": [str(layer) for layer in spec.layers],
            "dependencies": str(spec.dependencies or ""), "tmp_mb": spec.tmp_mb, "environment": given}


def blank_order(interpreter: Path, runtime: str) -> dict[str, Any]:
    """What the zygote must know to start a process for any function; Python's are forks of its own."""
    guest = "/var/runtime/cloudlet" if can_isolate() else str(Path(__file__).parent / "guest")
    has_init = runtime.startswith(inits.KIND)
    argv = [] if has_init or runtime.startswith("python") else [str(interpreter), f"{guest}/node_worker.mjs"]
    return {"tmp_mb": 512, "argv": argv, "init": has_init,
            "environment": {"PATH": _PATH, "HOME": "/tmp", "LANG": "en_US.UTF-8", "TZ": ":UTC"}}


def environment(spec: Spec, stream: str, endpoint: str) -> dict[str, str]:
    """The environment AWS documents, the function's own on top, and where SDKs find the cloudlet."""
    isolated = can_isolate()
    task, deps = ("/var/task", "/var/deps") if isolated else (str(spec.code), str(spec.dependencies or ""))
    layers = ["/opt"] if isolated else [str(layer) for layer in reversed(spec.layers)]
    minor = spec.runtime.removeprefix("python")
    path = [
        task,
        *(
            f"{layer}/{sub}"
            for layer in layers
            for sub in (f"python/lib/python{minor}/site-packages", "python")
        ),
    ]
    major = spec.runtime.removeprefix("nodejs").removesuffix(".x")
    node = [f"{layer}/nodejs/{sub}" for layer in layers
            for sub in (f"node{major}/node_modules", "node_modules")]
    node += [f"{deps}/node_modules"] if deps else []
    base = {
        "LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": _PATH, "HOME": "/tmp",
        "LD_LIBRARY_PATH": "/var/task:/var/task/lib:/opt/lib", "LAMBDA_TASK_ROOT": task,
        "LAMBDA_RUNTIME_DIR": "/var/runtime", "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name, "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb), "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": spec.region, "AWS_DEFAULT_REGION": spec.region, "AWS_ENDPOINT_URL": endpoint,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "_HANDLER": spec.handler,
        "_CLOUDLET_PATH": ":".join(path + ([deps] if deps else [])), "NODE_PATH": ":".join(node),
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional", "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    if spec.debug_port:
        base["_CLOUDLET_DEBUG"] = str(spec.debug_port)
    return base | dict(spec.environment)


def stamp(spec: Spec) -> int:
    """When the handler's file was last written: a saved file is live on the very next call."""
    module = spec.handler.rpartition(".")[0].replace(".", "/")
    names = ("bootstrap",) if spec.runtime in CUSTOM else (f"{module}{suffix}" for suffix in _SUFFIXES)
    for name in names:
        try:
            return (spec.code / name).stat().st_mtime_ns
        except OSError:
            continue
    return 0
