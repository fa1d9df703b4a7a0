"""Does masking find what it should, and leave alone what it should? `python -m benchmarks.masking_quality`.

A generated corpus, the same for a seed: values of each kind, every one of them in prose, JSON, a URL's query, a
log line, a list, base64, bytes, an attribute's key, nested values and (cards) numbers; and look-alikes of each kind.
Recall counts values of which nothing is left in the output, precision look-alikes that come out as they went in.
"""

from __future__ import annotations

import base64
import random
import sys
import uuid
from collections.abc import Callable, Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from ingest.masking.detectors.iban import LENGTH
from ingest.masking.rewrite import rewrite
from ingest.masking.rules import compiled
from ingest.masking.scan import Masker
from otelhouse.rules.documents.masking import parse
from otelhouse.rules.rule import HashKey
from schema.signal import Signal
from schema.wire import Edits, edited, join, scan

Made = Callable[[random.Random], str]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _ALPHABET.lower()
_DIGITS = "0123456789"
_POD = "bcdfghjklmnpqrstvwxz2456789"
_ALNUM = _ALPHABET + _LOWER + _DIGITS


def _text(rng: random.Random, alphabet: str, size: int) -> str:
    return "".join(rng.choices(alphabet, k=size))


def _luhn(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        number = int(digit) * (1 if place % 2 else 2)
        total += number - 9 if number > 9 else number
    return str(-total % 10)


def card(rng: random.Random) -> str:
    """A card number of a network, as cards or forms write it."""
    prefix, size = rng.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16),
                               ("65", 16), ("36", 14), ("3530", 16), ("62", 16), ("4", 13), ("6304", 16)])  # fmt: skip
    body = prefix + _text(rng, _DIGITS, size - 1 - len(prefix))
    number = body + _luhn(body)
    separator = rng.choice(["", "", " ", "-"])
    groups = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}.get(size)
    if not separator or groups is None:
        return number
    parts, at = [], 0
    for group in groups:
        parts.append(number[at : at + group])
        at += group
    return separator.join(parts)


def iban(rng: random.Random) -> str:
    """An IBAN of a country whose account numbers are digits, or of GB, NL, MT."""
    shapes = {
        "DE": "",
        "FR": "",
        "ES": "",
        "AT": "",
        "CH": "",
        "PL": "",
        "GB": "AAAA",
        "NL": "AAAA",
        "NO": "",
        "BE": "",
    }
    country = rng.choice(list(shapes))
    size = int(LENGTH[(ord(country[0]) - 65) * 26 + ord(country[1]) - 65]) - 4
    letters = _text(rng, _ALPHABET, len(shapes[country]))
    body = letters + _text(rng, _DIGITS, size - len(letters))
    number = "".join(str(int(c, 36)) for c in body + country + "00")
    whole = f"{country}{98 - int(number) % 97:02d}{body}"
    return " ".join(whole[i : i + 4] for i in range(0, len(whole), 4)) if rng.random() < 0.5 else whole


def email(rng: random.Random) -> str:
    """An address."""
    local = rng.choice(["jane.doe", "j_smith", "info+shop", "müller", "x", "a.b-c", "o'brien"]) + rng.choice(
        ["", str(rng.randint(1, 9999))]
    )
    host = rng.choice(
        ["example.com", "mail.example.co.uk", "xn--bcher-kva.example", "uni-köln.de", "a.io", "sub.dom.org"]
    )
    return f"{local}@{host}"


def ssn(rng: random.Random) -> str:
    """A number that can be issued."""
    area = rng.choice([*range(1, 666), *range(667, 900)])
    return f"{area:03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}"


