"""The options of every command that asks a gateway that runs, and the client they make."""

import os
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

import click

from extproc.cli.client import AdminClient
from extproc.cli.source import TOKEN_VARIABLE, read_source
from extproc.config.problems import ConfigError

P = ParamSpec("P")

_NOWHERE = "0.0.0.0", "::"  # noqa: S104  compared with what the file says, not bound to
_NO_PORT = 1
"""Of a simulator that nobody starts: only the admin port of the built-in catalogue is asked for."""

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def asking(command: Callable[Concatenate[AdminClient, P], None]) -> Callable[P, None]:
    """A command that gets a client, with the options that say which."""

    @click.option("--url", envvar="LLMGW_ADMIN_URL", help="The admin port; default: the one of the configuration.")
    @click.option("--token", envvar=TOKEN_VARIABLE, help=f"The admin token; better set {TOKEN_VARIABLE}.")
    @click.option("--actor", envvar="LLMGW_ACTOR", help="Who asks, for the audit trail; default: your login name.")
    @click.option("-c", "--config", metavar="FILE", help="The configuration; gateway.yaml here by default.")
    @wraps(command)
    def run(
        url: str | None, token: str | None, actor: str | None, config: str | None, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        command(_client(url, token, actor, config), *args, **kwargs)

    return cast("Callable[P, None]", run)


def _client(url: str | None, token: str | None, actor: str | None, config: str | None) -> AdminClient:
    if url is None or token is None:
        try:
            source = read_source(config, simulator_port=_NO_PORT)
        except ConfigError as error:
            first = error.problems[0]
            raise click.ClickException(f"give --url and --token, for the configuration is no help: {first}") from None
        snapshot = source.snapshot
        host = "127.0.0.1" if snapshot.admin_host in _NOWHERE else snapshot.admin_host
        url = url or f"http://{f'[{host}]' if ':' in host else host}:{snapshot.admin_port}"
        if snapshot.admin_token and source.admin_token is None:
            token = token or snapshot.admin_token.reveal()
    if not token:
        raise click.ClickException(
            f"no admin token: give --token or {TOKEN_VARIABLE}: the one of admin.token in gateway.yaml, or that 'llmgw up' printed"
        )
    return AdminClient(url, token, actor or os.environ.get("USER") or None)
