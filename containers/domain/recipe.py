"""A recipe: how an image is built, in a text close to a Dockerfile. Read into values, or refused with every error at once.

    FROM debian-12
    ENV LANG=C.UTF-8
    RUN apt-get update && apt-get install -y postgresql
    COPY postgresql.conf /etc/postgresql/
    USER postgres
    CMD /usr/lib/postgresql/15/bin/postgres -D /data
    READY pg_isready

Variables are not put in: where a shell or Docker would, the text is refused. Pure.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Final

from containers.domain import names, statements, words
from containers.domain.image import Defaults, ImageRef
from containers.domain.instructions import Copy, Env, From, Instruction, Recipe, Run, Setting, User, Workdir
from containers.domain.statements import Statement, field
from containers.domain.text import MAX_PATH, check_text, shown
from containers.errors import FieldError, InvalidRequest

MAX_PARENTS: Final = 20
MAX_SOURCES: Final = 100
MAX_FILES: Final = 100
MAX_FILE_PATH: Final = 200

_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}|0|[1-9][0-9]{0,9}", re.ASCII)
_WILDCARDS: Final = frozenset("*?[")
# LXC mounts these itself: what is copied below would never be seen.
_SYSTEM: Final = frozenset({"proc", "sys", "dev"})
_ELSEWHERE: Final = {
    "ADD": "COPY copies files, RUN can download and unpack",
    "ARG": "write the value itself",
    "ENTRYPOINT": "CMD is the whole command",
    "EXPOSE": "all ports of a container can be reached",
    "HEALTHCHECK": "READY says how to find out whether a container is ready",
    "LABEL": "the description of a container is the place for text",
    "MAINTAINER": "a comment is the place for that",
    "ONBUILD": "write it where it is to be done",
    "SHELL": "RUN takes a list of words for another shell, or a heredoc that begins with #!",
    "STOPSIGNAL": "HALT names the signal",
    "VOLUME": "a container's definition says what is mounted",
}


def parse(text: str) -> Recipe:
    """Read a recipe. Raises InvalidRequest with every error, each filed under its line ("line 7")."""
    found, errors = statements.split(text)
    instructions: list[Instruction] = []
    problems = list(errors)
    for statement in found:
        try:
            instructions.append(_instruction(statement))
        except ValueError as error:
            problems.append(FieldError(field(statement.line), f"{shown(statement.keyword)}: {error}"))
    problems += [] if problems and not found else _misplaced(found)
    if problems:
        raise InvalidRequest.all(tuple(sorted(problems, key=lambda problem: int(problem.field.removeprefix("line ") or 0))))
    (parents,) = (instruction for instruction in instructions if isinstance(instruction, From))
    return Recipe(parents, tuple(instruction for instruction in instructions if instruction is not parents))


def file_path(value: str) -> str:
    """Check the path of a file that belongs to a recipe: relative, in one way to write it. Raises ValueError."""
    check_text(value, max_length=MAX_FILE_PATH)
    if not value or value.startswith("/") or posixpath.normpath(value) != value or value.split("/")[0] in {".", ".."}:
        raise ValueError("must be a relative path without '.', '..' and needless slashes")
    if any(len(part.encode()) > names.MAX_PATH_COMPONENT for part in value.split("/")):
        raise ValueError(f"has a part longer than {names.MAX_PATH_COMPONENT} bytes")
    return value


def _misplaced(found: tuple[Statement, ...]) -> list[FieldError]:
    lines = [statement.line for statement in found if statement.keyword == "FROM"]
    if not lines:
        return [FieldError(field(found[0].line if found else 1), "a recipe begins with FROM and the name of an image or a layer")]
    first = [] if found[0].keyword == "FROM" else [FieldError(field(found[0].line), "FROM must come first")]
    return first + [FieldError(field(line), "there can be only one FROM; it takes several names") for line in lines[1:]]


def _instruction(statement: Statement) -> Instruction:
    keyword = statement.keyword
    if keyword in _ELSEWHERE:
        raise ValueError(f"is not an instruction of recipes: {_ELSEWHERE[keyword]}")
    if keyword not in _READERS:
        raise ValueError(f"is not an instruction; there are {', '.join(_READERS)}")
    if not statement.text:
        raise ValueError("needs something behind it")
    if keyword in {"RUN", "COPY"} and statement.text.startswith("--"):
        raise ValueError(f"takes no options: {shown(statement.text.split()[0])}")
    return _READERS[keyword](statement)


def _summary(statement: Statement) -> str:
    return shown(f"{statement.keyword} {statement.text}", max_length=200)


def _from(statement: Statement) -> From:
    parents = tuple(statement.text.split())
    if "as" in map(str.lower, parents):
        raise ValueError("there are no stages: a recipe builds one layer")
    if len(parents) > MAX_PARENTS:
        raise ValueError(f"has more than {MAX_PARENTS} names")
    for parent in parents:
        try:
            ImageRef.parse(parent, field=shown(parent))
        except InvalidRequest as error:
            raise ValueError(error.brief) from error
    if repeated := [name for name in dict.fromkeys(parents) if parents.count(name) > 1]:
        raise ValueError(f"{', '.join(repeated)} is named more than once")
    return From(line=statement.line, summary=_summary(statement), parents=parents)


def _run(statement: Statement) -> Run:
    argv, script = _shell(statement)
    return Run(line=statement.line, summary=_summary(statement), argv=argv, script=script)


def _shell(statement: Statement) -> tuple[tuple[str, ...], str | None]:
    """Return what is run, and what it reads from its standard input."""
    if (listed := _listed(statement.text)) is not None:
        return listed, None
    if len(statement.heredocs) == 1 and statement.heredocs[0].word == statement.text:
        text = statement.heredocs[0].text
        if text.startswith("#!"):
            return _interpreter(text), text
        if not text.strip():
            raise ValueError("has nothing to run")
        return ("/bin/sh", "-e", "-c", text), None
    whole = "\n".join([statement.text, *(heredoc.raw for heredoc in statement.heredocs)])
    return ("/bin/sh", "-e", "-c", whole + "\n" * bool(statement.heredocs)), None


def _interpreter(text: str) -> tuple[str, ...]:
    # As the kernel: a program, and all that follows as one argument.
    parts = text.partition("\n")[0].removeprefix("#!").split(None, 1)
    if not parts or not parts[0].startswith("/"):
        raise ValueError("its first line names no program: #!/PATH")
    return (*(part.strip() for part in parts), "/dev/stdin")


def _copy(statement: Statement) -> Copy:
    listed = _listed(statement.text)
    paths = list(listed) if listed is not None else [_plain(word) for word in words.split(statement.text)]
    by_word = {heredoc.word: heredoc for heredoc in statement.heredocs}
    if len(paths) < 2:
        raise ValueError("needs what to copy, and where to")
    *sources, destination = paths
    texts = {}
    for heredoc in by_word.values():
        if not heredoc.is_quoted and re.search(r"[$`]", heredoc.text):
            raise ValueError(
                f"variables are not put in: to have the lines of {heredoc.word} as they are, write <<'{heredoc.name}'"
            )
        texts[_names_a_file(heredoc.name)] = heredoc.text
    named = tuple(_source(path) for path in sources if path not in by_word)
    if len(named) > MAX_SOURCES:
        raise ValueError(f"has more than {MAX_SOURCES} names")
    return Copy(
        line=statement.line, summary=_summary(statement), sources=named, texts=texts, destination=_destination(destination)
    )


def _names_a_file(name: str) -> str:
    """Check the name of a heredoc that becomes a file's. Raises ValueError."""
    if "/" in name or name in {"", ".", ".."}:
        raise ValueError(f"{shown(name)!r} cannot name a file")
    return file_path(name)


