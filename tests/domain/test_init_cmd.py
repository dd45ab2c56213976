from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.init_cmd import init_cmd
from tests.domain.lxc_reader import words_of_lxc5, words_of_lxc6
from tests.domain.samples import visible_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/sbin/init", "/sbin/init"),
        ("  /bin/httpd   -f  -p 80 ", "/bin/httpd -f -p 80"),
        ("/bin/app 'plain'", "/bin/app plain"),
        ("/bin/app --name=a'b", None),
        (r"/bin/app a\'b", "/bin/app a'b"),
        ("/bin/app größer", "/bin/app größer"),
        ("/bin/app $HOME *", "/bin/app $HOME *"),
        ("/bin/app no\u00a0break", "/bin/app no\u00a0break"),
    ],
)
def test_words_without_blanks_are_written_as_they_are(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="nothing behind"):
            init_cmd(text)
    else:
        assert init_cmd(text) == expected


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("/bin/sh -c 'sleep 5'", '/bin/sh${s}-c${s}sleep"$s"5'),
        ('/bin/sh -c "exec httpd -f"', '/bin/sh${s}-c${s}exec"$s"httpd"$s"-f'),
        ("/bin/app ''", "/bin/app${s}''"),
        ("/bin/app ' '", '/bin/app${s}"$s"'),
        ("/bin/app ' a  b '", '/bin/app${s}"$s"a"$s""$s"b"$s"'),
        ("/bin/app '\"quoted'", "/bin/app${s}'\"quoted'"),
        ("/bin/app '$s $(id)'", """/bin/app${s}'$s'"$s"'$(id)'"""),
        ("""/bin/app "it's both \\" x" """, """/bin/app${s}'it'"'"'s'"$s"both"$s"'"'"$s"x"""),
    ],
)
def test_other_words_go_through_a_shell_that_replaces_itself(text: str, script: str) -> None:
    assert init_cmd(text) == "/bin/sh -c s=${IFS%??};exec${s}" + script


@pytest.mark.parametrize(
    "text", ["", " ", "''", "'", '"', "\\", "/bin/sh -c 'x", "-c", "/bin/app\nx", "/bin/app\tx", "/bin/app \0"]
)
def test_what_has_no_words_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        init_cmd(text)


def words_of(text: str) -> list[str]:
    """What starts in the end: LXC's words, and where those are our script, the shell's."""
    words = words_of_lxc5(text)
    assert words == words_of_lxc6(text)
    prefix = "s=${IFS%??};exec${s}"
    if words[:2] == ["/bin/sh", "-c"] and words[2].startswith(prefix):
        # Outside single quotes "$s" is a quoted blank and ${s} one that separates.
        return shlex.split(words[2].removeprefix(prefix).replace('"$s"', '" "').replace("${s}", " "))
    return words


argument = visible_text.filter(lambda text: "$" not in text)
program = st.from_regex(r"/[a-z/]{1,10}", fullmatch=True)


@given(program, st.lists(argument, max_size=4))
def test_every_lxc_starts_the_words_that_were_meant(first: str, others: list[str]) -> None:
    words = [first, *others]
    assert words_of(init_cmd(shlex.join(words))) == words
