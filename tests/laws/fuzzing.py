"""Requests that are nearly right, several kinds of damage to them, and a client that sends bytes."""

import json
import random
import re
import socket
from urllib.parse import quote, urlencode

PATIENCE_S = 15
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
KNOWN = {  # what exists, by the name of the member that would name it
    "tablename": ["fuzz"],
    "bucket": ["fuzz"],
    "key": ["key", "a/b", "%00", "é"],
    "queuename": ["fuzz"],
    "functionname": ["fuzz", "arn:aws:lambda:us-east-1:000000000000:function:fuzz"],
    "loggroupname": ["fuzz"],
    "logstreamname": ["fuzz"],
    "username": ["fuzz"],
    "rolename": ["fuzz"],
    "policydocument": ['{"Version":"2012-10-17","Statement":[]}', "{", '{"Statement":7}', "[[[[" * 200],
    "assumerolepolicydocument": ['{"Version":"2012-10-17","Statement":[]}', "null"],
    "stackname": ["fuzz"],
    "apiid": ["fuzz"],
    "templatebody": [
        '{"Resources":{}}',
        "a: &a [*a]",
        "{",
        "Resources: {A: {Type: 'AWS::SQS::Queue'}}",
        '{"Resources":{"A":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Ref":"A"}}}}}',
    ],
    "expression": [
        "a = :v",
        "SET a = :v, b = b + :v",
        "((((",
        "size(a) > :v AND",
        "#a.b[0] = :v",
        "REMOVE a[9999999999]",
        "attribute_exists(",
        "NOT " * 300 + "a = :v",
        "(" * 400 + "a = :v" + ")" * 400,
    ],
    "statement": ["SELECT * FROM fuzz", "SELECT", "'"],
    "filterpattern": ["{ $.a = 1 }", "{", "[a, b", "?a ?b"],
    "nexttoken": ["AAAA", "%%%", "eyJ9"],
    "arn": ["arn:aws:sqs:us-east-1:000000000000:fuzz", "arn:", "arn:aws:x"],
}
SCALARS = [
    None,
    True,
    False,
    0,
    -1,
    1 << 31,
    1 << 63,
    -(1 << 63),
    1 << 70,
    1.5,
    -0.0,
    1e308,
    "",
    "x",
    "\0",
    "a\0b",
    "\ud800",
    "\U0001f4a3",
    "0",
    "-1",
    "1e999",
    "NaN",
    " ",
    "\n",
    "x" * 5000,
    "%00",
    "../../etc/passwd",
    [],
    {},
    [None],
    [[]],
    {"": ""},
    {"S": 1},
    {"N": "1e400"},
    {"B": "!"},
    {"L": [{"L": []}]},
    {"NULL": False},
]


