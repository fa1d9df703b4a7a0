"""The commands that look after tenants and rules, as a user runs them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from otelhouse import audit
from otelhouse.cli import app
from otelhouse.config import PostgresSettings
from otelhouse.errors import StartupError
from otelhouse.postgres import Connection


class House:
    """Runs commands on a database of its own."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._env = {"OTELHOUSE_POSTGRES_URL": settings.url.get_secret_value()}

    def run(self, *arguments: str | Path, answer: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments], env=self._env, input=answer)

    def ok(self, *arguments: str | Path, answer: str | None = None) -> str:
        result = self.run(*arguments, answer=answer)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def refusal(self, *arguments: str | Path) -> str:
        result = self.run(*arguments)
        assert isinstance(result.exception, StartupError), result.output
        return str(result.exception)


@pytest.fixture
def house(settings: PostgresSettings) -> House:
    return House(settings)


def rule_file(directory: Path, traces: int, tenant: str = "acme") -> Path:
    path = directory / "rules.yaml"
    path.write_text(f"tenant: {tenant}\nkind: retention\ndocument:\n  traces: {traces}\n")
    return path


def test_rules_live_in_files(house: House, tmp_path: Path) -> None:
    house.ok("tenants", "create", "acme", "--name", "Acme Inc")
    path = rule_file(tmp_path, 1)
    assert house.ok("rules", "apply", path, "--dry-run") == "acme\tretention\tversion 1\twould change\n"
    assert house.ok("rules", "apply", path, "--note", "first") == "acme\tretention\tversion 1\tchanged\n"
    assert house.ok("rules", "apply", path) == "acme\tretention\tversion 1\tunchanged\n"
    rule_file(tmp_path, 2)
    diff = house.run("rules", "diff", path, "--exit-code")
    assert diff.exit_code == 1
    assert '-  "traces": 1\n+  "traces": 2\n' in diff.output
    house.ok("rules", "apply", tmp_path)
    assert house.run("rules", "diff", path, "--exit-code").output == ""
    shown = house.ok("rules", "show", "retention", "--tenant", "acme", "--version", "1")
    assert shown == "tenant: acme\nkind: retention\ndocument:\n  traces: 1\n"
    (listed,) = house.ok("rules", "list").splitlines()
    assert listed.split("\t")[:3] == ["acme", "retention", "2"]
    house.ok("rules", "rollback", "retention", "1", "--tenant", "acme")
    history = house.ok("rules", "history", "retention", "--tenant", "acme").splitlines()
    assert [line.split("\t")[0] for line in history] == ["3", "2", "1"]
    assert history[-1].endswith("\tfirst")


def test_what_is_wrong_is_said_in_a_line(house: House, tmp_path: Path) -> None:
    path = rule_file(tmp_path, 9, "default")
    assert house.refusal("rules", "apply", path).startswith(f"{path}: document: traces: ")
    assert house.refusal("rules", "apply", rule_file(tmp_path, 1)) == "there is no tenant 'acme'"
    assert house.refusal("rules", "show", "limits") == "tenant 'default' has no limits rule: the default is in force"
    assert "no version 7" in house.refusal("rules", "rollback", "retention", "7")
    assert house.refusal("tenants", "create", "default") == "there is a tenant 'default' already"
    assert "'A' is not a tenant" in house.refusal("tenants", "create", "A")
    assert house.refusal("tenants", "disable", "nobody") == "there is no tenant 'nobody'"
    assert "write it as URI:... or DNS:..." in house.refusal("certificates", "add", "example.com")
    assert house.run("keys", "create", "--scope", "all").exit_code == 2
    assert house.run("keys", "create", "--expires", "soon").exit_code == 2
    assert house.run("keys", "create", "--expires", "2020-01-01").exit_code == 2


def test_a_tenant_is_made_looked_at_disabled_and_enabled(house: House) -> None:
    house.ok("tenants", "create", "acme", "--name", "Acme Inc")
    house.ok("tenants", "retention", "acme", "--logs", "3")
    assert house.ok("tenants", "retention", "acme", "--traces", "2") == (
        "acme retention version 2: traces=2 metrics=0 logs=3\n"
    )
    key = json.loads(house.ok("keys", "create", "--tenant", "acme", "--json"))["key"]
    shown = json.loads(house.ok("tenants", "show", "acme"))
    assert shown["retention_classes"] == {"traces": 2, "metrics": 0, "logs": 3}
    assert (shown["rules"], shown["hash_keys"], shown["disabled_at"]) == ({"retention": 2}, [1], None)
    assert key.startswith(shown["keys"][0])
    assert house.ok("tenants", "disable", "acme") == "acme is disabled\n"
    assert house.ok("tenants", "disable", "acme") == "acme is disabled already\n"
    lines = [line.split("\t") for line in house.ok("tenants", "list").splitlines()]
    assert [(line[0], line[1].split()[0], line[2], line[4]) for line in lines] == [
        ("acme", "disabled", "2,0,3", "Acme Inc"),
        ("default", "enabled", "0,0,0", "Default"),
    ]
    assert house.ok("tenants", "enable", "acme") == "acme is enabled\n"


