"""`otelhouse clickhouse`: the embedded engine behind ClickHouse's HTTP interface.

The pieces, from the socket inwards: main (life cycle), app (routes), parameters (what a request asks for), statement
(where a statement ends and its data begins), compression, respond and insert (the two ways of data), running (what can be
killed), engine (connections to chDB), errors.
"""
