"""Write the reference pages from the code whenever MkDocs builds the site."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import click
from flask import Flask
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from prometheus_client import REGISTRY

from simsvc.adapters.ops.metrics import exposition
from simsvc.errors import SimsvcError
from simsvc.flask_app import create_app
from simsvc.web.http.api_document import HTTP_CODES, document
from simsvc.web.http.errors import status_of
from simsvc.web.pages.api_reference import kind_of
from simsvc.web.security.access import ACCESS
from simsvc.web.security.scopes import SCOPES_OF
from simsvc.web.traffic.access_log import GAUGES
from trainer.__main__ import COMMANDS as TRAINER_COMMANDS


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages; MkDocs calls this hook."""
    umask = os.umask(0o022)
    app = create_app()
    os.umask(umask)  # the service makes private files; a site is read by a web server
    with app.test_request_context():
        for name, page in PAGES.items():
            files.append(File.generated(config, f"reference/{name}.md", content=page(app)))
    return files


def command_line(app: Flask) -> str:
    """Return the page of every `flask` command."""
    text = [
        "# Command line",
        "Run these with `.venv/bin/flask` in a checkout. Where the wheel is installed, `simsvc` is the same "
        "program: `simsvc index list`. Each command explains itself with `--help`.",
    ]
    for name, command in sorted(app.cli.commands.items()):
        text += _command(f"flask {name}", command)
    return "\n\n".join(text) + "\n"


def _command(path: str, command: click.Command) -> Iterator[str]:
    level = "##" if path.count(" ") == 1 else "###"
    yield f"{level} `{path}`"
    yield " ".join((command.help or "").replace("\b", "").split())
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from _command(f"{path} {name}", child)
        return
    context = click.Context(command, info_name=path)
    yield f"```\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```"
    shown = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    rows = [(f"`{name}`", text) for name, text in shown if text and name != "--help"]
    if rows:
        yield _table(("option", "meaning"), rows)


def http_api(app: Flask) -> str:
    """Return the page of every route: the API's operations in full, the pages as a list."""
    described = document()
    text = ["# HTTP API", described["info"]["description"], API_NOTE]
    for path, operations in described["paths"].items():
        for method in [name for name in ("get", "post") if name in operations]:
            text += _operation(method.upper(), path, operations[method], operations.get("parameters", []))
    text += ["## Objects", "Fields marked * are always present."]
    for name, schema in sorted(described["components"]["schemas"].items()):
        if schema.get("properties"):
            text += [f"### {name}", _fields(schema)]
    text += ["## Every route", "Pages need a session; the routes of the API need a token with a scope."]
    return "\n\n".join([*text, _table(("route", "methods", "who may call it"), _routes(app))]) + "\n"


def _operation(
    method: str, path: str, operation: dict[str, Any], shared: list[dict[str, Any]]
) -> Iterator[str]:
    yield f"## `{method} {path}`"
    yield operation.get("summary", "")
    yield operation.get("description", "")
    parameters = [
        (f"`{each['name']}`", each["in"], kind_of(each.get("schema", {})), each.get("description", ""))
        for each in [*shared, *operation.get("parameters", [])]
    ]
    if parameters:
        yield _table(("parameter", "in", "type", "meaning"), parameters)
    yield from _bodies(operation.get("requestBody", {}).get("content", {}))
    yield _table(
        ("status", "meaning"),
        [(status, _answer(answer)) for status, answer in operation["responses"].items()],
    )


def _bodies(content: dict[str, Any]) -> Iterator[str]:
    """Yield the kinds of body: those with described fields one by one, the others in one line."""
    plain = []
    for kind, body in content.items():
        schema = body.get("schema", {})
        if schema.get("properties"):
            yield f"Body: `{kind}`"
            yield _fields(schema)
        else:
            plain.append(f"`{kind}`" + (f" ({_object_link(schema)})" if "$ref" in schema else ""))
    if plain:
        yield f"Body: {', '.join(plain)}"


def _answer(answer: dict[str, Any]) -> str:
    schemas = [each.get("schema", {}) for each in answer.get("content", {}).values()]
    links = [_object_link(schema) for schema in schemas if "$ref" in schema]
    return " ".join((answer.get("description", ""), *dict.fromkeys(links))).strip()


def _object_link(schema: dict[str, Any]) -> str:
    name = kind_of(schema)
    return f"[{name}](#{name.lower()})"


