"""GraphQL over HTTP: what is answered to whatever comes in, and how much one request may ask for."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from tests.query.house import NOW, House, Tenant, around
from tests.support.rows import SpanData

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
RANGE = '{start: "2025-01-01T00:00:00Z", end: "2025-01-02T00:00:00Z"}'


def post(
    house: House, body: bytes | str | dict[str, Any], accept: str | None = None, content_type: str = JSON
) -> httpx.Response:
    headers = {"content-type": content_type, **({"accept": accept} if accept else {})}
    content = json.dumps(body) if isinstance(body, dict) else body
    return httpx.post(f"http://{house.http}/graphql", content=content, headers=headers, timeout=20, verify=False)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON}; charset=utf-8, {GRAPHQL}", JSON),
        ("text/plain, application/*", JSON),
    ],
)
def test_the_answer_has_the_type_that_the_client_takes(house: House, accept: str | None, media: str) -> None:
    answer = post(house, {"query": "{ tenant }"}, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{media}; charset=utf-8")
    assert answer.json() == {"data": {"tenant": "default"}}


@pytest.mark.parametrize(
    "document",
    [
        {"query": "{"},
        {"query": "{ nothing }"},
        {"query": "{ trace { id } }"},
        {"query": "query a { tenant } query b { tenant }"},
        {"query": "query a { tenant }", "operationName": "b"},
        {"query": "mutation { tenant }"},
        {"query": "query($r: TimeRange) { services(range: $r) { name } }", "variables": {"r": {"start": "x"}}},
    ],
)
def test_a_document_that_cannot_run_is_400_unless_the_client_is_an_older_one(
    house: House, document: dict[str, Any]
) -> None:
    for accept, status in ((GRAPHQL, 400), (JSON, 200)):
        answer = post(house, document, accept)
        assert answer.status_code == status
        assert "data" not in answer.json()
        assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {"BAD_INPUT"}


def test_an_error_in_a_field_leaves_the_others_and_says_where(house: House) -> None:
    for accept in (GRAPHQL, JSON):
        answer = post(house, {"query": '{ tenant trace(id: "x") { id } }'}, accept)
        assert answer.status_code == 200
        assert answer.json() == {
            "data": {"tenant": "default", "trace": None},
            "errors": [
                {
                    "message": "id: a trace id is 32 hexadecimal digits",
                    "extensions": {"code": "BAD_INPUT"},
                    "locations": [{"line": 1, "column": 10}],
                    "path": ["trace"],
                }
            ],
        }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        ('{"query": "\\ud800"}', "the body is not JSON"),
        ("[]", "the body is not an object"),
        ('[{"query": "{ tenant }"}]', "the body is not an object"),
        ("{}", "the body is not an object with a string 'query'"),
        ('{"query": ""}', "the body is not an object with a string 'query'"),
        ('{"query": 1}', "the body is not an object with a string 'query'"),
        ('{"query": "{ tenant }", "variables": []}', "'variables' is not an object"),
        ('{"query": "{ tenant }", "operationName": 1}', "'operationName' is not a string"),
    ],
)
def test_a_body_that_is_no_request_is_400(house: House, body: bytes | str, message: str) -> None:
    answer = post(house, body)
    assert answer.status_code == 400
    assert message in answer.json()["errors"][0]["message"]


def test_heads_that_do_not_fit_have_their_own_status(house: House) -> None:
    url = f"http://{house.http}/graphql"
    assert post(house, {"query": "{ tenant }"}, "text/csv").status_code == 406
    # What a form of another site can send without asking first must not run.
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert post(house, {"query": "{ tenant }"}, content_type=media).status_code == 415
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = httpx.request(method, url, params={"query": "{ tenant }"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_a_body_that_is_too_large_is_413_before_it_is_read_to_its_end(house: House) -> None:
    answer = post(house, b" " * ((1 << 20) + 1))
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


def test_a_client_that_goes_away_harms_nobody(house: House) -> None:
    host, port = house.http.split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n")
        client.sendall(b"content-length: 100\r\n\r\n{")
    assert post(house, {"query": "{ tenant }"}).status_code == 200


def _refused(house: House, query: str) -> str:
    (error, *_) = post(house, {"query": query}).json()["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    message: str = error["message"]
    return message


def test_a_field_costs_as_often_as_it_is_asked_for(house: House) -> None:
    field = f"services(range: {RANGE}) {{ name }}"
    assert "data" in post(house, {"query": "{" + " ".join(f"a{n}: {field}" for n in range(10)) + "}"}).json()
    for query in (
        "{" + " ".join(f"a{n}: {field}" for n in range(30)) + "}",
        "{" + field * 30 + "}",
        "{" + "...f " * 30 + f"}} fragment f on Query {{ {field} }}",
        "{" + f"...{{ {field} }} " * 30 + "}",
    ):
        assert "cost is over" in _refused(house, query)


def test_fragments_that_multiply_are_counted_and_not_expanded(house: House) -> None:
    bomb = "{ ...f0 } " + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60))
    assert "cost is over" in _refused(house, bomb + " fragment f60 on Query { tenant }")


def test_a_fragment_within_itself_is_bad_input(house: House) -> None:
    answer = post(house, {"query": "{ ...a } fragment a on Query { ...b } fragment b on Query { tenant ...a }"}).json()
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_INPUT"}


@pytest.mark.parametrize(
    "query",
    [
        "{" * 900,
        "{ a" * 900 + "}" * 900,
        "{ trace(id: " + "[" * 1500 + "]" * 1500 + ") { id } }",
        "{" + " tenant" * 5000 + "}",
        "query(" + "$a: Int " * 3000 + ") { tenant }",
    ],
)
def test_a_document_that_is_deep_or_long_is_refused(house: House, query: str) -> None:
    answer = post(house, {"query": query}).json()
    assert "data" not in answer
    assert {error["extensions"]["code"] for error in answer["errors"]} <= {"BAD_INPUT", "LIMIT_EXCEEDED"}


def test_introspection_works_as_deep_as_graphiql_needs_and_no_deeper(house: House) -> None:
    answer = post(house, {"query": get_introspection_query(input_value_deprecation=True, specified_by_url=True)})
    assert "errors" not in answer.json()
    deep = "{ __schema { types " + "{ fields { type " * 10 + "{ name }" + "} }" * 10 + "} }"
    assert "errors" in post(house, {"query": deep}).json()


def test_a_page_with_thousands_of_spans_is_answered(tenant: Tenant) -> None:
    tenant.rows.spans(*(SpanData("ab" * 16, f"{n + 1:016x}", NOW + n, attributes={"n": n}) for n in range(3000)))
    query = "query($q: TraceQuery!) { traces(query: $q) { edges { node { spanCount spans { attributes } } } } }"
    (edge,) = tenant.ask(query, q={"range": around()})["edges"]
    assert edge["node"]["spanCount"] == 3000
    assert [span["attributes"]["n"] for span in edge["node"]["spans"]] == list(range(3000))