def _plain(word: words.Word) -> str:
    if word.is_expanded:
        raise ValueError(f"variables are not put in: {shown(word.raw)}")
    return word.raw if statements.heredocs(word.raw) else word.value


def _source(path: str) -> str:
    if _WILDCARDS.intersection(path):
        raise ValueError(f"there are no wildcards: name the files, or the directory they are in: {shown(path)}")
    # A recipe's files are its world: Docker takes /etc/motd for ./etc/motd.
    normal = posixpath.normpath(path.lstrip("/") or ".")
    return normal if normal == "." else file_path(normal)


def _destination(path: str) -> str:
    check_text(path, max_length=MAX_PATH)
    normal = posixpath.normpath(path) if path else ""
    if not path or ".." in path.split("/"):
        raise ValueError("needs a path without '..' to copy to")
    if path.startswith("/") and normal.lstrip("/").split("/")[0] in _SYSTEM:
        raise ValueError(f"{normal} is not in the image: LXC makes it for each container")
    return path


def _env(statement: Statement) -> Env:
    values: dict[str, str] = {}
    for word in words.split(statement.text):
        key, separator, value = word.value.partition("=")
        if not separator:
            raise ValueError(f"write KEY=VALUE, not {shown(word.raw)}")
        if word.is_expanded:
            raise ValueError(f"variables are not put in: write the value, or put it between single quotes: {shown(word.raw)}")
        values[key] = value
    _check_defaults(env=values)
    return Env(line=statement.line, summary=_summary(statement), values=values)


