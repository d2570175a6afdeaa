"""AWS::Serverless-2016-10-31: SAM's own types, translated into CloudFormation's.

The translator runs in a process of its own (:mod:`.sam`). What it made is kept by the hash of what it
was made from, so an unchanged template costs nothing.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ValidationError
from .document import Document
from .document import Path as Where

_KEPT = 64  # translations
_FAILED = "Transform AWS::Serverless-2016-10-31 failed with: "


class Question(msgspec.Struct):
    """What the translator is asked."""

    template: dict[str, Any]
    parameters: dict[str, str]
    account: str
    region: str


class Problem(msgspec.Struct):
    """What is wrong, and with which resource."""

    message: str
    logical_id: str = ""


class Answer(msgspec.Struct):
    """The translated template, or why there is none."""

    template: dict[str, Any] = {}
    problems: list[Problem] = []


async def translate(
    document: Document, parameters: Mapping[str, str], *, account: str, region: str
) -> Document:
    """``document`` in CloudFormation's own types; a :class:`ValidationError` with lines says why not."""
    question = msgspec.json.encode(
        Question(document.body, dict(parameters), account, region), order="deterministic"
    )
    kept = _folder() / f"{hashlib.sha256(question).hexdigest()}.json"
    try:
        answer = msgspec.json.decode(kept.read_bytes(), type=Answer)
    except (OSError, msgspec.DecodeError):
        answer = await _ask(question)
        if not answer.problems:
            _keep(kept, msgspec.json.encode(answer))
    if answer.problems:
        raise ValidationError(_message(answer.problems, document))
    document.line("Resources")  # so that a JSON document knows its lines
    return Document(answer.template, _lines(document, answer.template), document.text)


async def _ask(question: bytes) -> Answer:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cloudlet.stacks.sam",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, complaint = await process.communicate(question)
    try:
        return msgspec.json.decode(out, type=Answer)
    except msgspec.DecodeError:
        last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no reason given"]
        raise ValidationError(f"{_FAILED}{last[0]}") from None


def _message(problems: list[Problem], document: Document) -> str:
    said = []
    for problem in problems:
        line = document.line("Resources", problem.logical_id) if problem.logical_id else 0
        said.append(f"{problem.message} (line {line})" if line else problem.message)
    return (
        f"{_FAILED}Invalid Serverless Application Specification document. Number of errors found: "
        f"{len(said)}. " + " ".join(said)
    )


def _lines(document: Document, body: Mapping[str, Any]) -> dict[Where, int]:
    """The lines of what was made: those of the resource from whose name the new name was made."""
    lines = dict(document.lines)
    sources = document.body.get("Resources") or {}
    for name in body.get("Resources") or {}:
        if name not in sources:
            origin = max((source for source in sources if name.startswith(source)), key=len, default="")
            lines["Resources", name] = (
                document.line("Resources", origin) if origin else document.line("Resources")
            )
    return lines


def _folder() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "cloudlet" / f"sam-{version('aws-sam-translator')}-1"


def _keep(path: Path, content: bytes) -> None:
    """Write to the cache if that can be done, and forget the oldest."""
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
        for old in sorted(path.parent.glob("*.json"), key=lambda found: found.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return
