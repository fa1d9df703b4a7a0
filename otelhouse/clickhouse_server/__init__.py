"""`otelhouse clickhouse`: the embedded engine behind ClickHouse's HTTP interface.

The pieces, from the socket inwards: main (life cycle), app (routes), parameters, form and body (what a request brings),
statement (where SQL ends and data begins), exchange (one statement), kill and running (stopping it), pipe and respond
(the way of a result), engine (connections to chDB), compression, errors, metrics.
"""