def _user(statement: Statement) -> User:
    uid, separator, gid = statement.text.partition(":")
    for value in (uid, gid) if separator else (uid,):
        if not _USER.fullmatch(value):
            raise ValueError("takes USER or USER:GROUP, each a name or a number")
    _check_defaults(**{key: value for key, value in (("uid", uid), ("gid", gid)) if value.isdecimal()})
    return User(line=statement.line, summary=_summary(statement), uid=uid, gid=gid if separator else None)


def _workdir(statement: Statement) -> Workdir:
    (*_, path) = parts = [_plain(word) for word in words.split(statement.text)]
    if len(parts) != 1:
        raise ValueError("takes one path; put quotes around blanks")
    _check_defaults(cwd=posixpath.join("/", path))
    _destination(path)
    return Workdir(line=statement.line, summary=_summary(statement), path=path)


def _cmd(statement: Statement) -> Setting:
    listed = _listed(statement.text)
    if listed is None and (operators := [word.raw for word in words.split(statement.text) if word.is_operator]):
        raise ValueError(f"no shell reads this, so {shown(operators[0])} means nothing: write /bin/sh -c '…'")
    return _setting(statement, "cmd", statement.text if listed is None else shlex.join(listed))


def _setting(statement: Statement, key: str, value: str) -> Setting:
    _check_defaults(**{key: value})
    return Setting(line=statement.line, summary=_summary(statement), key=key, value=value)


def _listed(text: str) -> tuple[str, ...] | None:
    """Return the words of a JSON list, None for any other text, which a shell may well begin with "[", too."""
    if not text.startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError("the list must have words only, and at least one")
    return tuple(check_text(item) for item in value)


def _check_defaults(**values: object) -> None:
    """Judge values by the definition's own types."""
    try:
        Defaults.parse(values, field="")
    except InvalidRequest as error:
        raise ValueError("; ".join(_named(problem) for problem in error.errors)) from error


def _named(problem: FieldError) -> str:
    kind, _, key = problem.field.partition(".")
    return f"{key}: {problem.message}" if kind == "env" and key else problem.message


_READERS: Final[Mapping[str, Callable[[Statement], Instruction]]] = {
    "FROM": _from,
    "RUN": _run,
    "COPY": _copy,
    "ENV": _env,
    "USER": _user,
    "WORKDIR": _workdir,
    "CMD": _cmd,
    "READY": lambda statement: _setting(statement, "ready", statement.text),
    "HALT": lambda statement: _setting(statement, "halt", statement.text),
}
