"""The roots of the schema."""

from __future__ import annotations

from collections.abc import Iterator

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from query.graphql.cardinality import Cardinality, to_cardinality
from query.graphql.cost import MAX_TOKENS, CostLimit
from query.graphql.endpoints import Endpoints
from query.graphql.exemplars import ExemplarSeries, to_exemplars
from query.graphql.inputs import (
    LogQuery,
    TimeRange,
    TraceQuery,
    given_text,
    log_conditions,
    to_dimensions,
    to_page,
    to_range,
    to_trace_id,
    trace_conditions,
)
from query.graphql.logs import LogConnection, log_page
from query.graphql.metric_range import MetricResult, metric_range
from query.graphql.operations import Operation, to_operation
from query.graphql.recording import RecordingRule, to_recording_rules
from query.graphql.sampling import SamplingDecision, SamplingVolume, to_volume
from query.graphql.scalars import SCALARS
from query.graphql.service_graph import ServiceGraph, to_service_graph
from query.graphql.services import Service, to_service
from query.graphql.traces import Info, Trace, TraceConnection, one_trace, trace_page
from query.read.buckets import steps
from query.read.cardinality import cardinality
from query.read.decisions import volumes
from query.read.exemplars import exemplars
from query.read.metric_names import metric_names
from query.read.operations import operations
from query.read.service_graph import service_graph
from query.read.services import services
from query.source import Range

_HOUR = 3_600_000_000_000
_LONGEST_CURSOR = 200