class Maker:
    """Requests that are nearly right, and the same ones for the same seed."""

    def __init__(self, seed, url):
        self.random, self.url = random.Random(seed), url

    def value(self, member, depth=0):
        shape, rng = member.shape, self.random
        known = self._known(member.name)
        if known and member.type == "string" and rng.random() < 0.9:
            return rng.choice(known)
        match member.type:
            case "structure" if not shape.document:
                names = [n for n, m in shape.members.items() if not m.shape.eventstream]
                if shape.union and names:
                    names = [rng.choice(names)]
                return {
                    name: self.value(shape.members[name], depth + 1)
                    for name in names
                    if name in shape.required
                    or shape.union
                    or (depth < 4 and rng.random() < 0.35)
                    or shape.members[name].location == "uri"
                }
            case "list":
                return (
                    [self.value(shape.item, depth + 1) for _ in range(rng.randint(0, 2))] if depth < 6 else []
                )
            case "map":
                return (
                    {
                        self.text(shape.key): self.value(shape.value, depth + 1)
                        for _ in range(rng.randint(0, 2))
                    }
                    if depth < 6
                    else {}
                )
            case "blob":
                return rng.choice([b"", b"x", bytes(range(256)), b'{"a": 1}', b"PK\x03\x04 no zip"])
            case "timestamp":
                return rng.randint(0, 1 << 32)
            case "boolean":
                return rng.random() < 0.5
            case "integer" | "long" | "short" | "byte":
                return rng.choice([int(shape.min or 0), 0, 21, 1000, 1 << 30, -1])
            case "float" | "double":
                return rng.choice([0.0, 1.5, -1e300])
            case "structure":
                return {"x": 1}
        return self.text(member)

    def text(self, member):
        shape, rng = member.shape, self.random
        if shape.enum:
            return rng.choice(shape.enum)
        return "".join(rng.choices("abcXYZ019-", k=rng.randint(int(shape.min or 1), int(shape.min or 1) + 3)))

    def _known(self, name):
        low = name.lower()
        if low == "queueurl":
            return [f"{self.url}/000000000000/fuzz", "fuzz", "http://[::1", self.url]
        return (
            KNOWN.get(low)
            or next(
                (values for known, values in KNOWN.items() if len(known) > 4 and low.endswith(known)), None
            )
            or (KNOWN["arn"] if low.endswith("arn") else None)
        )

    # -- damage

    def tree(self, node):
        """A document with one of its places changed, dropped, or made very deep."""
        rng = self.random
        if isinstance(node, dict) and node and rng.random() < 0.8:
            key = rng.choice(list(node))
            if rng.random() < 0.1:
                return {k: v for k, v in node.items() if k != key}
            return {**node, key: self.tree(node[key])}
        if isinstance(node, list) and node and rng.random() < 0.7:
            n = rng.randrange(len(node))
            return [*node[:n], self.tree(node[n]), *node[n + 1 :]]
        if rng.random() < 0.05:
            deep = "bottom"
            for _ in range(rng.choice([40, 400])):
                deep = {"M": {"a": deep}} if rng.random() < 0.5 else [deep]
            return deep
        return rng.choice(SCALARS)

    def bytes(self, body):
        """A body with a few of its bytes changed."""
        rng, body = self.random, bytearray(body or b"{}")
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(body) + 1)
            match rng.randrange(6):
                case 0:
                    del body[at:]
                case 1:
                    body[at:at] = bytes([rng.randrange(256)])
                case 2:
                    body[at:at] = rng.choice(
                        [b"\0", b"\xff\xfe", b"\xed\xa0\x80", b'"', b"<", b"&x;", b"]]>", b"%", b"9" * 400]
                    )
                case 3:
                    del body[at : at + 3]
                case 4:
                    body[at:at] = body[at // 2 : at]
                case 5 if at < len(body):
                    body[at] ^= 1 << rng.randrange(8)
            body = body or bytearray(b"x")
        return bytes(body)

    def text_of(self, value):
        """A value as text, for forms, headers and URLs."""
        return (
            self.random.choice(
                ["", "-1", "x", "\0", "9" * 400, "NaN", "true", "é", "a" * 3000, "%", "[]", "{}"]
            )
            if self.random.random() < 0.5
            else str(value)
        )


def as_it_is(maker, sent, protocol):
    path, _, query = sent["url_path"].partition("?")
    extra = sent["query_string"]
    extra = extra if isinstance(extra, str) else urlencode(extra, doseq=True)
    body = sent["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    body = body if isinstance(body, bytes) else (body or "").encode("utf-8", "surrogatepass")
    headers = {k: v.decode("latin-1") if isinstance(v, bytes) else str(v) for k, v in sent["headers"].items()}
    query = "&".join(part for part in (query, extra) if part)
    return sent["method"], path + ("?" + query if query else ""), headers, body


def wrong_values(maker, sent, protocol):
    method, path, headers, body = as_it_is(maker, sent, protocol)
    if isinstance(sent["body"], dict):
        fields = {k: maker.text_of(v) if maker.random.random() < 0.4 else v for k, v in sent["body"].items()}
        fields |= {maker.random.choice(["a.1", "x.member.999999999999", ".", "Tag.1.Key.", "a." * 500]): "1"}
        fields |= {"Action": sent["body"].get("Action", "")}
        return method, path, headers, urlencode(fields).encode()
    try:
        text = json.dumps(maker.tree(json.loads(body)), ensure_ascii=maker.random.random() < 0.5)
    except (ValueError, RecursionError):
        return None
    return method, path, headers, text.encode("utf-8", "surrogatepass")


def wrong_bytes(maker, sent, protocol):
    method, path, headers, body = as_it_is(maker, sent, protocol)
    return method, path, headers, maker.bytes(body)


def wrong_headers(maker, sent, protocol):
    method, path, headers, body = as_it_is(maker, sent, protocol)
    changed = {k: maker.text_of(v) for k, v in headers.items() if k.lower() != "x-amz-target"}
    odd = {
        "content-encoding": ["gzip", "aws-chunked", "gzip,gzip", "br"],
        "x-amz-content-sha256": ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x"],
        "content-type": ["application/cbor", "text/xml", "\xff", ""],
        "content-md5": ["x", "AAAA"],
        "range": ["bytes=-", "bytes=9-1", "x"],
        "x-amz-date": ["x", ""],
        "x-amz-decoded-content-length": ["-1", "x"],
        "if-modified-since": ["x"],
        "x-amz-security-token": ["x"],
        "smithy-protocol": ["rpc-v2-cbor"],
        "x-amz-tagging": ["%", "a=b&a=b"],
        "x-amz-copy-source": ["", "/", "%"],
        "x-amz-checksum-crc32": ["x", "AAAAAA=="],
        "authorization": ["", "AWS4-HMAC-SHA256 Credential=", "Bearer x"],
        "x-amzn-trace-id": ["Root=", "x"],
        "origin": ["null", "http://[", "http://localhost"],
    }
    for name in maker.random.sample(sorted(odd), 3):
        changed[name] = maker.random.choice(odd[name])
    return (
        method,
        path,
        {**{k: v for k, v in headers.items() if k.lower() == "x-amz-target"}, **changed},
        body,
    )


def wrong_path(maker, sent, protocol):
    method, path, headers, body = as_it_is(maker, sent, protocol)
    rng = maker.random
    at = rng.randrange(len(path) + 1)
    junk = rng.choice(
        ["%", "%00", "%ff", "//", "/../", "?", "&a=%", "=", "%F0%9F%92%A3", "a" * 3000, "?Action=X", ";"]
    )
    return rng.choice([method, method, "GET", "DELETE", "PATCH"]), path[:at] + junk + path[at:], headers, body


def truncated(maker, sent, protocol):
    method, path, headers, body = as_it_is(maker, sent, protocol)
    return (method, path, headers, body[: len(body) // 2]) if body else None


def deep(maker, sent, protocol):
    method, path, headers, body = as_it_is(maker, sent, protocol)
    bomb = {
        "rest-xml": b"<a>" * 20_000,
        "query": b"&".join(b"a." * 300 + b"%d=1" % n for n in range(50)),
        "smithy-rpc-v2-cbor": b"\x81" * 50_000,
    }.get(protocol, b'{"a":' * 20_000 + b"[" * 20_000)
    return method, path, headers, (body[:-1] if protocol == "json" and len(body) > 2 else b"") + bomb


KINDS = [
    as_it_is,
    wrong_values,
    wrong_values,
    wrong_bytes,
    wrong_bytes,
    wrong_headers,
    wrong_path,
    truncated,
    deep,
]


def packed(service, method, path, headers, body):
    """A request as bytes, signed by nobody in particular."""
    signer = service.model.signing_name
    headers = {k.lower(): v for k, v in headers.items()}
    headers.setdefault(
        "authorization",
        f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{signer}/aws4_request, "
        "SignedHeaders=host, Signature=0",
    )
    headers |= {"host": "127.0.0.1", "content-length": str(len(body))}
    lines = [f"{method} {quote(path or '/', safe='/?&=%+:@!$,;~*()[]|-._')} HTTP/1.1"]
    lines += [f"{k}: {UNPRINTABLE.sub(' ', v)}" for k, v in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body


class Client:
    """One connection, opened again whenever it was closed."""

    def __init__(self, port):
        self.port, self.socket = port, None

    def ask(self, data):
        """The status and the start of the answer; 0 if the connection was closed without one."""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        try:
            self.socket.sendall(data)
            return self._answer(data.startswith(b"HEAD "))
        except (ConnectionError, BrokenPipeError):
            self.close()
            return 0, b""
        except TimeoutError:
            self.close()
            return 599, b"it hangs"

    def _answer(self, head_only):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise ConnectionResetError
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        low = head.lower()
        if head_only:
            pass
        elif b"100 continue" in low or b"transfer-encoding" in low or b"connection: close" in low:
            self.close()
        else:
            length = int(re.search(rb"content-length: (\d+)", low)[1]) if b"content-length" in low else 0
            while len(body) < length:
                body += self.socket.recv(1 << 16)
        return int(head[9:12]), body[:300]

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None