def _fields(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (f"`{name}`{'*' if name in required else ''}", kind_of(field), field.get("description", ""))
        for name, field in schema["properties"].items()
    ]
    return _table(("field", "type", "meaning"), rows)


def _routes(app: Flask) -> list[tuple[str, ...]]:
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: str(rule.rule))
    return [
        (
            f"`{rule.rule}`",
            ", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})),
            _who(rule.endpoint),
        )
        for rule in rules
    ]


def _who(endpoint: str) -> str:
    if endpoint in SCOPES_OF:
        scopes = SCOPES_OF[endpoint]
        return f"token: {' or '.join(sorted(scopes))}" if scopes else "anyone"
    allowed = ACCESS[endpoint]
    return "anyone" if isinstance(allowed, str) else ", ".join(sorted(allowed))


def settings(app: Flask) -> str:
    """Return the page of every setting, as `flask settings` prints it."""
    table = app.test_cli_runner().invoke(args=["settings"]).output
    return f"{WIDE}# Settings\n\n{SETTINGS_NOTE}\n\n{table}"


def errors(_app: Flask) -> str:
    """Return the page of every error code, by the tree of classes."""
    kinds = list(_tree(SimsvcError))
    codes = {kind.code for kind in kinds}
    rows = [
        (f"`{code}`", f"{status}", f"The HTTP error {HTTPStatus(status).phrase}.", "")
        for code, status in HTTP_CODES.items()
        if code not in codes
    ]
    for kind in kinds:
        family = kind.__mro__[1].__name__
        meaning = (kind.__doc__ or "").partition("\n")[0]
        rows.append((f"`{kind.code}`", str(status_of(kind)), meaning, f"`{kind.__name__}` ({family})"))
    return (
        f"{WIDE}# Errors\n\n{ERRORS_NOTE}\n\n"
        + _table(("code", "status", "meaning", "class (parent)"), sorted(set(rows)))
        + "\n"
    )


def _tree(kind: type[SimsvcError]) -> Iterator[type[SimsvcError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _tree(child)


def metrics(_app: Flask) -> str:
    """Return the page of every metric that `/metrics` shows."""
    exposition({})  # registers them
    rows = [
        (f"`{family.name}`", family.type, family.documentation)
        for family in REGISTRY.collect()
        if family.name.startswith("simsvc_")
    ]
    rows += [(f"`{name}`", "gauge", gauge.meaning) for name, gauge in GAUGES.items()]
    return f"{WIDE}# Metrics\n\n{METRICS_NOTE}\n\n" + _table(("metric", "type", "meaning"), rows) + "\n"


def trainer(_app: Flask) -> str:
    """Return the page of every command of the trainer."""
    rows = [(f"`trainer {name}`", text) for name, (_, text) in TRAINER_COMMANDS.items()]
    return f"{WIDE}# Trainer commands\n\n{TRAINER_NOTE}\n\n" + _table(("command", "purpose"), rows) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


WIDE = "---\nhide: [toc]\n---\n\n"
"""Gives a page without sections the width of the table of contents."""
API_NOTE = (
    "The running service serves this description as a page at `/api-reference` and as an OpenAPI 3.1 "
    "document at `/api/v1/openapi.json`. [Use the API](../how-to/api.md) shows a session with curl."
)
SETTINGS_NOTE = (
    "Settings are environment variables. Every setting has a default that works. `flask settings` prints "
    "this table, and `flask check` reports values that cannot be used."
)
ERRORS_NOTE = (
    "An error is answered as `application/problem+json` (RFC 9457). Programs should look at `code`, which is "
    "stable, and show `detail` to people. A photo that cannot be used has one of these codes as the `code` of "
    "its recorded answer."
)
METRICS_NOTE = (
    "`GET /metrics` answers in Prometheus' text format, for all workers together. It needs a token with the "
    "scope `audit`. No label contains a name, a case or an address. Counters are exported with `_total` at the "
    "end of their name."
)
TRAINER_NOTE = (
    "The trainer runs from a checkout, in the environment that `make test` installs. `trainer` stands for "
    "`.venv-test/bin/python -m trainer`; `trainer COMMAND --help` lists the options of a command. "
    "[Train a model](../how-to/train.md) shows the usual order."
)
PAGES: dict[str, Callable[[Flask], str]] = {
    "cli": command_line,
    "http-api": http_api,
    "settings": settings,
    "errors": errors,
    "metrics": metrics,
    "trainer": trainer,
}