def jwt(rng: random.Random) -> str:
    """Three segments."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(b'{"sub":"%d"}' % rng.randint(1, 10**9)).decode().rstrip("=")
    return f"{head}.{body}.{_text(rng, _ALNUM + '-_', 43)}"


def access_key(rng: random.Random) -> str:
    """A key of one of the issuers."""
    return rng.choice(
        [
            lambda: rng.choice(["AKIA", "ASIA"]) + _text(rng, _ALPHABET + "234567", 16),
            lambda: "AIza" + _text(rng, _ALNUM, 35),
            lambda: rng.choice(["ghp_", "gho_", "ghs_"]) + _text(rng, _ALNUM, 36),
            lambda: "github_pat_" + _text(rng, _ALNUM, 22) + "_" + _text(rng, _ALNUM, 59),
            lambda: "glpat-" + _text(rng, _ALNUM, 20),
            lambda: f"xoxb-{rng.randint(10**10, 10**11)}-{rng.randint(10**10, 10**11)}-{_text(rng, _ALNUM, 24)}",
            lambda: rng.choice(["sk_live_", "rk_test_"]) + _text(rng, _ALNUM, 24),
            lambda: "npm_" + _text(rng, _ALNUM, 36),
            lambda: "SG." + _text(rng, _ALNUM, 22) + "." + _text(rng, _ALNUM, 43),
            lambda: _text(rng, _ALNUM, 3) + "8Q~" + _text(rng, _ALNUM + "-_", 34),
            lambda: "sk-proj-" + _text(rng, _ALNUM, 48),
        ]
    )()


def ipv4(rng: random.Random) -> str:
    """An address of any range."""
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def ipv6(rng: random.Random) -> str:
    """An address in full or with a gap."""
    if rng.random() < 0.5:
        return ":".join(f"{rng.randint(0x1000, 0xFFFF):x}" for _ in range(8))
    return f"2001:db8:{rng.randint(0, 0xFFFF):x}::{rng.randint(1, 0xFFFF):x}"


def phone(rng: random.Random) -> str:
    """E.164 and national forms."""
    area, exchange, line = (
        rng.choice(["415", "212", "305", "646"]),
        rng.randint(220, 899) // 10 * 10 + 2,
        rng.randint(0, 9999),
    )
    return rng.choice(
        [
            lambda: f"+1 {area}-{exchange}-{line:04d}",
            lambda: f"+1{area}{exchange}{line:04d}",
            lambda: f"({area}) {exchange}-{line:04d}",
            lambda: f"{area}-{exchange}-{line:04d}",
            lambda: f"{area}.{exchange}.{line:04d}",
            lambda: f"+44 20 7946 {line:04d}",
            lambda: f"020 7946 {line:04d}",
            lambda: f"07700 900{line % 1000:03d}",
            lambda: f"+49 30 {rng.randint(1000000, 99999999)}",
            lambda: f"030 {rng.randint(1000000, 99999999)}",
            lambda: f"0171-{rng.randint(1000000, 9999999)}",
            lambda: "+33 6 " + " ".join(f"{rng.randint(0, 99):02d}" for _ in range(4)),
            lambda: "06 " + " ".join(f"{rng.randint(0, 99):02d}" for _ in range(4)),
            lambda: f"+91 98{rng.randint(100, 999)} {rng.randint(10000, 99999)}",
            lambda: f"98{rng.randint(100, 999)} {rng.randint(10000, 99999)}",
        ]
    )()


def authorization(rng: random.Random) -> str:
    """The credentials of a header; their place says what they are."""
    return _text(rng, _ALNUM, 31) + str(rng.randint(0, 9))


def private_key(rng: random.Random) -> str:
    """PEM."""
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", ""])
    body = "\n".join(_text(rng, _ALNUM + "+/", 64) for _ in range(4))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


def url_credentials(rng: random.Random) -> str:
    """user:password; its place makes it what it is."""
    return f"user{rng.randint(1, 99)}:{_text(rng, _ALNUM + '-_.!', 12)}"


_PLAIN: tuple[str, ...] = (
    "{}", "mail or call {} about it", "value={}", '{{"a": "{}", "b": 1}}', "[{}]", "({})", "user <{}>", "a,{},b",
    "error: {}.", "{}\nnext line", "é {} ü", "'{}'", "id={};x=1", "/p?q={}&r=1",
)  # fmt: skip
"""Places in a text."""
_PLACES: dict[str, tuple[str, ...]] = {
    "authorization": ("Bearer {}", "authorization: bearer {}", '"Authorization": "Basic {}"',
                      "curl -H 'Authorization: Bearer {}'"),
    "url_credentials": ("https://{}@host.example/x", "dsn=postgres://{}@db:5432/app", '"url": "amqp://{}@mq"'),
    "assignment": ("password={} x", '{{"password": "{}"}}', "client_secret={}&a=1", "api_key: '{}'",
                   "?access_token={}"),
}  # fmt: skip

MAKERS: dict[str, Made] = {
    "card": card, "iban": iban, "email": email, "ssn": ssn, "jwt": jwt, "access_key": access_key, "ipv4": ipv4,
    "ipv6": ipv6, "phone": phone, "authorization": authorization, "private_key": private_key,
    "url_credentials": url_credentials, "assignment": lambda rng: _text(rng, _ALNUM, 14) + "7",
}  # fmt: skip


def lookalikes(rng: random.Random) -> dict[str, str]:
    """What looks like one of them and is none, by kind."""
    now = 1_790_000_000 + rng.randint(0, 10**7)
    hexes = "0123456789abcdef"
    bad = _text(rng, _DIGITS, 15)
    return {
        "uuid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "trace id": _text(rng, hexes, 32),
        "span id": _text(rng, hexes, 16),
        "sha256": "sha256:" + _text(rng, hexes, 64),
        "git commit": _text(rng, hexes, 40),
        "version": f"v{rng.randint(0, 20)}.{rng.randint(0, 300)}.{rng.randint(0, 99)}",
        "four-part version": f"Chrome/{rng.randint(80, 140)}.0.{rng.randint(1000, 7000)}.{rng.randint(1, 200)}",
        "assembly version": f"Version={rng.randint(1, 9)}.{rng.randint(0, 9)}.{rng.randint(0, 9)}.0",
        "seconds": str(now),
        "milliseconds": str(now * 1000 + 123),
        "microseconds": f"ts={now * 10**6}",
        "nanoseconds": str(now * 10**9 + rng.randint(0, 10**9)),
        "rfc 3339": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T12:01:07.{rng.randint(0, 999999):06d}Z",
        "clock": f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}",
        "order number": f"order {rng.choice('1789')}{_text(rng, _DIGITS, rng.randint(8, 14))}",
        "order with dashes": f"ORD-{_text(rng, _DIGITS, 4)}-{_text(rng, _DIGITS, 6)}",
        "card with a wrong digit": "4" + bad[:14] + str((int(_luhn("4" + bad[:14])) + rng.randint(1, 9)) % 10),
        "iban with wrong digits": f"DE{rng.randint(0, 1)}0{_text(rng, _DIGITS, 18)}",
        "ssn never issued": rng.choice(["000", "666", "9" + _text(rng, _DIGITS, 2)])
        + f"-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}",
        "float": f"{rng.random() * 10 ** rng.randint(-3, 9)!r}",
        "size": f"{rng.randint(1, 10**12)} bytes",
        "pod": f"checkout-{_text(rng, _POD, 10)}-{_text(rng, _POD, 5)}",
        "host name": f"ip-10-{rng.randint(0, 255)}-{rng.randint(0, 255)}-{rng.randint(0, 255)}.ec2.internal",
        "container": "containerd://" + _text(rng, hexes, 64),
        "mac": ":".join(_text(rng, hexes, 2) for _ in range(6)),
        "path": f"/api/v1/products/{rng.randint(0, 10**8)}/reviews",
        "route": "/users/{user_id}/orders/{order_id}",
        "port": f"listening on :{rng.randint(1024, 65535)}",
        "package": f"react@{rng.randint(1, 18)}.{rng.randint(0, 9)}.{rng.randint(0, 9)}",
        "image": f"logo@{rng.randint(2, 3)}x.png",
        "repository": "git@github.com:example/repo.git",
        "decorator": "java.lang.Object@" + _text(rng, hexes, 8),
        "scope operator": rng.choice(["std::vector", "Foo::Bar::baz", "a::b", "crate::face::Bad"]),
        "statement": f"SELECT * FROM t WHERE id = {rng.randint(1, 10**6)} LIMIT 100",
        "date": f"{rng.randint(1, 28):02d}-{rng.randint(1, 12):02d}-2026",
        "camel": "OpenTelemetryInstrumentationScopeProvider",
        "prose of tokens": rng.choice(
            ["token expired", "invalid password for user", "bearer of bad news", "basic authentication failed"]
        ),
        "counted tokens": f"total_tokens={rng.randint(1, 9999)} token_count: {rng.randint(1, 9999)}",
        "range": f"bytes={rng.randint(0, 9999)}-{rng.randint(10000, 99999)}/{rng.randint(100000, 999999)}",
        "semver list": f"1.{rng.randint(0, 20)}.{rng.randint(0, 20)} 2.{rng.randint(0, 9)}.0",
        "etag": f'W/"{_text(rng, hexes, 12)}-{_text(rng, hexes, 10)}"',
        "snowflake": str(1_500_000_000_000_000_000 + rng.getrandbits(58)),
        "phone-like id": f"job_{_text(rng, _DIGITS, 10)}",
    }


def _request(values: list[AnyValue]) -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"1" * 16, span_id=b"1" * 8)
    for number, value in enumerate(values):
        span.attributes.add(key=f"k{number}", value=value)
    return request.SerializeToString()


def masked(body: bytes, document: dict[str, object]) -> bytes:
    """The request as it would stand in the log."""
    policy = compiled(parse(document), 1)
    result = scan(Signal.TRACES, *join([body]))
    edits = Edits()
    found = Masker().find(result, [policy])
    if found is not None:
        rewrite(result, found, lambda _: HashKey(1, b"k" * 32), edits)
    return bytes(edited(result, edits).data) if len(edits) else body


def _forms(rng: random.Random, kind: str, value: str) -> Iterator[tuple[str, AnyValue]]:
    """Every place in which a value may hide, with the name of the place."""
    places = _PLACES.get(kind, _PLAIN)
    text = rng.choice(places).format(value)
    for place in places:
        yield f"text {place!r}", AnyValue(string_value=place.format(value))
    yield "bytes", AnyValue(bytes_value=text.encode())
    yield "base64", AnyValue(string_value="data " + base64.b64encode(text.encode()).decode())
    yield "base64url", AnyValue(string_value=base64.urlsafe_b64encode(("x: " + text).encode()).decode().rstrip("="))
    nested = AnyValue()
    nested.array_value.values.add().kvlist_value.values.add(key="a").value.string_value = text
    yield "nested", nested
    key = AnyValue()
    key.kvlist_value.values.add(key=text).value.int_value = 1
    yield "key", key
    if kind == "card" and value.isdigit():
        yield "integer", AnyValue(int_value=int(value))
        if len(value) < 16 or value < "9007199254740992":
            yield "double", AnyValue(double_value=float(value))


def recall(kind: str, count: int, seed: int) -> tuple[int, int, dict[str, str]]:
    """(found, of, an example that was missed by place)."""
    rng = random.Random(f"{kind} {seed}")
    values, forms = [], []
    for _ in range(count):
        value = MAKERS[kind](rng)
        for place, form in _forms(rng, kind, value):
            values.append((place, value))
            forms.append(form)
    request = ExportTraceServiceRequest.FromString(masked(_request(forms), {"profile": "all"}))
    missed: dict[str, str] = {}
    found = 0
    for (place, value), before, attribute in zip(
        values, forms, request.resource_spans[0].scope_spans[0].spans[0].attributes, strict=True
    ):
        gone = attribute.value != before and value.encode() not in attribute.value.SerializeToString()
        found += gone
        if not gone:
            missed.setdefault(place, f"{value} -> {attribute.value}".replace("\n", " ")[:200])
    return found, len(values), missed


def precision(count: int, seed: int) -> tuple[int, int, dict[str, str]]:
    """(left alone, of, an example that was taken by kind)."""
    rng = random.Random(seed)
    named = [item for _ in range(count) for item in lookalikes(rng).items()]
    forms = []
    for place, (_, text) in enumerate(named):
        forms.append(AnyValue(string_value=_PLAIN[place % 6].format(text) if place % 3 else text))
    request = ExportTraceServiceRequest.FromString(masked(_request(forms), {"profile": "all"}))
    taken: dict[str, str] = {}
    kept = 0
    for (name, _), before, attribute in zip(
        named, forms, request.resource_spans[0].scope_spans[0].spans[0].attributes, strict=True
    ):
        kept += attribute.value == before
        if attribute.value != before:
            taken.setdefault(name, f"{before.string_value} -> {attribute.value.string_value}")
    return kept, len(named), taken


def main(count: int = 2000, seed: int = 1) -> None:
    """Print recall by detector, and precision."""
    out = sys.stdout
    out.write(f"Masking, profile all, {count} values of each kind, in every place (seed {seed})\n")
    for kind in MAKERS:
        found, of, missed = recall(kind, count, seed)
        out.write(f"  recall     {kind:18} {100 * found / of:8.3f} %  of {of}\n")
        for place, example in sorted(missed.items())[:8]:
            out.write(f"      missed in {place}: {example}\n")
    kept, of, taken = precision(count, seed)
    out.write(f"  precision  {'look-alikes':18} {100 * kept / of:8.3f} %  of {of}\n")
    for name, example in taken.items():
        out.write(f"      taken for something, {name}: {example}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
