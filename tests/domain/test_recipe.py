"""Recipes: read as people know it from Dockerfiles, or refused with every line that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from containers.domain import build, recipe, statements, words
from containers.domain.build import Build, CopyStep, DirectoryStep, FileFacts, Identity, RunStep
from containers.domain.image import Defaults
from containers.errors import InvalidRequest

CORPUS = sorted((Path(__file__).parent / "recipes").iterdir())
FILES = {
    "conf/pg_hba.conf": FileFacts("1" * 64, is_executable=False),
    "conf.d/a": FileFacts("2" * 64, is_executable=False),
    "conf.d/b/c": FileFacts("3" * 64, is_executable=True),
}
FULL = "from debian\n"


def made(text: str, inherited: dict[str, Any] | None = None, files: dict[str, FileFacts] | None = None) -> Build:
    return build.build(recipe.parse(text), Defaults.parse(inherited or {}), FILES if files is None else files)


def key(text: str, *, parents: tuple[str, ...] = ("a" * 64,), files: dict[str, FileFacts] | None = None) -> str:
    return made(text, files=files).key(parents, FILES if files is None else files)


def errors(text: str) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        recipe.parse(text)
    return {error.field: error.message for error in caught.value.errors}


def argvs(text: str) -> list[tuple[str, ...]]:
    return [step.argv for step in made(text).steps if isinstance(step, RunStep)]


def test_a_recipe_with_everything() -> None:
    result = made((Path(__file__).parent / "recipes/postgresql.recipe").read_text(), {"env": {"LANG": "C", "TZ": "UTC"}})
    env = {
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "PGDATA": "/var/lib/postgresql/data dir",
        "NOTE": "$HOME is not put in",
    }
    shell = ("/bin/sh", "-e", "-c")
    runs = [step for step in result.steps if isinstance(step, RunStep)]
    assert [run.argv for run in runs] == [
        (*shell, "apt-get update && apt-get install --yes --no-install-recommends postgresql"),
        (*shell, 'set -u\ninstall -d -o postgres /srv/"$LANG"\n'),
        (*shell, "cat <<-'CONF' >> /etc/motd && echo done\n\ttabs go\n\tCONF\n"),
        ("/bin/sh", "-c", "exit 0"),
        ("/usr/bin/python3", "-I", "/dev/stdin"),
    ]
    assert [run.script for run in runs] == [None] * 4 + ['#!/usr/bin/python3 -I\nprint("<<EOF")\n']
    assert {(run.cwd, run.identity) for run in runs} == {("/", Identity())}
    assert runs[0].env == {"PATH": build.SEARCH_PATH, "HOME": "/root", **env}
    copies = [step for step in result.steps if isinstance(step, CopyStep)]
    assert [(copy.destination, copy.names_file, dict(copy.files), dict(copy.texts)) for copy in copies] == [
        ("/srv/etc", False, {}, {"A.conf": "a = $1\n", "B.conf": "b = 1\n"}),
        ("/srv", False, {"pg_hba.conf": "conf/pg_hba.conf", "a": "conf.d/a", "b/c": "conf.d/b/c"}, {}),
    ]
    assert [step.path for step in result.steps if isinstance(step, DirectoryStep)] == ["/srv", "/srv/with blank"]
    assert result.identity == Identity("postgres")
    assert result.defaults.export() == {
        "env": env,
        "cmd": "/usr/lib/postgresql/15/bin/postgres -c 'a b'",
        "cwd": "/srv/with blank",
        "ready": "pg_isready -q | cat",
        "halt": "SIGINT",
    }


def test_steps_say_where_they_stand() -> None:
    steps = made(f"{FULL}\n# nothing\nRUN a \\\n  b\nCOPY conf.d /x\n").steps
    assert [(step.line, step.summary) for step in steps] == [(4, "RUN a b"), (6, "COPY conf.d /x")]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("RUN a\\\n  b", "a b"),
        ("RUN a \\\n b", "a b"),
        ("RUN a\\\nb", "ab"),
        ("RUN a \\  \n\n# c\n\t b", "a b"),
        ("RUN a \\", "a"),
        ("RUN echo a\\\\", "echo a\\\\"),
        ("\\\nRUN a", "a"),
        ("  run\ta  b", "a  b"),
        ("RUN [ -e /x ] || true", "[ -e /x ] || true"),
        ("RUN [ -e /x ] || cat <<A\nx\nA", "[ -e /x ] || cat <<A\nx\nA\n"),
        ("RUN cat <<<word", "cat <<<word"),
        ("RUN cat << word", "cat << word"),
        ("RUN cat <<-", "cat <<-"),
        ("RUN cat '<<A'", "cat '<<A'"),
        ("RUN echo it's", "echo it's"),
        ("RUN cat <<A <<B\n1\nA\n2\nB", "cat <<A <<B\n1\nA\n2\nB\n"),
        ("RUN <<-A\n\tx\n  A\n\tA", "x\n  A\n"),
        ("RUN 3<<A cat <&3\nx\nA", "3<<A cat <&3\nx\nA\n"),
        ("RUN <<A\n# no comment\nx \\\nA \nA", "# no comment\nx \\\nA \n"),
        ("RUN echo a # b", "echo a # b"),
    ],
)
def test_a_shell_gets_what_it_would_from_a_dockerfile(text: str, script: str) -> None:
    assert argvs(FULL + text) == [("/bin/sh", "-e", "-c", script)]
    assert argvs((FULL + text + "\n").replace("\n", "\r\n")) == [("/bin/sh", "-e", "-c", script)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a recipe begins with FROM and the name of an image or a layer"),
        ("# nothing\n", "a recipe begins with FROM and the name of an image or a layer"),
        ("RUN a", "a recipe begins with FROM and the name of an image or a layer"),
        ("FROM", "FROM: needs something behind it"),
        ("FROM a AS b", "FROM: there are no stages: a recipe builds one layer"),
        ("FROM a a", "FROM: a is named more than once"),
        ("FROM ../a", "../a: must not contain '..'"),
        ("FROM a:", "must start and end with"),
        ("FROM a:b:c", "must start and end with"),
        ("FROM " + " ".join(f"l{number}" for number in range(21)), "more than 20 names"),
        ("FROM $BASE", "must start and end with"),
    ],
)
def test_what_it_stands_on_is_named_once_and_first(text: str, message: str) -> None:
    assert message in errors(text)["line 1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM b", "there can be only one FROM"),
        ("FORM b", "FORM: is not an instruction; there are FROM, RUN,"),
        ("ENTRYPOINT x", "CMD is the whole command"),
        ("ADD a b", "COPY copies files"),
        ("\\", "is not an instruction"),
        ("RUN", "RUN: needs something behind it"),
        ("RUN --mount=type=cache,target=/x y", "takes no options: --mount=type=cache,target=/x"),
        ("RUN []", "must have words only"),
        ('RUN ["a", 1]', "must have words only"),
        ("RUN <<A\nA", "has nothing to run"),
        ("RUN <<A\n#!\nA", "its first line names no program"),
        ("RUN <<A\n#!python3\nA", "its first line names no program"),
        ("RUN <<A\nx\nAA", "nothing ends <<A: there is no line of A alone"),
        ("COPY a", "needs what to copy, and where to"),
        ("COPY --from=x a b", "takes no options: --from=x"),
        ("COPY *.conf /x", "there are no wildcards"),
        ("COPY ../a /x", "must be a relative path"),
        ("COPY a/../../b /x", "must be a relative path"),
        ("COPY a $X", "variables are not put in: $X"),
        ('COPY "a" "/x/$(id)"', "variables are not put in"),
        ("COPY a /x/../y", "without '..'"),
        ("COPY a /proc/x", "LXC makes it for each container"),
        ("COPY a //dev", "LXC makes it for each container"),
        ("COPY 'a /x", "a quote or a backslash with nothing behind it"),
        ("COPY <<A /x\n$b\nA", "write <<'A'"),
        ("COPY <<../A /x/\nb\n../A", "cannot name a file"),
        ("COPY <<'' /x/\n\n", "cannot name a file"),
        ("COPY a " + "x" * 1025, "longer than 1024"),
        ("ENV A", "write KEY=VALUE, not A"),
        ("ENV A b", "write KEY=VALUE, not A"),
        ("ENV A=$B", "between single quotes"),
        ('ENV A="`id`"', "between single quotes"),
        ("ENV 1A=b", "1A: a variable's name must start"),
        ("USER a b", "takes USER or USER:GROUP"),
        ("USER a:", "takes USER or USER:GROUP"),
        ("USER 65536", "must be a number from 0 to 65535"),
        ("USER 0:65536", "must be a number from 0 to 65535"),
        ("WORKDIR a b", "takes one path"),
        ("WORKDIR ../a", "must not have '.' or '..'"),
        ("WORKDIR $HOME", "variables are not put in"),
        ("WORKDIR /proc", "LXC makes it for each container"),
        ("CMD a && b", "no shell reads this, so && means nothing: write /bin/sh -c '…'"),
        ("CMD echo $HOME", "no shell reads this"),
        ("CMD -x", "must not start with '-'"),
        ("CMD 'a", "a quote or a backslash with nothing behind it"),
        ("CMD " + "x" * 4097, "longer than 4096"),
        ("READY " + "x" * 4097, "longer than 4096"),
        ("HALT TERM", "is not a signal"),
        ("RUN a\0b", "contains a control character (U+0000)"),
        ("RUN a\x1b[2J", "contains a control character"),
        ("RUN a\u202eb", "contains a control character"),
        ("RUN a\ud800", "contains a lone surrogate"),
        ("RUN a\rb", "contains a control character (U+000D)"),
    ],
)
def test_what_is_refused_has_its_line_and_its_reason(text: str, message: str) -> None:
    found = errors(f"FROM a\n\n# two lines above\n{text}\n")
    assert list(found) == ["line 4"]
    assert message in found["line 4"]


def test_all_errors_come_at_once_in_the_order_of_lines() -> None:
    found = errors("RUN a\nUSER !\nFROM b\nENV x\nFROM c\nRUN <<A\n")
    assert list(found) == ["line 1", "line 2", "line 4", "line 5", "line 6"]
    assert found["line 1"] == "FROM must come first"


def test_limits() -> None:
    assert errors(FULL + "#" * 65536) == {"": "the recipe is longer than 65536 bytes"}
    assert errors(FULL + "é" * 40000) == {"": "the recipe is longer than 65536 bytes"}
    assert len(made(FULL + "RUN a\n" * 199).steps) == 199
    assert errors(FULL + "RUN a\n" * 200) == {"line 201": "there are more than 200 instructions"}


def test_files_that_a_copy_names_must_be_there() -> None:
    with pytest.raises(InvalidRequest) as caught:
        made(f"{FULL}COPY conf.d nothing /x\nRUN a\nCOPY conf.d/b/d other /y\n")
    assert [(error.field, error.message) for error in caught.value.errors] == [
        ("line 2", "the recipe has no file nothing"),
        ("line 4", "the recipe has no file conf.d/b/d, other"),
    ]


@pytest.mark.parametrize(
    ("text", "destination", "names_file", "below"),
    [
        ("COPY conf.d/a /x", "/x", True, ["a"]),
        ("COPY conf.d/a /x/", "/x", False, ["a"]),
        ("COPY /conf.d/a x", "/x", True, ["a"]),
        ("COPY conf.d/b /x", "/x", False, ["c"]),
        ("COPY . /", "/", False, ["conf.d/a", "conf.d/b/c", "conf/pg_hba.conf"]),
        ('COPY ["conf.d/a", "/x y"]', "/x y", True, ["a"]),
        ("COPY ./conf.d/a .", "/", False, ["a"]),
        ("COPY <<a /x\n1\na", "/x", True, ["a"]),
    ],
)
def test_where_a_copy_goes(text: str, destination: str, names_file: bool, below: list[str]) -> None:
    (step,) = made(FULL + text).steps
    assert isinstance(step, CopyStep)
    assert (step.destination, step.names_file, sorted([*step.files, *step.texts])) == (destination, names_file, below)


def test_users_and_directories_hold_from_where_they_stand() -> None:
    steps = made(
        f"{FULL}RUN a\nUSER b:c\nWORKDIR x\nRUN b\nUSER 0\nWORKDIR /y\nRUN c", {"uid": "7", "gid": "8", "cwd": "/z"}
    ).steps
    runs = [(run.identity, run.cwd, run.env.get("HOME")) for run in steps if isinstance(run, RunStep)]
    assert runs == [
        (Identity("7", "8"), "/z", None),
        (Identity("b", "c"), "/z/x", None),
        (Identity("0", None), "/y", "/root"),
    ]


def test_without_run_and_copy_there_is_no_layer() -> None:
    result = made(f"{FULL}WORKDIR /x\nUSER 5:6\nENV A=b\n", {"uid": "7", "cmd": "/bin/x"})
    assert (result.steps, result.makes_layer, result.identity) == ((), False, None)
    assert result.defaults.export() == {"cwd": "/x", "env": {"A": "b"}, "cmd": "/bin/x", "uid": "5", "gid": "6"}


def test_too_much_environment_with_that_of_the_parents_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="at most 500"):
        made(f"{FULL}ENV Z=1", {"env": {f"A{number}": "x" for number in range(500)}})


PLAIN = "FROM a\nENV A=1 B='x y'\nRUN a && b\nCOPY conf.d/a /x\nRUN c\n"


@pytest.mark.parametrize(
    "same",
    [
        '# comment\n\nfrom other:1\nenv B="x y" \\\n   A=1\nrun \\\n  a && \\\n # c\n   b\n'
        "copy  './conf.d/a'\t/x\nRUN c\nCMD x\n",
        PLAIN + "READY x\nHALT SIGTERM\nUSER 5\nENV AFTER=1\n",
        PLAIN.replace("\n", "\r\n"),
        "FROM a\nENV A=1\nENV B=x\\ y\nRUN a && b\nCOPY /conf.d/a /x\nRUN c",
    ],
)
def test_the_key_does_not_depend_on_what_does_not_change_the_layer(same: str) -> None:
    assert key(same) == key(PLAIN)


def test_the_key_depends_on_all_that_changes_the_layer() -> None:
    texts = [
        PLAIN,
        PLAIN.replace("a && b", "a &&  b"),
        PLAIN.replace("A=1", "A=2"),
        PLAIN.replace("COPY", "USER 5\nCOPY"),
        PLAIN.replace("COPY", "WORKDIR /w\nCOPY"),
        PLAIN + "WORKDIR /w",
        PLAIN.replace("/x", "/x/"),
        PLAIN.replace("RUN c", 'RUN ["c"]'),
        PLAIN.replace("RUN c", "RUN <<E\nc\nE"),
        PLAIN.replace("RUN c", "COPY <<E /x\nc\nE"),
        PLAIN.replace("RUN c", "COPY <<F /x\nc\nF\nUSER 5\nRUN c"),
        PLAIN + "RUN c",
    ]
    keys = [key(text) for text in texts]
    keys += [key(PLAIN, parents=("b" * 64,)), key(PLAIN, parents=("a" * 64, "b" * 64))]
    changed = FILES | {"conf.d/a": FileFacts("9" * 64, is_executable=False)}
    executable = FILES | {"conf.d/a": FileFacts("2" * 64, is_executable=True)}
    keys += [key(PLAIN, files=changed), key(PLAIN, files=executable)]
    assert len(set(keys)) == len(keys)
    assert key(PLAIN, files=FILES | {"unrelated": FileFacts("9" * 64, is_executable=False)}) == keys[0]


PIECES = st.sampled_from(
    [
        *("FROM a\n", "FROM ", "RUN ", "COPY ", "ENV ", "USER ", "WORKDIR ", "CMD ", "READY ", "HALT ", "run", "Env"),
        *(
            "<<EOF",
            "<<-EOF",
            "<<'EOF'",
            "EOF\n",
            "\tEOF\n",
            "<<",
            "<",
            "#!",
            "#",
            "\\",
            "\\\n",
            "\n",
            "\r\n",
            " ",
            "\t",
            "\ufeff",
        ),
        *(
            "'",
            '"',
            "$A",
            "`",
            "[",
            "]",
            '["a", "b"]',
            "a",
            "A=b",
            "/",
            "..",
            "*",
            "conf.d/a",
            "--",
            "\0",
            "\u2028",
            "é",
            "9" * 30,
        ),
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=200))
@example("\\")
@example("\ufeff")
@example("FROM a\nRUN " + "[" * 10_000)
@example("FROM a\nCOPY <<a <<a x\na\na\n")
@example("FROM a\nUSER " + "9" * 5_000)
def test_any_text_is_read_or_refused_with_lines_that_are_there(text: str) -> None:
    lines = text.count("\n") + 1
    try:
        result = build.build(recipe.parse(text), Defaults(), FILES)
    except InvalidRequest as error:
        assert error.errors  # noqa: PT017  both outcomes are right
        for problem in error.errors:
            assert problem.field in {"", "defaults.env"} or 1 <= int(problem.field.removeprefix("line ")) <= lines  # noqa: PT017
    else:
        assert len(result.key([], FILES)) == 64
        assert Defaults.parse(result.defaults.export()) == result.defaults


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
@given(data=st.data())
def test_a_recipe_of_the_corpus_with_a_piece_changed_is_read_or_refused(path: Path, data: st.DataObject) -> None:
    text = path.read_text()
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 20)))
    test_any_text_is_read_or_refused_with_lines_that_are_there.hypothesis.inner_test(
        text[:begin] + data.draw(PIECES) + text[end:]
    )  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_how_a_recipe_is_laid_out_does_not_count(path: Path) -> None:
    text = path.read_text()
    assert key(text) == key("# more\n\n" + text.replace("    ", "\t \t") + "\n\n# at the end")


@given(st.text(alphabet="ab '\"\\$\n\t<&", max_size=30))
def test_words_of_any_text(text: str) -> None:
    try:
        found = words.split(text)
    except ValueError:
        return
    assert "".join(word.raw for word in found) == "".join(part for part in _without_blanks(text))


def _without_blanks(text: str) -> list[str]:
    return [part[0] for part in words._PART.finditer(text) if part["blank"] is None]


@pytest.mark.parametrize("path", ["a", "a/b", ".hidden", "a b", "..a"])
def test_paths_of_files(path: str) -> None:
    assert recipe.file_path(path) == path


@pytest.mark.parametrize("path", ["", "/a", ".", "..", "../a", "a/../b", "a//b", "a/", "./a", "a\nb", "x" * 201, "a/\0"])
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"must|longer|contains"):
        recipe.file_path(path)


def test_statements_are_bounded_by_bytes_not_by_lines() -> None:
    found, wrong = statements.split("\n" * 60_000 + "FROM a")
    assert ([statement.line for statement in found], wrong) == ([60_001], ())
