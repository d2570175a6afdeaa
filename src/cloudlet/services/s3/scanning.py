"""S3 Select's expressions over a file, by DuckDB, which is an optional extra (``cloudlet[select]``).

The expression is a stranger's SQL, so the database it runs in can open that one file and nothing else, keeps
within some memory, and takes one SELECT and no other statement.

>>> rewrite("SELECT s._2 FROM S3Object[*] s WHERE s._1 = 'S3Object'", ["name", "age"])
'SELECT s."age" FROM s3object s WHERE s."name" = \\'S3Object\\''
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import NotHonoured
from . import errors

Options = dict[str, Any]
_MEMORY = "256MB"
_BATCH = 1000  # rows
_SOURCE = re.compile(r"s3object(\[\*\])?", re.I)
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|[A-Za-z_]\w*(?:\[\*\])?|.""", re.S)
_PLACE = re.compile(r"_([1-9]\d*)")
_PLAIN = re.compile(r"[A-Za-z_]\w*( \w+)*")
_CSV_DEFAULTS = {"FieldDelimiter": ",", "QuoteCharacter": '"', "QuoteEscapeCharacter": '"'}


def rewrite(expression: str, columns: list[str]) -> str:
    """The expression as DuckDB takes it: the object is a view, and ``_1`` the first of its columns."""
    found, after_from = [], False
    for match in _TOKEN.finditer(expression):
        token = match[0]
        source, place = _SOURCE.fullmatch(token), _PLACE.fullmatch(token)
        if source and after_from:
            token = "s3object"
        elif place:
            if int(place[1]) > len(columns):
                raise errors.InvalidColumnIndex
            token = '"' + columns[int(place[1]) - 1].replace('"', '""') + '"'
        after_from = token.lower() in ("from", "join", ",") or (after_from and not token.strip())
        found.append(token)
    return "".join(found)


def rows(path: Path, expression: str, source: Options) -> tuple[list[str], Iterator[list[tuple[Any, ...]]]]:
    """The names of what an expression selects, and the rows, some at a time; to be run in a thread."""
    try:
        import duckdb  # an optional dependency
    except ImportError:
        raise NotHonoured("S3 Select needs DuckDB: pip install 'cloudlet[select]'.") from None
    database = duckdb.connect(":memory:", config={"memory_limit": _MEMORY, "threads": 1})
    table = _table(path, source)
    try:
        database.execute(f"SET allowed_paths = [{_text(str(path))}]")
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        database.execute(f"CREATE VIEW s3object AS SELECT * FROM {table}")
        columns = [str(row[0]) for row in database.execute("DESCRIBE s3object").fetchall()]
        wanted = rewrite(expression, columns)
        statements = database.extract_statements(wanted)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise errors.UnsupportedSqlStructure
        result = database.execute(wanted)
        names = [name if _PLAIN.fullmatch(name) or name in columns else f"_{n}"
                 for n, (name, *_) in enumerate(result.description or (), 1)]
        first = result.fetchmany(_BATCH)
    except duckdb.Error as error:
        raise _refusal(error, duckdb) from None

    def batches() -> Iterator[list[tuple[Any, ...]]]:
        batch = first
        while batch:
            yield batch
            try:
                batch = result.fetchmany(_BATCH)
            except duckdb.Error as error:
                raise _refusal(error, duckdb) from None

    return names, batches()


def written(batch: list[tuple[Any, ...]], names: list[str], form: Options) -> bytes:
    """Rows as the request wants them."""
    if "JSON" in form:
        end = (form["JSON"] or {}).get("RecordDelimiter", "\n")
        return "".join(json.dumps({name: value for name, value in zip(names, row, strict=True)
                                   if value is not None}, default=str, ensure_ascii=False,
                                  separators=(",", ":")) + end for row in batch).encode()
    given = _CSV_DEFAULTS | {name: value for name, value in (form["CSV"] or {}).items() if value}
    out = io.StringIO()
    doubled = given["QuoteEscapeCharacter"] == given["QuoteCharacter"]
    writer = csv.writer(
        out, delimiter=given["FieldDelimiter"], quotechar=given["QuoteCharacter"], doublequote=doubled,
        escapechar=None if doubled else given["QuoteEscapeCharacter"],
        lineterminator=given.get("RecordDelimiter", "\n"),
        quoting=csv.QUOTE_ALL if given.get("QuoteFields") == "ALWAYS" else csv.QUOTE_MINIMAL)
    for row in batch:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, default=str) if isinstance(value, dict | list) else value


def _table(path: Path, source: Options) -> str:
    """The call that reads the file."""
    packed = source.get("CompressionType") or "NONE"
    if packed not in ("NONE", "GZIP", "BZIP2"):
        raise errors.InvalidCompressionFormat
    # bzip2, which DuckDB does not know, is unpacked before
    where, unpack = _text(str(path)), f"compression = {_text('gzip' if packed == 'GZIP' else 'none')}"
    if "Parquet" in source:
        return f"read_parquet({where})"
    if "JSON" in source:
        kind = "newline_delimited" if (source["JSON"] or {}).get("Type") == "LINES" else "auto"
        return (f"read_json({where}, format = '{kind}', sample_size = -1, dateformat = '@', "
                f"timestampformat = '@', {unpack})")
    if "CSV" not in source:
        raise errors.MalformedXML
    given = _CSV_DEFAULTS | {name: value for name, value in (source["CSV"] or {}).items() if value}
    if given.get("RecordDelimiter", "\n") not in ("\n", "\r\n"):
        raise NotHonoured("cloudlet selects from CSV whose records end with a new line only.")
    header = given.get("FileHeaderInfo", "NONE")
    parts = [f"delim = {_text(given['FieldDelimiter'])}", f"quote = {_text(given['QuoteCharacter'])}",
             f"escape = {_text(given['QuoteEscapeCharacter'])}", "all_varchar = true", "null_padding = true",
             f"header = {str(header == 'USE').lower()}", f"skip = {int(header == 'IGNORE')}", unpack]
    if given.get("Comments"):
        parts.append(f"comment = {_text(given['Comments'])}")
    return f"read_csv({where}, {', '.join(parts)})"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _refusal(error: Exception, duckdb: Any) -> Exception:
    """What S3 says of what DuckDB says."""
    first = str(error).partition("\n")[0]
    for kind, refusal in ((duckdb.ParserException, errors.ParseUnexpectedToken),
                          (duckdb.ConversionException, errors.CastFailed),
                          (duckdb.BinderException, errors.EvaluatorBindingDoesNotExist),
                          (duckdb.CatalogException, errors.EvaluatorBindingDoesNotExist),
                          (duckdb.PermissionException, errors.UnsupportedSqlStructure)):
        if isinstance(error, kind):
            found: Exception = refusal(first)
            return found
    return errors.InvalidDataSource(first)
