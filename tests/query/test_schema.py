"""The SDL is printed into query/schema.graphql, and holds the core that others script against."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, build_schema

import query
from query.graphql.print_schema import sdl

PRINTED = Path(query.__file__).parent / "schema.graphql"

CORE = """
scalar DateTime
scalar JSON
scalar SampleValue
enum StatusCode { UNSET OK ERROR }
enum MatchOp { EQ NE REGEX NOT_REGEX EXISTS NOT_EXISTS GT LT }
input TimeRange { start: DateTime!, end: DateTime! }
input AttributeMatch { key: String!, value: String, op: MatchOp = EQ }
input TraceQuery { range: TimeRange!, service: String, operation: String, attributes: [AttributeMatch!],
  status: StatusCode, minDurationMs: Float, maxDurationMs: Float }
input LogQuery { range: TimeRange!, service: String, text: String, minSeverity: Int, traceId: ID,
  attributes: [AttributeMatch!] }
type Query {
  services(range: TimeRange): [Service!]!
  operations(service: String!, range: TimeRange, by: [String!]): [Operation!]!
  trace(id: ID!): Trace
  traces(query: TraceQuery!, first: Int = 20, after: String): TraceConnection!
  logs(query: LogQuery!, first: Int = 100, after: String): LogConnection!
  metricNames(prefix: String): [String!]!
  metricRange(query: String!, range: TimeRange!, step: String!): MetricResult!
  serviceGraph(range: TimeRange!): ServiceGraph!
  samplingDecision(traceId: ID!): SamplingDecision
}
enum DecisionState { KEPT DROPPED PENDING UNSAMPLED }
type MetricResult { series: [MetricSeries!]! warnings: [String!]! }
type MetricSeries { labels: JSON! points: [MetricPoint!]! columns: JSON! }
type MetricPoint { time: DateTime! value: SampleValue! }
type SamplingDecision { state: DecisionState! policy: String reason: String! rate: Float decidedAt: DateTime
  ruleVersion: Int }
type Service { name: String! requestRate: Float! errorRate: Float! p50Ms: Float! p95Ms: Float! p99Ms: Float! }
type Operation { name: String! kind: String! dimensions: JSON! requestRate: Float! errorRate: Float! p50Ms: Float!
  p95Ms: Float! p99Ms: Float! exemplars(first: Int = 5): [SpanExemplar!]! }
type SpanExemplar { time: DateTime! durationMs: Float! traceId: ID! spanId: ID! status: StatusCode! }
type ServiceGraph { nodes: [ServiceNode!]! edges: [ServiceEdge!]! }
type ServiceNode { name: String! }
type ServiceEdge { client: String! server: String! requestRate: Float! errorRate: Float! p95Ms: Float! }
type Trace { id: ID! durationMs: Float! root: Span spans: [Span!]! logs: [LogRecord!]! decision: SamplingDecision }
type TraceConnection { edges: [TraceEdge!]! pageInfo: PageInfo! }
type TraceEdge { node: Trace! cursor: String! }
type LogConnection { edges: [LogEdge!]! pageInfo: PageInfo! }
type LogEdge { node: LogRecord! cursor: String! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Span { traceId: ID! spanId: ID! parentId: ID name: String! kind: String! service: String! start: DateTime!
  end: DateTime! durationNs: Float! status: StatusCode! statusMessage: String attributes: JSON! resource: JSON!
  scope: JSON! events: [SpanEvent!]! links: [SpanLink!]! adjustedCount: Float! }
type SpanEvent { time: DateTime! name: String! attributes: JSON! }
type SpanLink { attributes: JSON! }
type LogRecord { time: DateTime! observedTime: DateTime severityNumber: Int! severityText: String body: JSON
  service: String! traceId: ID spanId: ID attributes: JSON! resource: JSON! }
"""


def test_the_printed_schema_is_the_one_that_answers() -> None:
    assert PRINTED.read_text() == sdl(), "run: python -m query.graphql.print_schema > query/schema.graphql"


core = build_schema(CORE)


@pytest.mark.parametrize("name", sorted(name for name in core.type_map if not name.startswith("__")))
def test_the_core_that_others_script_against_is_there(name: str) -> None:
    wanted, ours = core.type_map[name], build_schema(sdl()).type_map[name]
    if isinstance(wanted, GraphQLEnumType):
        assert isinstance(ours, GraphQLEnumType)
        assert list(ours.values) == list(wanted.values)
    elif isinstance(wanted, GraphQLInputObjectType):
        assert isinstance(ours, GraphQLInputObjectType)
        assert {key: (str(field.type), field.default_value) for key, field in ours.fields.items()} == {
            key: (str(field.type), field.default_value) for key, field in wanted.fields.items()
        }
    elif isinstance(wanted, GraphQLObjectType):
        assert isinstance(ours, GraphQLObjectType)
        for key, field in wanted.fields.items():
            assert str(ours.fields[key].type) == str(field.type), key
            assert {name: (str(a.type), a.default_value) for name, a in ours.fields[key].args.items()} == {
                name: (str(a.type), a.default_value) for name, a in field.args.items()
            }