@strawberry.type
class Query:
    @strawberry.field(description="Name of the caller's tenant.")
    def tenant(self, info: Info) -> str:
        return info.context.tenant

    @strawberry.field(description="Where applications send telemetry.")
    def endpoints(self, info: Info) -> Endpoints:
        return info.context.endpoints

    @strawberry.field(description="Services that took requests in the range (default: the last hour), by name.")
    async def services(self, info: Info, range: TimeRange | None = strawberry.UNSET) -> list[Service]:
        context = info.context
        wanted, now = _range(info, range)
        return [to_service(row) for row in await services(context.database, context.tenant, wanted, now)]

    @strawberry.field(
        description="Operations of a service in the range (default: the last hour), the busiest 5000 first; "
        "by the values of the dimensions `by`, which the tenant's rule of kind span_metrics names."
    )
    async def operations(
        self,
        info: Info,
        service: str,
        range: TimeRange | None = strawberry.UNSET,
        by: list[str] | None = strawberry.UNSET,
    ) -> list[Operation]:
        context, name = info.context, given_text("service", service) or ""
        wanted, now = _range(info, range)
        found = await operations(context.database, context.tenant, name, wanted, to_dimensions(by), now)
        instants = steps(wanted, now).instants
        return [to_operation(row, name, instants) for row in found]

    @strawberry.field(description="Which services ask which in the range, and whom else.")
    async def service_graph(self, info: Info, range: TimeRange) -> ServiceGraph:
        context = info.context
        found = await service_graph(context.database, context.tenant, to_range(range), context.clock.now_ns())
        return to_service_graph(found)

    @strawberry.field(description="One trace by its id; null if nothing of it is stored.")
    async def trace(self, info: Info, id: strawberry.ID) -> Trace | None:
        return await one_trace(info.context, to_trace_id("id", id))

    @strawberry.field(description="What became of a trace in tail sampling, and why; null if it was never seen.")
    async def sampling_decision(self, info: Info, trace_id: strawberry.ID) -> SamplingDecision | None:
        return await info.context.loaders.decision(to_trace_id("traceId", trace_id))

    @strawberry.field(description="What tail sampling kept and dropped in the range, by policy, the most spans first.")
    async def sampling_volume(self, info: Info, range: TimeRange) -> list[SamplingVolume]:
        context = info.context
        return [to_volume(each) for each in await volumes(context.database, context.tenant, to_range(range))]

    @strawberry.field(description="Traces with a span that fulfils the query, newest first.")
    async def traces(
        self, info: Info, query: TraceQuery, first: int | None = 20, after: str | None = strawberry.UNSET
    ) -> TraceConnection:
        return await trace_page(info.context, trace_conditions(query), to_page(first, 20), _cursor(after))

    @strawberry.field(description="Log records that fulfil the query, newest first.")
    async def logs(
        self, info: Info, query: LogQuery, first: int | None = 100, after: str | None = strawberry.UNSET
    ) -> LogConnection:
        context = info.context
        page = to_page(first, 100)
        return await log_page(context.database, context.tenant, log_conditions(query), page, _cursor(after))

    @strawberry.field(
        description="A PromQL expression's value at the steps of a range, from its start on; step is a duration: 15s."
    )
    async def metric_range(self, info: Info, query: str, range: TimeRange, step: str) -> MetricResult:
        context, wanted = info.context, given_text("query", query) or ""
        given_text("step", step)
        return await metric_range(context.expressions, context.tenant, wanted, to_range(range), step)

    @strawberry.field(description="What is recorded on the stream of samples, and up to when.")
    async def recording_rules(self, info: Info) -> list[RecordingRule]:
        context = info.context
        recordings = context.expressions.recordings
        return to_recording_rules(recordings.rules(context.tenant), await recordings.finals(context.tenant))

    @strawberry.field(
        description="Exemplars of the series that a PromQL expression selects; of more than 5000 the newest."
    )
    async def exemplars(self, info: Info, query: str, range: TimeRange) -> list[ExemplarSeries]:
        context, wanted = info.context, given_text("query", query) or ""
        found = await exemplars(context.database, context.tenant, wanted, to_range(range))
        return [to_exemplars(each) for each in found]

    @strawberry.field(description="Names of metrics as Prometheus knows them, sorted.")
    async def metric_names(self, info: Info, prefix: str | None = strawberry.UNSET) -> list[str]:
        return await metric_names(info.context.database, info.context.tenant, given_text("prefix", prefix) or "")

    @strawberry.field(
        description="Which metrics and labels have the most series, in the hours that the range touches (default: the "
        "last hour); of one metric or of all. `first` of each list."
    )
    async def cardinality(
        self,
        info: Info,
        range: TimeRange | None = strawberry.UNSET,
        metric: str | None = strawberry.UNSET,
        first: int | None = 20,
    ) -> Cardinality:
        context, name = info.context, given_text("metric", metric)
        wanted, _ = _range(info, range)
        return to_cardinality(await cardinality(context.database, context.tenant, wanted, name, to_page(first, 20)))


def _range(info: Info, range: TimeRange | None) -> tuple[Range, int]:
    """(the range asked for, or the last hour; the time now)."""
    now = info.context.clock.now_ns()
    return (to_range(range) if range else Range(now - _HOUR, now)), now


def _cursor(after: str | None) -> str | None:
    # One that is too long is none of ours: it fails as such when it is read.
    return after[:_LONGEST_CURSOR] if after else None


class Schema(strawberry.Schema):
    """Strawberry's, without its own logging of errors: ours says what a client saw, with an id."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass


class NameOfSeveral(SchemaExtension):
    """A document of several operations needs the name of the one to run; Strawberry would run the first."""

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document = context.graphql_document
        operations = (
            [node for node in document.definitions if isinstance(node, OperationDefinitionNode)] if document else []
        )
        if len(operations) > 1 and context.context.operation_name is None:
            context.pre_execution_errors = [GraphQLError("operationName: which of the operations is to run?")]
        yield


schema = Schema(
    query=Query,
    config=StrawberryConfig(scalar_map=SCALARS),
    extensions=[NameOfSeveral, lambda: AddValidationRules([CostLimit]), lambda: MaxTokensLimiter(MAX_TOKENS)],
)
