"""The query service: GraphQL, the Prometheus HTTP API, the dashboard, and what operators ask of every component."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from functools import partial

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from otelhouse import postgres
from otelhouse.clock import Clock
from otelhouse.config import Settings
from otelhouse.health import Readiness, health_routes
from otelhouse.http_server import serve
from otelhouse.key_ring import KeyRing
from otelhouse.listening import bind, listening_address
from otelhouse.rules.feed import RuleFeed
from otelhouse.rules.rule import Rules
from otelhouse.tls import TlsFiles
from query.database import Database
from query.graphql.endpoints import to_endpoints
from query.graphql.http import GraphQLEndpoint
from query.prometheus.asked import House
from query.prometheus.http import PrometheusApi
from query.promql.run import Expressions
from query.tenancy import Tenancy
from query.web import Dashboard, graphiql, not_built, web_directory

# Methods that are not ours are answered by GraphQL's own errors.
_ANY = ("GET", "POST", "PUT", "PATCH", "DELETE")


def run(settings: Settings, clock: Clock, stop: threading.Event, ready: Callable[[Mapping[str, str]], None]) -> None:
    """Serve until `stop` is set, then finish what is under way. Raises StartupError, naming query.http."""
    listen = listening_address(settings.query.http, "query.http")
    tls = TlsFiles.of(settings.query, "query")
    with contextlib.ExitStack() as stack:
        bound = stack.enter_context(bind(listen, "query.http"))
        pool = stack.enter_context(postgres.open_pool(settings.postgres))
        keys = KeyRing(pool, clock)
        keys.start()
        stack.callback(keys.close)
        database = Database(settings.clickhouse)
        stack.callback(database.close)
        rules = RuleFeed(settings.postgres, clock)
        rules.start()
        stack.callback(rules.close)
        app = application(settings, clock, database, Tenancy(keys, listen), rules)
        serve(app, bound, stop, lambda address: ready({"http": address}), tls)


def application(
    settings: Settings, clock: Clock, database: Database, tenancy: Tenancy, rules: Rules | None = None
) -> Starlette:
    """Everything that answers on the query service's port."""
    readiness = Readiness()
    readiness.add("clickhouse", database.check)
    readiness.add("postgres", partial(postgres.check, settings.postgres))
    web = web_directory()
    dashboard: BaseRoute = Mount("/", Dashboard(web)) if web else Route("/{path:path}", not_built)
    expressions = Expressions(database, clock, settings.promql, rules)
    prometheus = PrometheusApi(House(database, clock, expressions, clock.now_ns()), tenancy)
    endpoint = GraphQLEndpoint(database, tenancy, clock, to_endpoints(settings.query), expressions, browser=graphiql)
    graphql = Route("/graphql", endpoint.answer, methods=_ANY)
    return Starlette(routes=[*health_routes(readiness), graphql, *prometheus.routes(), dashboard])
