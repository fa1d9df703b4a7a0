"""KILL QUERY, by the query ids that clients know.

chDB gives every query an id of its own choosing, so the client's id travels with it as a setting (engine.MARK), and
`query_id` in the condition is read as that.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from otelhouse.clickhouse_server.engine import MARK, Session, literal
from otelhouse.clickhouse_server.statement import Statement, tokens

_ENDS = (b"SYNC", b"ASYNC", b"TEST", b"FORMAT")
_STRUCTURE = "kill_status String, query_id String, user String, query String"


@dataclass(frozen=True, slots=True)
class Kill:
    """What a KILL QUERY asks for."""

    condition: bytes
    mode: bytes

    @classmethod
    def parse(cls, statement: Statement) -> Kill:
        """Read a statement of Kind.KILL, which is KILL QUERY WHERE ... ."""
        text, out, mode = statement.text, [], b"ASYNC"
        found = list(tokens(text))[3:]
        for token in found:
            if token.depth == 0 and token.text in _ENDS:
                mode = token.text if token.text != b"FORMAT" else mode
                break
            out.append(f"Settings['{MARK}']".encode() if token.text == b"QUERY_ID" else text[token.start : token.end])
        return cls(b" ".join(out), mode)

    def victims(self, session: Session, own_id: str) -> list[tuple[str, str, str]]:
        """(query id, user, query) of what the condition finds, but for the KILL itself."""
        select = f"SELECT Settings['{MARK}'], user, query FROM system.processes WHERE ("
        sql = select.encode() + self.condition + f"\n) AND Settings['{MARK}'] != {literal(own_id)}".encode()
        lines, _ = session.run(sql, "JSONCompactEachRow")
        return [(row[0], row[1], row[2]) for row in map(orjson.loads, lines.splitlines())]


def report(rows: list[tuple[str, str, str, str]]) -> str:
    """A query whose result is the answer to a KILL: (kill_status, query_id, user, query)."""
    tuples = ", ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows)
    return f"SELECT * FROM values('{_STRUCTURE}', {tuples})"
