"""Watching an application: a saved template is another deployment, saved code another worker."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from watchfiles import DefaultFilter, awatch

from .application import Application
from .deployment import Outcome

_QUIET_MS = 50  # an editor's several writes are one change


async def watch(
    application: Application,
    *,
    files: Callable[[], Outcome | None],
    template_changed: Callable[[], Awaitable[None]],
    code_changed: Callable[[Path], Awaitable[None]],
    stop: asyncio.Event | None = None,
    aside: Path | None = None,
) -> None:
    """Call back for every change until ``stop``; ``files`` gives the latest outcome.

    Nothing below ``aside`` counts, such as the cloudlet's own data if that lies beside the code.

    ``template_changed`` is for the template and what it is made with (packages asked for, definitions,
    ``samconfig.toml``); ``code_changed`` gets the folder of the functions whose code it is.
    """
    filter_ = DefaultFilter(ignore_dirs=(*DefaultFilter.ignore_dirs, ".cloudlet", ".aws-sam"))
    roots = {application.folder, *((application.config.parent,) if application.config else ())}
    latest = files()
    roots |= {folder for folder in (latest.code if latest else ()) if folder.is_dir()}
    async for changes in awatch(
        *_outermost(roots),
        watch_filter=lambda kind, path: not (aside and Path(path).is_relative_to(aside))
        and _matters(filter_, application, kind, path),
        step=_QUIET_MS,
        stop_event=stop,
        debounce=_QUIET_MS * 4,
    ):
        paths = {Path(path) for _, path in changes}
        latest = files()
        whole, folders = sort_out(paths, application, latest)
        for folder in sorted(folders):
            await code_changed(folder)
        if whole:
            await template_changed()


def sort_out(paths: set[Path], application: Application, latest: Outcome | None) -> tuple[bool, set[Path]]:
    """Whether to deploy again, and which folders of code changed."""
    files = {application.template, application.config, *(latest.files if latest else ())}
    code = latest.code if latest else set()
    whole = bool(paths & files) or any(
        path.name in ("requirements.txt", "package.json") and path.parent in code for path in paths
    )
    folders = {folder for path in paths - files for folder in code if path.is_relative_to(folder)}
    return whole, folders


def _outermost(roots: set[Path]) -> list[Path]:
    return sorted(
        root for root in roots if not any(other != root and root.is_relative_to(other) for other in roots)
    )


def _matters(filter_: DefaultFilter, application: Application, kind: object, path: str) -> bool:
    inside = Path(path)
    if inside.is_relative_to(application.folder):  # a folder around the application says nothing
        path = str(inside.relative_to(application.folder))
    return filter_(kind, path)  # type: ignore[arg-type]
