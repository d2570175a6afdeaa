"""S3 Select: rows chosen by SQL, in each form, and nothing of the machine besides."""

import gzip
import json

import pytest

pytest.importorskip("duckdb")
PEOPLE = b'name,age,city\n"Ada, L",36,London\nBob,7,Paris\nCy,60,London\n'
LINES = b'{"name":"Ada","age":36,"born":"1815-12-10"}\n{"name":"Bob","age":7,"in":{"a":[1,2]}}\n'


@pytest.fixture
def select(s3, bucket):
    """What comes of an expression over ``body``: the rows, or the whole answer."""
    def ask(body, expression, given, wanted=None, events=False):
        s3.put_object(Bucket=bucket, Key="k", Body=body)
        answer = list(s3.select_object_content(
            Bucket=bucket, Key="k", Expression=expression, ExpressionType="SQL", InputSerialization=given,
            OutputSerialization=wanted or {"CSV": {}}, RequestProgress={"Enabled": events})["Payload"])
        rows = b"".join(event["Records"]["Payload"] for event in answer if "Records" in event).decode()
        return (rows, answer) if events else rows

    return ask


USE = {"CSV": {"FileHeaderInfo": "USE"}}


@pytest.mark.parametrize(("expression", "rows"), [
    ("SELECT * FROM S3Object", '"Ada, L",36,London\nBob,7,Paris\nCy,60,London\n'),
    ("select s.name from s3object s where cast(s.age as int) > 30", '"Ada, L"\nCy\n'),
    ("SELECT s._3, s._2 FROM S3Object[*] AS s WHERE s.city LIKE 'P%'", "Paris,7\n"),
    ("SELECT count(*) FROM S3Object s WHERE s.name <> 'S3Object'", "3\n"),
    ("SELECT s.name FROM S3Object s LIMIT 1", '"Ada, L"\n'),
    ("SELECT sum(CAST(age AS INT)) AS total FROM S3Object", "103\n"),
    ("SELECT name FROM S3Object WHERE name = 'nobody'", "")])
def test_rows_of_csv(select, expression, rows):
    assert select(PEOPLE, expression, USE) == rows


def test_rows_of_a_large_object_come_in_many_events(select):
    body = b"".join(b"%d,%s\n" % (n, b"x" * 50) for n in range(20_000))
    rows, events = select(body, "SELECT * FROM S3Object", {"CSV": {}}, events=True)
    assert (rows.encode(), sum("Records" in event for event in events) > 1) == (body, True)
    assert [next(iter(event)) for event in events][-3:] == ["Progress", "Stats", "End"]
    assert events[-2]["Stats"]["Details"]["BytesReturned"] == len(body)


@pytest.mark.parametrize(
    ("header", "rows"), [("NONE", "name\nAda, L\nBob\nCy\n"), ("IGNORE", "Ada, L\nBob\nCy\n")]
)
def test_columns_without_a_header_have_numbers(select, header, rows):
    assert select(PEOPLE, "SELECT _1 FROM S3Object", {"CSV": {"FileHeaderInfo": header}},
                  {"CSV": {"FieldDelimiter": ";"}}) == rows


def test_csv_is_written_as_it_is_wanted(select):
    assert (
        select(
            PEOPLE,
            "SELECT name, age FROM S3Object LIMIT 2",
            USE,
            {"CSV": {"QuoteFields": "ALWAYS", "FieldDelimiter": "|", "RecordDelimiter": "!"}},
        )
        == '"Ada, L"|"36"!"Bob"|"7"!'
    )


@pytest.mark.parametrize("kind", ["LINES", "DOCUMENT"])
def test_rows_of_json(select, kind):
    rows = select(
        LINES, "SELECT * FROM S3Object[*] s WHERE s.age > 1", {"JSON": {"Type": kind}}, {"JSON": {}}
    )
    assert [json.loads(row) for row in rows.splitlines()] == [json.loads(row) for row in LINES.splitlines()]
    rows = select(LINES, "SELECT s.name, s.age + 1 FROM S3Object s", {"JSON": {"Type": kind}}, {"JSON": {}})
    assert json.loads(rows.splitlines()[0]) == {"name": "Ada", "_2": 37}


def test_rows_of_what_is_compressed(select):
    given = {"CompressionType": "GZIP", **USE}
    assert select(gzip.compress(PEOPLE), "SELECT name FROM S3Object LIMIT 1", given) == '"Ada, L"\n'


def test_rows_of_parquet(select, tmp_path):
    import duckdb
    duckdb.execute(f"COPY (SELECT range AS n, 'x' || range AS t FROM range(3)) TO '{tmp_path}/a.parquet'")
    body = (tmp_path / "a.parquet").read_bytes()
    assert select(body, "SELECT s.t FROM S3Object s WHERE s.n > 0", {"Parquet": {}}) == "x1\nx2\n"


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("SELEC 1", "ParseUnexpectedToken"),
        ("SELECT nothing FROM S3Object", "EvaluatorBindingDoesNotExist"),
        ("SELECT _9 FROM S3Object", "InvalidColumnIndex"),
        ("SELECT CAST(name AS INT) FROM S3Object", "CastFailed"),
        ("SELECT 1; SELECT 2", "UnsupportedSqlStructure"),
        ("DROP VIEW s3object", "UnsupportedSqlStructure"),
        ("SELECT * FROM read_text('/etc/hostname')", "UnsupportedSqlStructure"),
        ("SELECT * FROM glob('/*')", "UnsupportedSqlStructure"),
        ("COPY s3object TO '/tmp/select-was-here'", "UnsupportedSqlStructure"),
        ("INSTALL httpfs", "UnsupportedSqlStructure"),
        ("SET memory_limit = '9GB'", "UnsupportedSqlStructure"),
    ],
)
def test_an_expression_can_do_nothing_else(select, refused, expression, code):
    with refused(code):
        select(PEOPLE, expression, USE)


def test_what_can_t_be_selected_from_is_refused(s3, bucket, select, refused):
    for given in ({"CompressionType": "BZIP2", **USE}, {"CSV": {"RecordDelimiter": ";"}}):
        with refused("NotHonoured"):
            select(PEOPLE, "SELECT * FROM S3Object", given)
    s3.put_object(Bucket=bucket, Key="sealed", Body=PEOPLE, ServerSideEncryption="aws:kms")
    with refused("NotHonoured"):
        s3.select_object_content(
            Bucket=bucket,
            Key="sealed",
            Expression="SELECT * FROM S3Object",
            ExpressionType="SQL",
            InputSerialization=USE,
            OutputSerialization={"CSV": {}},
        )