def test_keys_have_scopes_and_an_end(house: House) -> None:
    house.ok("keys", "create", "--scope", "query", "--expires", "90d", "--name", "short")
    house.ok("keys", "create", "--name", "usual")
    first, second = (line.split("\t") for line in house.ok("keys", "list").splitlines())
    assert (first[4].split()[:2], first[5:]) == (["valid", "until"], ["short", "query"])
    assert second[4:] == ["valid", "usual", "ingest,query"]


def test_certificates_are_given_to_tenants_and_taken_away(house: House) -> None:
    house.ok("tenants", "create", "acme")
    house.ok("certificates", "add", "dns:Agent.Example", "--tenant", "acme")
    assert "belongs to a tenant already" in house.refusal("certificates", "add", "DNS:agent.example")
    (line,) = house.ok("certificates", "list").splitlines()
    assert line.split("\t")[:3] == ["DNS:agent.example", "acme", "ingest"]
    house.ok("certificates", "revoke", "DNS:agent.example")
    assert "no certificate" in house.refusal("certificates", "revoke", "DNS:agent.example")
    house.ok("certificates", "add", "DNS:agent.example", "--tenant", "default", "--scope", "query")
    assert house.ok("certificates", "list", "--tenant", "acme") == ""


def test_hash_keys_are_rotated_and_destroyed(house: House, connection: Connection) -> None:
    secret = bytes(connection.execute("SELECT secret FROM hash_keys").fetchall()[0][0])
    assert house.ok("secrets", "rotate") == "tenant default hashes under key 2 now\n"
    assert house.run("secrets", "destroy", "1", answer="n\n").exit_code == 1
    house.ok("secrets", "destroy", "1", answer="y\n")
    assert "hash key 1" in house.refusal("secrets", "destroy", "1", "--yes")
    assert house.ok("secrets", "destroy", "2", "--yes").endswith("key 3 is in use now\n")
    states = [line.split("\t")[3].split()[0] for line in house.ok("secrets", "list").splitlines()]
    assert states == ["destroyed", "destroyed", "kept"]
    left = connection.execute("SELECT secret FROM hash_keys ORDER BY id").fetchall()
    assert [row[0] is None for row in left] == [True, True, False]
    assert secret.hex() not in str(audit.read(connection))


def test_everything_is_in_the_audit_log(house: House, tmp_path: Path) -> None:
    house.ok("tenants", "create", "acme")
    house.ok("rules", "apply", rule_file(tmp_path, 1))
    house.ok("secrets", "rotate", "--tenant", "acme")
    house.ok("tenants", "disable", "acme")
    entries = [json.loads(line) for line in house.ok("audit", "--tenant", "acme").splitlines()]
    assert [entry["action"] for entry in entries] == [
        "tenant.disable",
        "hash_key.create",
        "rule.apply",
        "tenant.create",
    ]
    assert all(entry["actor"].startswith("cli:") and "@" in entry["actor"] for entry in entries)
    assert entries[2]["after"] == {"version": 1, "note": ""}
    assert len(house.ok("audit", "--limit", "1").splitlines()) == 1


def test_the_documentation_s_commands_work_in_their_order(house: House, tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs/tenants-and-rules.md").read_text()
    (rules,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "acme.yaml").write_text(rules)
    for line in re.findall(r"^otelhouse (.*)$", "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)), re.MULTILINE):
        last_key = house.ok("keys", "list").splitlines()[-1:]
        values = {"rules/": str(tmp_path), "ID": last_key[0].split("\t")[0] if last_key else "ID"}
        arguments = [values.get(word, word) for word in shlex.split(line.partition(" >")[0], comments=True)]
        result = house.run(*arguments, answer="y\n")
        changes = "--exit-code" in arguments
        assert result.exit_code == int(changes), (line, result.output, result.exception)


def test_without_tables_the_user_is_told_to_migrate(postgres_url: str) -> None:
    result = CliRunner().invoke(app, ["tenants", "list"], env={"OTELHOUSE_POSTGRES_URL": postgres_url})
    assert "run `otelhouse migrate` first" in str(result.exception)
