"""``gateway.yaml`` → ``Loaded`` with its ``Snapshot``, or one ``ConfigError`` with every mistake of the file.

::

    text ── locate ──► Document ── references ──► Document ──┬─ schema, explain ──┐
                                                             ├─ unsupported ──────┼─► problems, or build ──► Snapshot
                                                             ├─ checks ───────────┤
                                                             ├─ names ────────────┤
                                                             └─ conflicts, paths ─┘
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from extproc.config.build import build, catalogue_names
from extproc.config.checks import check
from extproc.config.conflicts import conflicts
from extproc.config.document import Document
from extproc.config.explain import explain
from extproc.config.loaded import Loaded
from extproc.config.locate import parse
from extproc.config.meters import Context
from extproc.config.names import check_names
from extproc.config.notes import notes
from extproc.config.paths import check_paths
from extproc.config.problems import ConfigError, Problem, path_text
from extproc.config.references import Sources, resolve
from extproc.config.schema import GatewaySpec
from extproc.config.snapshot import Snapshot
from extproc.config.unsupported import unsupported

_FILE_LIMIT = 16 * 1024 * 1024  # 5,000 models take one; a device file never ends


def load_file(path: Path, env: Mapping[str, str]) -> Loaded:
    """The configuration in a file. Raises ``ConfigError``, also where the file cannot be read.

    ``env`` are the variables that ``${NAME}`` refers to; ``file:`` references start at the folder of ``path``.
    """
    source = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_LIMIT + 1)
        if len(content) > _FILE_LIMIT:
            raise ConfigError([Problem(source, None, None, "", f"larger than {_FILE_LIMIT // 1024 // 1024} MiB")])
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Problem(source, None, None, "", "no such file", "Name one with -c")]) from None
    except OSError as error:
        message = f"cannot read it: {error.strerror}"
        raise ConfigError([Problem(source, None, None, "", message)]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Problem(source, line, None, "", "not UTF-8 text", "Save it as UTF-8")]) from None
    return load(text, source=source, env=env, base_dir=path.absolute().parent)


def load_text(text: str, *, source: str, env: Mapping[str, str], base_dir: Path | None = None) -> Snapshot:
    """The snapshot of ``load``, for those that keep it to themselves. Raises ``ConfigError``."""
    return load(text, source=source, env=env, base_dir=base_dir).snapshot


def load(text: str, *, source: str, env: Mapping[str, str], base_dir: Path | None = None) -> Loaded:
    """The configuration in a text that is called ``source`` in messages. Raises ``ConfigError``.

    Reads no file but those that ``file:`` references name; without ``base_dir`` these are mistakes. Of other files it
    looks whether they are there.
    """
    document, problems = parse(text, source)
    document, unresolved = resolve(document, Sources(env, base_dir))
    problems += unresolved
    spec, mistakes = _validated(document)
    # What is wrong in itself, or could not be resolved, need not be right in any further way.
    reported = {path_text(path) for path in document.broken}
    problems += [mistake for mistake in mistakes if mistake.path not in reported]
    reported |= {mistake.path for mistake in mistakes}
    compared = (*check(document), *check_names(document), *unsupported(document))
    problems += [problem for problem in compared if problem.path not in reported]
    if spec is None or problems:
        # Conflicts are between parts that mean something, so they wait until all do.
        raise ConfigError(_in_order(problems))
    context = Context(spec.timezone, catalogue_names(spec))
    if problems := [*conflicts(spec, document, context), *check_paths(document, base_dir)]:
        raise ConfigError(_in_order(problems))
    noted = tuple(_in_order(list(notes(document, base_dir))))
    return Loaded(build(spec, document, base_dir), document.data, base_dir, notes=noted)


def _validated(document: Document) -> tuple[GatewaySpec | None, list[Problem]]:
    try:
        return GatewaySpec.model_validate(document.data), []
    except ValidationError as error:
        return None, explain(error, document)


def _in_order(problems: list[Problem]) -> list[Problem]:
    """By place, each once: an alias (``*name``) repeats the mistakes of its anchor."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line or 0, problem.column or 0))
