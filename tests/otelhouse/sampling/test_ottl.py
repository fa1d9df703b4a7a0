"""OTTL conditions: pkg/ottl's meaning (LANGUAGE.md, compare.go, ottlfuncs), and errors that name what is missing."""

from __future__ import annotations

import pytest

from otelhouse.sampling.ottl.compile import compiled
from otelhouse.sampling.ottl.parse import OttlError
from tests.otelhouse.sampling.made import kept, policy, resource, sampling, span

SPAN = span(
    1000, 1500, status=2, name="GET /cart", kind=2, flags=1, state="a=b", events=["exception"],
    parent=b"p" * 8, http_status=503, ratio=0.5, ok=True, who="jane", empty="", raw=b"x", none=None,
)  # fmt: skip
TRACE = [resource(SPAN, service_name="cart", replicas=3)]


def true(condition: str, where: str = "span") -> bool:
    return kept(sampling(policy("ottl_condition", error_mode="ignore", **{where: [condition]})), TRACE)[0]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('name == "GET /cart"', True),
        ('span.name != "GET /cart"', False),
        ('attributes["http.status"] >= 500', True),
        ('attributes["http.status"] > 503', False),
        ('attributes["http.status"] == 503.0', True),
        ('attributes["http.status"] == "503"', False),  # other kinds differ
        ('attributes["http.status"] != "503"', True),
        ('attributes["http.status"] < "600"', False),  # and are neither less nor more
        ('attributes["ratio"] <= 0.5', True),
        ('attributes["ratio"] < 1', True),
        ('attributes["ok"] == true', True),
        ('attributes["ok"] == 1', False),
        ('attributes["ok"] > false', True),
        ('attributes["who"] < "k"', True),
        ('attributes["missing"] == nil', True),
        ('attributes["missing"] != nil', False),
        ('attributes["none"] == nil', True),
        ('attributes["empty"] != nil', True),
        ('attributes["missing"] == "x"', False),
        ('attributes["missing"] != "x"', True),
        ('attributes["missing"] < 5', False),
        ("nil == nil", True),
        ('attributes["raw"] == nil', False),
        ('resource.attributes["service.name"] == "cart"', True),
        ('resource.attributes["replicas"] * 2 == 6', True),
        ('instrumentation_scope.name == "lib"', True),
        ('scope.version == "1.2"', True),
        ("status.code == STATUS_CODE_ERROR", True),
        ("status.code == 1", False),
        ("kind == SPAN_KIND_SERVER", True),
        ('kind.string == "Server"', True),
        ("end_time_unix_nano - start_time_unix_nano > 499999999", True),
        ("(end_time_unix_nano - start_time_unix_nano) / 1000000 == 500", True),
        ("1 + 2 * 3 == 7", True),
        ("(1 + 2) * 3 == 9", True),
        ("-7 / 2 == -3", True),
        ("7 / 2.0 == 3.5", True),
        ("1 / 0 == 1", False),
        ('attributes["who"] + 1 == 1', False),
        ('attributes["who"] + 1 != 1', False),  # an error is neither
        ('not name == "x"', True),
        ('name == "x" or kind == 2 and status.code == 2', True),
        ('(name == "x" or kind == 2) and status.code == 1', False),
        ('not (name == "x" and true)', True),
        ("true", True),
        ("false", False),
        ('IsMatch(name, "^GET .*t$")', True),
        ('IsMatch(attributes["http.status"], "^5")', True),
        ('IsMatch(attributes["ok"], "true")', True),
        ('IsMatch(attributes["missing"], ".*")', False),
        ('IsMatch(name, "post")', False),
        ('IsMatch(attributes["raw"], "^78$")', True),  # bytes are text in hexadecimal
        ('IsString(attributes["who"])', True),
        ('IsInt(attributes["who"])', False),
        ('IsInt(attributes["http.status"]) == true', True),
        ('IsDouble(attributes["ratio"]) and IsBool(attributes["ok"])', True),
        ("IsRootSpan()", False),
        ('HasPrefix(name, "GET") and HasSuffix(name, "cart")', True),
        ('trace_state == "a=b" and flags == 1', True),
        ('span_id.string == "7373737373737373"', True),
        ('parent_span_id.string == "7070707070707070"', True),
        ('name == "GET \\/cart"', True),
    ],
)
def test_conditions_on_spans(condition: str, expected: bool) -> None:
    assert true(condition) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('name == "exception"', True),
        ('spanevent.name == "other"', False),
        ('attributes["exception.type"] == "exception"', True),
        ('span.name == "GET /cart" and resource.attributes["service.name"] == "cart"', True),
    ],
)
def test_conditions_on_span_events(condition: str, expected: bool) -> None:
    assert true(condition, "spanevent") is expected


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", "ends too soon"),
        ("name ==", "ends too soon"),
        ("name", "a comparison is missing"),
        ('name = "x"', "not understood"),
        ('name == "x" extra', "unexpected at 'extra'"),
        ("nonsense == 1", "the path nonsense is not supported"),
        ('attributes["a"]["b"] == 1', "a key within a value"),
        ("attributes == nil", "the path attributes is not supported"),
        ('ConvertCase(name, "lower") == "x"', "the function ConvertCase is not supported"),
        ('IsMatch(name, "(")', "missing"),
        ("IsMatch(name)", "takes a value and a constant text"),
        ("STATUS_CODE_BAD == 1", "no enum"),
        ('(name == "x"', "is missing"),
    ],
)
def test_what_is_not_supported_is_an_error_that_names_it(condition: str, said: str) -> None:
    with pytest.raises(OttlError, match=said.replace("(", r"\(")):
        compiled(condition)


@pytest.mark.parametrize(("mode", "expected"), [("propagate", False), ("ignore", True), ("silent", True)])
def test_an_error_that_is_propagated_ends_the_trace_unless_a_span_before_it_matched(mode: str, expected: bool) -> None:
    fails, matches = span(x="text"), span(x=1)
    wanted = sampling(policy("ottl_condition", error_mode=mode, span=['attributes["x"] + 1 == 2']))
    assert kept(wanted, [resource(fails, matches)])[0] is expected
    assert kept(wanted, [resource(matches, fails)])[0] is True


def test_conditions_of_one_policy_are_joined_by_or_those_on_events_too() -> None:
    wanted = sampling(policy("ottl_condition", span=['name == "x"', "kind == 2"], spanevent=['name == "boom"']))
    quiet, boom = [resource(span())], [resource(span(events=["boom"]))]
    assert kept(wanted, TRACE, quiet, boom) == [True, False, True]
