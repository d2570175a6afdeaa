"""What a Python function writes: what it prints, and what it logs in one of Lambda's two formats."""

import json
import logging
import os
import time
import traceback
import typing

STAMP = "%Y-%m-%dT%H:%M:%SZ"
Told = typing.Dict[str, typing.Any]


class LogFormatter(logging.Formatter):
    """``[INFO]\\t2026-01-02T03:04:05.678Z\\trequest id\\tmessage``, as Lambda formats."""

    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        """The record as Lambda shows it."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        stamp = f"{stamp}.{int(record.msecs):03d}Z"
        text = f"[{record.levelname}]\t{stamp}\t{self.request_id}\t{record.getMessage()}\n"
        if record.exc_info:
            text += self.formatException(record.exc_info) + "\n"
        return text


_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}  # what every record has


class JsonFormatter(logging.Formatter):
    """One JSON object a record, as ``LogFormat: JSON`` asks; what the caller gave as ``extra`` is in it."""

    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        """The record as Lambda shows it."""
        level = logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10)
        entry: Told = {"timestamp": time.strftime(STAMP, time.gmtime(record.created)), "level": level,
                       "message": record.getMessage(), "logger": record.name}
        if record.exc_info and record.exc_info[0]:
            entry |= {"stackTrace": traceback.format_tb(record.exc_info[2]),
                      "errorType": record.exc_info[0].__name__, "errorMessage": str(record.exc_info[1])}
        entry["requestId"] = self.request_id
        if record.exc_info and record.exc_info[0]:
            entry["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        entry |= {key: value for key, value in vars(record).items()
                  if key not in _OWN and key not in entry and value is not None}
        return json.dumps(entry, default=str, ensure_ascii=False) + "\n"


class LogHandler(logging.Handler):
    """Writes each record as one log entry, however many lines it has."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            log_entry(self.format(record))
        except Exception:
            self.handleError(record)


def log_entry(text: str) -> None:
    """One log entry of several lines, in its place among what is printed: zeros stand for its line ends."""
    entry = text.rstrip("\n").replace("\0", "").replace("\n", "\0")
    write_all(1, f"\0{entry}\n".encode("utf-8", "replace"))


def write_all(handle: int, rest: bytes) -> None:
    """Write every byte."""
    while rest:
        rest = rest[os.write(handle, rest):]


class LineWriter:
    """``sys.stdout`` and ``sys.stderr``: every line leaves at once, so that none is lost in a crash."""

    encoding, errors, newlines, closed, mode, name = "utf-8", "replace", None, False, "w", "<stdout>"

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.buffer = open(handle, "wb", buffering=0, closefd=False)

    def write(self, text: str) -> int:
        """Write text."""
        write_all(self._handle, text.encode("utf-8", "replace"))
        return len(text)

    def writelines(self, lines: "list[str]") -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing waits."""

    def fileno(self) -> int:
        """The file descriptor."""
        return self._handle

    def isatty(self) -> bool:
        """No terminal here."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Never."""
        return False
