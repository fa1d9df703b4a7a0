"""What is found in a text, and what only looks like it."""

from __future__ import annotations

import base64

import pytest

from tests.ingest.masking.masked import masked_text

ALL = {"profile": "all"}

FOUND = [
    ("card 4111 1111 1111 1111 declined", "card **** declined"),
    ("4111111111111111", "****"),
    ("paid with 4111.1111.1111.1111.", "paid with ****."),
    ("n=5555-5555-5555-4444;", "n=****;"),
    ("3782 822463 10005", "****"),
    ("pay?card=4111%201111%201111%201111&x=1", "pay?card=****&x=1"),
    ("30569309025904", "****"),
    ("GB82 WEST 1234 5698 7654 32", "****"),
    ("to DE89370400440532013000 today", "to **** today"),
    ("mail jane.doe123@example.com about it", "mail **** about it"),
    ("q=jane%40example.com", "q=****"),
    ("müller@uni-köln.de", "****"),
    ("<a@b.co>, <c@d.org>", "<****>, <****>"),
    ("ssn 123-45-6789 on file", "ssn **** on file"),
    ("peer 192.168.12.44 refused", "peer **** refused"),
    ("http://10.0.0.1:8080/x", "http://****:8080/x"),
    ("2001:db8::1", "****"),
    ("[fe80::1ff:fe23:4567:890a]:443", "[****]:443"),
    ("::ffff:192.0.2.128", "****"),
    ("call +1 415-555-1234 back", "call **** back"),
    ("(415) 555-1234", "****"),
    ("020 7946 0958", "****"),
    ("+44 (0)20 7946 0958", "****"),
    ("030 12345678", "****"),
    ("06 12 34 56 78", "****"),
    ("98765 43210", "****"),
    ("phone: 9876543210", "phone: ****"),
    ("Bearer abcdefghijklmnop1234", "Bearer ****"),
    ("Basic dXNlcjpwYXNzd29yZA==", "Basic ****"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0K.c2lnbmF0dXJl", "****"),
    ("AKIAIOSFODNN7EXAMPLE", "****"),
    ("x ghp_" + "a1B2" * 9 + " y", "x **** y"),
    ("glpat-" + "a1B2" * 5, "****"),
    ("AccountKey=" + "a1B2" * 21 + "==;x", "AccountKey=****;x"),
    ("https://user:pass@host/x", "https://****@host/x"),
    ("password=hunter2 next", "password=**** next"),
    ('{"client_secret": "abc def", "a": 1}', '{"client_secret": "****", "a": 1}'),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "****\nrest"),
    ("-----BEGIN PRIVATE KEY-----\ncut off", "****"),
    ("data " + base64.b64encode(b'{"mail": "jane@example.com"}').decode(), "data ****"),
    (base64.urlsafe_b64encode("é 4111 1111 1111 1111".encode()).decode().rstrip("="), "****"),
]

LEFT = [
    "4111111111111112",
    "0.4111111111111111",
    "411.11111.1111.1111",
    "41.11.11.11.11.11.11.11",
    "a4111111111111111b",
    "GB82 WEST 1234 5698 7654 33",
    "000-12-3456",
    "666-12-3456",
    "900-12-3456",
    "123-00-4567",
    "550e8400-e29b-41d4-a716-446655440000",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "2026-11-22T03:19:45.123456789Z",
    "1732245678901234567",
    "order 10203040506070",
    "v1.2.3.4",
    "Chrome/120.0.6099.109 Safari/537.36",
    "Version=4.0.0.0, Culture=neutral",
    "postgresql-42.2.5.1.jar",
    "12:34:56",
    "00:1a:2b:3c:4d:5e",
    "std::vector",
    "a::b",
    "::1",
    "git@github.com:example/repo.git",
    "logo@2x.png",
    "react@18.2.0",
    "token expired",
    "token: expired",
    "bearer of bad news",
    "basic authentication failed",
    "9876543210",
    "ip-10-0-123-123.ec2.internal",
    "https://example.com/@user",
    "sk-learn-style-names-with-many-parts-here",
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_what_is_personal_or_secret_is_found(text: str, expected: str) -> None:
    assert masked_text(text, ALL) == expected


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert masked_text(text, ALL) == text


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        ("app.user.password", True),
        ("http.request.header.authorization", True),
        ("userPassword", True),
        ("X-Api-Key", True),
        ("aws_secret_access_key", True),
        ("session_token", True),
        ("gen_ai.usage.input_tokens", False),
        ("token_count", False),
        ("k8s.secret.name", False),
        ("secretariat", True),
        ("compass", False),
        ("http.route", False),
    ],
)
def test_keys_that_name_secrets_take_their_values_whole(key: str, taken: bool) -> None:
    assert masked_text("anything", key=key) == ("****" if taken else "anything")


def test_a_key_that_names_a_telephone_vouches_for_a_bare_number() -> None:
    assert masked_text("9876543210", ALL, key="customer.phone") == "****"


def test_a_long_text_is_looked_through_to_its_end() -> None:
    text = "é" * 10_000 + " jane@example.com " + "x " * 20_000 + "4111111111111111"
    assert masked_text(text) == "é" * 10_000 + " **** " + "x " * 20_000 + "****"


def test_a_value_seen_before_is_told_from_another_of_its_length() -> None:
    assert masked_text("aaaa@example.com") == "****"
    assert masked_text("aaaa_example.com") == "aaaa_example.com"
