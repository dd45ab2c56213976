"""What is hidden in a record that is passed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import secrecy
from containers.domain.secrecy import MASK, Masker, is_telling, values_of


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("DB_PASSWORD=s3cret rest", "DB_PASSWORD=******** rest"),
        ("env PGPASSWORD='a b' psql", "env PGPASSWORD=******** psql"),
        ('{"api_key": "zz9", "port": 80}', '{"api_key": ********, "port": 80}'),
        ("login --password s3cret --user me", "login --password ******** --user me"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ********"),
        ("postgres://me:s3cret@db/shop", "postgres://me:********@db/shop"),
        ("GET https://x/?token=abc&page=1", "GET https://x/?token=********&page=1"),
        ("it is spoc_abcdefghijklmnop", "it is ********"),
        ("known hunter22 here, hunter22", "known ******** here, ********"),
    ],
)
def test_secrets_are_hidden_by_name_by_form_and_by_value(line: str, masked: str) -> None:
    assert Masker(["hunter22"]).mask(line) == masked


@pytest.mark.parametrize(
    "line",
    [
        "lxc-start -P /var/lib/spocweb/containers -n wiki -d",
        "curl: (7) Failed to connect to 127.0.0.1 port 3000",
        "curl http://127.0.0.1:3000/",
        "author: me, key: value",
        "PORT=3000 monkey=yes",
        "",
    ],
)
def test_what_is_no_secret_stays_readable(line: str) -> None:
    assert Masker().mask(line) == line


def test_all_lines_of_a_private_key_are_hidden() -> None:
    masker = Masker()
    lines = ["a", "-----BEGIN OPENSSH PRIVATE KEY-----", "b3BlbnNzaA", "-----END OPENSSH PRIVATE KEY-----", "z"]
    assert [masker.mask(line) for line in lines] == ["a", MASK, MASK, MASK, "z"]


@pytest.mark.parametrize("name", ["DB_PASSWORD", "PGPASSWORD", "API_KEY", "SECRET_KEY", "DATABASE_DSN", "GH_TOKEN", "auth"])
def test_names_that_tell(name: str) -> None:
    assert is_telling(name)


@pytest.mark.parametrize("name", ["PORT", "KEYBOARD", "AUTHOR", "MONKEY", "PATH", "COMPASS"])
def test_names_that_do_not(name: str) -> None:
    assert not is_telling(name)


def test_a_value_that_stands_in_every_word_is_not_looked_for() -> None:
    assert values_of({"A_PASSWORD": "a", "B_PASSWORD": "correct horse", "PORT": "30000"}) == {"correct horse"}


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=5), st.text(), st.text())
def test_a_known_secret_is_never_left(secret: str, before: str, after: str) -> None:
    if secret not in MASK:
        masked = Masker([secret]).mask(f"{before}{secret}{after}")
        assert secret not in masked.replace(MASK, "") or secret in f"{before}{after}"


@given(st.text(alphabet="-:/=@ 'paswordtkenBlyJ.\"", max_size=300))
def test_any_line_is_masked_and_none_grows_without_bound(line: str) -> None:
    assert len(Masker().mask(line)) <= len(MASK) * (len(line) + 1)


ODD = ["BAS\u0131C ", "pa\u017f\u017fword", "api_\u212aey"]
PIECES = [*ODD, "Basic ", "=", ": ", "a1b2c3d4", "://me:", "@", "ghs_", "eyJ", ".", "--", " "]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_pattern_is_left_out_that_would_find_something(line: str) -> None:
    expected = line
    for _hints, pattern in secrecy._PATTERNS:
        expected = pattern.sub(rf"\g<kept>{MASK}", expected)
    assert Masker().mask(line) == expected


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (
            {"env": {"DB_PASSWORD": "hunter22", "KEY": "abc", "PORT": "80"}},
            {"env": {"DB_PASSWORD": MASK, "KEY": MASK, "PORT": "80"}},
        ),
        ({"env": {"PASSWORD": "hunter22"}, "cmd": "run hunter22"}, {"env": {"PASSWORD": MASK}, "cmd": f"run {MASK}"}),
        (
            {"after": {"env": {"PASSWORD": "hunter22"}}, "x": ["-p", "hunter22"]},
            {"after": {"env": {"PASSWORD": MASK}}, "x": ["-p", MASK]},
        ),
        ({"command": ["mysql", "--password", "abc", "db"]}, {"command": ["mysql", "--password", MASK, "db"]}),
        (
            {"command": ["curl", "-H", "Authorization: Bearer abcdef123"]},
            {"command": ["curl", "-H", f"Authorization: Bearer {MASK}"]},
        ),
        ({"key": "aa" * 32, "token": "abc", "tokens": 3}, {"key": "aa" * 32, "token": MASK, "tokens": 3}),
        ({"text": "-----BEGIN PRIVATE KEY-----\nabc", "after": "seen"}, {"text": f"{MASK}\n{MASK}", "after": "seen"}),
        ([1, None, True, {"a": 2.5}], [1, None, True, {"a": 2.5}]),
    ],
)
def test_a_record_keeps_no_secret(value: object, masked: object) -> None:
    assert secrecy.masked(value) == masked


def test_variables_of_a_configuration_are_hidden_by_their_names() -> None:
    text = "lxc.rootfs.path = dir:/x\nlxc.environment = APP_KEY=abc\nlxc.environment = PORT=80\nlxc.environment = PIN=\n# x"
    assert secrecy.masked_config(text) == text.replace("APP_KEY=abc", f"APP_KEY={MASK}")
