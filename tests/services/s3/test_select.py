"""S3 Select: rows chosen by SQL, in each form, and nothing of the machine besides."""

import bz2
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


def test_what_can_t_be_selected_from_is_refused(select, refused):
    for given, code in (({"CompressionType": "BZIP2", **USE}, "InvalidCompressionFormat"),
                        ({"CompressionType": "ZSTD", **USE}, "InvalidCompressionFormat"),
                        ({"CSV": {"RecordDelimiter": ";"}}, "NotHonoured")):
        with refused(code):
            select(PEOPLE, "SELECT * FROM S3Object", given)
    with refused("TruncatedInput"):
        select(bz2.compress(PEOPLE)[:-9], "SELECT * FROM S3Object", {"CompressionType": "BZIP2", **USE})


@pytest.mark.parametrize("streams", [1, 2])
def test_rows_of_what_bzip2_packed(select, streams):
    body = b"".join(b"%d,%s\n" % (n, b"x" * 50) for n in range(40_000))
    packed = bz2.compress(body) if streams == 1 else bz2.compress(body[:99]) + bz2.compress(body[99:])
    given = {"CompressionType": "BZIP2", "CSV": {}}
    assert select(packed, "SELECT count(*), sum(CAST(_1 AS INT)) FROM S3Object", given) == "40000,799980000\n"


@pytest.mark.parametrize("padding", [0, 60_000])  # in the store, or in a file
@pytest.mark.parametrize("by", ["kms", "customer"])
def test_rows_of_what_is_encrypted(s3, bucket, refused, by, padding):
    kms = {"ServerSideEncryption": "aws:kms"}
    own = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    s3.put_object(Bucket=bucket, Key="k", Body=PEOPLE + b"x" * padding, **(kms if by == "kms" else own))
    ask = {"Bucket": bucket, "Key": "k", "Expression": "SELECT age FROM S3Object LIMIT 3",
           "ExpressionType": "SQL", "InputSerialization": USE, "OutputSerialization": {"CSV": {}}}
    answer = s3.select_object_content(**ask, **(own if by == "customer" else {}))
    assert [event["Records"]["Payload"] for event in answer["Payload"] if "Records" in event] == [
        b"36\n7\n60\n"]
    if by == "customer":
        with refused("InvalidRequest"):
            s3.select_object_content(**ask)


NUMBERS = b"".join(b"%04d\n" % n for n in range(100))  # five bytes each


@pytest.mark.parametrize(("wanted", "first", "count"), [
    ({"Start": 0, "End": 0}, 0, 1), ({"Start": 0, "End": 5}, 0, 2), ({"Start": 1, "End": 4}, None, 0),
    ({"Start": 5, "End": 14}, 1, 2), ({"Start": 6, "End": 15}, 2, 2), ({"Start": 490}, 98, 2),
    ({"End": 10}, 98, 2), ({"End": 11}, 98, 2), ({"Start": 0, "End": 10_000}, 0, 100)])
def test_a_range_has_the_records_that_start_in_it(s3, bucket, wanted, first, count):
    s3.put_object(Bucket=bucket, Key="k", Body=NUMBERS)
    answer = list(s3.select_object_content(
        Bucket=bucket, Key="k", Expression="SELECT _1 FROM S3Object", ExpressionType="SQL",
        InputSerialization={"CSV": {}}, OutputSerialization={"CSV": {}}, ScanRange=wanted)["Payload"])
    rows = b"".join(event["Records"]["Payload"] for event in answer if "Records" in event).split()
    assert rows == [b"%04d" % n for n in range(first or 0, (first or 0) + count)]
    assert answer[-2]["Stats"]["Details"]["BytesScanned"] == 5 * count


def test_ranges_in_turn_have_each_record_once(s3, bucket):
    lines = b"".join(json.dumps({"n": n, "more": "x" * (n % 7)}).encode() + b"\n" for n in range(200))
    csv = b"n,more\n" + b"".join(b"%d,%s\n" % (n, b"x" * (n % 7)) for n in range(200))
    for body, given in ((lines, {"JSON": {"Type": "LINES"}}), (csv, USE)):
        s3.put_object(Bucket=bucket, Key="k", Body=body)
        rows = b""
        for start in range(0, len(body), 501):
            answer = s3.select_object_content(
                Bucket=bucket, Key="k", Expression="SELECT s.n FROM S3Object s", ExpressionType="SQL",
                InputSerialization=given, OutputSerialization={"CSV": {}},
                ScanRange={"Start": start, "End": start + 500})
            rows += b"".join(one["Records"]["Payload"] for one in answer["Payload"] if "Records" in one)
        assert rows.split() == [b"%d" % n for n in range(200)]


@pytest.mark.parametrize(("wanted", "given", "code"), [
    ({"Start": 900, "End": 901}, {"CSV": {}}, "InvalidScanRange"),
    ({"Start": 9, "End": 3}, {"CSV": {}}, "InvalidScanRange"),
    ({"Start": 0, "End": 3}, {"CSV": {}, "CompressionType": "GZIP"}, "UnsupportedScanRangeInput"),
    ({"Start": 0, "End": 3}, {"JSON": {"Type": "DOCUMENT"}}, "UnsupportedScanRangeInput"),
    ({"Start": 0, "End": 3}, {"Parquet": {}}, "NotHonoured")])
def test_a_range_that_can_t_be_is_refused(s3, bucket, refused, wanted, given, code):
    s3.put_object(Bucket=bucket, Key="k", Body=NUMBERS)
    with refused(code):
        s3.select_object_content(
            Bucket=bucket, Key="k", Expression="SELECT * FROM S3Object", ExpressionType="SQL",
            InputSerialization=given, OutputSerialization={"CSV": {}}, ScanRange=wanted)
