"""Fetching over HTTP and from directories: resumed, bounded, checked as a whole, by a process without rights."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from containers.domain.entries import Entry
from containers.domain.layout import Layout
from containers.domain.repository import Index
from containers.errors import Cancelled, Conflict, HostError, InvalidRequest, SpocError, Untrusted
from containers.host import download as program
from containers.host import downloads, files
from containers.host.command import Runner
from containers.host.downloads import Source
from tests.domain.test_repository import data, row
from tests.support.recorder import KeepingRecorder
from tests.support.waiting import wait_until
from tests.support.web import Handler, Web, serving

CONTENT = os.urandom(3_000_000)
FILE = "debian@12.tar"


def entry_of(content: bytes) -> Entry:
    sha256 = hashlib.sha256(content).hexdigest()
    return Index.of(data(row(file=FILE, size=len(content), sha256=sha256))).images[0]


ENTRY = entry_of(CONTENT)


@pytest.fixture
def place(tmp_path: Path) -> Layout:
    layout = Layout(data_dir=tmp_path / "data", log_dir=tmp_path / "log", run_dir=tmp_path / "run")
    layout.downloads.mkdir(parents=True)
    layout.repository.mkdir()
    return layout


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    directory = tmp_path / "web"
    directory.mkdir()
    (directory / FILE).write_bytes(CONTENT)
    with serving(directory) as web:
        yield web


@pytest.fixture
def recorder() -> KeepingRecorder:
    return KeepingRecorder()


@pytest.fixture
def source(place: Layout, web: Web, recorder: KeepingRecorder) -> Source:
    return Source(place, Runner(recorder), web.url, ())


def fetched(place: Layout) -> list[str]:
    return sorted(path.name.rpartition(".")[2] for path in place.downloads.iterdir())


def test_a_file_is_fetched_and_checked(source: Source, place: Layout, recorder: KeepingRecorder) -> None:
    path = source.fetch(ENTRY)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o600
    assert "fetches 2.9 MiB of 2.9 MiB" in recorder.notes
    assert recorder.commands[0].program == "python3"
    downloads.discard(place, ENTRY.download)
    assert fetched(place) == []


def test_it_goes_on_where_the_connection_ended(source: Source, web: Web) -> None:
    for cut in (1_000_000, 500_000):
        web.cut = cut
        with pytest.raises(HostError, match="the connection ended after"):
            source.fetch(ENTRY)
    web.cut = None
    assert source.fetch(ENTRY).read_bytes() == CONTENT
    assert [start for _, start in web.served] == [0, 1_000_000, 1_500_000]


def test_what_is_here_as_a_whole_is_not_fetched_again(source: Source, web: Web) -> None:
    source.fetch(ENTRY)
    source.fetch(ENTRY)
    assert len(web.served) == 1


@pytest.mark.parametrize("validator", [True, False])
def test_a_server_that_knows_no_ranges_sends_all_of_it(source: Source, web: Web, validator: bool) -> None:
    web.validator = validator
    web.cut = 1_000_000
    with suppress(HostError):
        source.fetch(ENTRY)
    web.cut, web.ranges = None, False
    assert source.fetch(ENTRY).read_bytes() == CONTENT
    assert [start for _, start in web.served] == [0, 0]


def test_the_rest_of_another_file_is_not_appended(source: Source, web: Web) -> None:
    """The file is exchanged for one of the same length: If-Range has the server begin anew."""
    old = os.urandom(len(CONTENT))
    (web.directory / FILE).write_bytes(old)
    web.cut = 1_000_000
    with suppress(HostError):
        source.fetch(ENTRY)
    web.cut = None
    (web.directory / FILE).write_bytes(CONTENT)
    os.utime(web.directory / FILE, ns=(1, 1))
    assert source.fetch(ENTRY).read_bytes() == CONTENT
    assert [start for _, start in web.served] == [0, 0]


def test_a_server_without_validators_that_exchanged_the_file_is_noticed(source: Source, web: Web) -> None:
    web.validator = False
    web.cut = 1_000_000
    (web.directory / FILE).write_bytes(os.urandom(len(CONTENT)))
    with suppress(HostError):
        source.fetch(ENTRY)
    web.cut = None
    (web.directory / FILE).write_bytes(CONTENT)
    assert source.fetch(ENTRY).read_bytes() == CONTENT
    assert [start for _, start in web.served] == [0, 1_000_000, 0]


def test_a_file_that_got_shorter_is_fetched_anew(source: Source, web: Web, place: Layout) -> None:
    (place.downloads / f"{ENTRY.download}.part").write_bytes(b"x" * 500)
    (web.directory / FILE).write_bytes(b"short")
    with pytest.raises(Untrusted, match="shorter than announced: 5 of 3000000 bytes"):
        source.fetch(ENTRY)


def test_wrong_content_is_refused_and_does_not_stay(source: Source, web: Web, place: Layout) -> None:
    (web.directory / FILE).write_bytes(os.urandom(len(CONTENT)))
    with pytest.raises(Untrusted, match="is not the file of the index: its SHA-256 is"):
        source.fetch(ENTRY)
    assert fetched(place) == []


def test_a_file_that_says_it_is_bigger_is_not_begun(source: Source, web: Web, place: Layout) -> None:
    (web.directory / FILE).write_bytes(CONTENT + b"x")
    with pytest.raises(HostError, match="bigger than announced: 3000001 bytes, not 3000000"):
        source.fetch(ENTRY)
    assert fetched(place) == []


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(b"x" * 100_000)


def test_an_endless_answer_is_ended_at_the_announced_size(source: Source, web: Web, place: Layout) -> None:
    web.answers[FILE] = endless
    with pytest.raises(HostError, match="bigger than announced: more than 3000000 bytes followed"):
        source.fetch(ENTRY)
    part = place.downloads / f"{ENTRY.download}.part"
    assert part.stat().st_size <= ENTRY.size


def answer(status: int, *headers: tuple[str, str], body: bytes = b"") -> object:
    def send(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return send


def raw(text: bytes) -> object:
    def send(handler: Handler) -> None:
        with suppress(OSError):
            handler.wfile.write(text)
        handler.close_connection = True

    return send


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (answer(404), "the server answers 404 Not Found"),
        (answer(500), "the server answers 500"),
        (answer(204), "the server answers 204, which is no file"),
        (answer(206, ("Content-Range", "bytes 5-9/10"), body=b"12345"), "another part than the one asked for"),
        (answer(206), "another part than the one asked for"),
        (answer(200, ("Content-Encoding", "gzip"), body=b"x"), "compressed, which nobody asked for"),
        (answer(302, ("Location", "file:///etc/passwd")), "the server answers 302 Found"),
        (answer(302, ("Location", "ftp://127.0.0.1/x")), "sends us on to an address that is not taken"),
        (answer(302, ("Location", FILE)), "the server answers 302"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10_000), "cannot be understood"),
        (raw(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 1_000_000), "cannot be understood"),
        (raw(b"\x00\xff\x1b[31m\r\n" * 100), "cannot be understood"),
        (raw(b""), "the server c"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"), "cannot be understood"),
    ],
)
def test_answers_that_are_no_file_are_refused_with_a_sentence(
    source: Source, web: Web, place: Layout, sent: object, reason: str
) -> None:
    web.answers[FILE] = sent  # type: ignore[assignment]
    with pytest.raises(HostError) as caught:
        source.fetch(ENTRY)
    assert reason in caught.value.brief
    assert caught.value.brief.isprintable()
    assert "Traceback" not in caught.value.details


@pytest.mark.parametrize("etag", ['W/"weak"', '"' + "x" * 500 + '"', '"a b"', "\x7f", '"ä"', 'x\r\nSet-Cookie: a="b"'])
def test_a_validator_that_is_none_is_not_kept(source: Source, web: Web, place: Layout, etag: str) -> None:
    def send(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nETag: " + etag.encode() + b"\r\nContent-Length: 3000000\r\n\r\nabc")
        handler.close_connection = True

    web.answers[FILE] = send
    with pytest.raises(HostError, match="the connection ended after 3 of 3000000 bytes"):
        source.fetch(ENTRY)
    assert (place.downloads / f"{ENTRY.download}.validator").read_bytes() == b""


def test_a_redirection_is_followed(source: Source, web: Web) -> None:
    (web.directory / "elsewhere.tar").write_bytes(CONTENT)
    web.answers[FILE] = answer(302, ("Location", "/elsewhere.tar"))  # type: ignore[assignment]
    assert source.fetch(ENTRY).read_bytes() == CONTENT


def test_nobody_listens(place: Layout) -> None:
    with pytest.raises(HostError, match=r"http://127.0.0.1:1/debian%4012.tar: the server cannot be reached: .*refused"):
        Source(place, Runner(), "http://127.0.0.1:1", ()).fetch(ENTRY)


def test_the_proxy_that_is_set_is_asked_but_for_what_it_is_not_for(place: Layout, web: Web) -> None:
    # What a proxy is asked for is the whole URL; this one has the file.
    web.answers[FILE] = lambda handler: handler._serve(web.directory / FILE)
    elsewhere = "http://images.example.org"
    assert Source(place, Runner(), elsewhere, (), proxies={"http_proxy": web.url}).fetch(ENTRY).read_bytes() == CONTENT
    downloads.discard(place, ENTRY.download)
    nobody = {"http_proxy": "http://127.0.0.1:1"}
    with pytest.raises(HostError, match="refused"):
        Source(place, Runner(), web.url, (), proxies=nobody).fetch(ENTRY)
    assert Source(place, Runner(), web.url, (), proxies={**nobody, "no_proxy": "127.0.0.1"}).fetch(ENTRY).read_bytes() == CONTENT


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_no_proxy_of_a_shell_is_asked(source: Source, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    assert source.fetch(ENTRY).read_bytes() == CONTENT


def test_who_speaks_http_is_nobody_and_can_do_nothing(source: Source, web: Web) -> None:
    """Seen from the kernel's side while the download hangs: the owner of the connection and of its process."""
    web.cut, web.hold = 1_000, threading.Event()
    seen: dict[str, str] = {}

    def look() -> None:
        web.reached.wait(30)
        child = speaker(int(web.url.rpartition(":")[2]))
        lines = Path(f"/proc/{child}/status").read_text().splitlines()
        seen.update(line.split(":\t", 1) for line in lines if ":\t" in line)
        seen["limits"] = Path(f"/proc/{child}/limits").read_text()
        seen["files"] = " ".join(sorted(str(path.readlink()).partition(":")[0] for path in Path(f"/proc/{child}/fd").iterdir()))
        seen["cwd"] = str(Path(f"/proc/{child}/cwd").readlink())
        web.hold.set()  # type: ignore[union-attr]

    thread = threading.Thread(target=look)
    thread.start()
    with pytest.raises(HostError):
        source.fetch(ENTRY)
    thread.join()
    assert seen["Uid"].split() == seen["Gid"].split() == ["65534"] * 4
    assert seen["Groups"].strip() == ""
    assert {seen[key] for key in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}
    assert seen["NoNewPrivs"] == "1"
    assert seen["cwd"] == "/"
    limits = {line[:26].strip(): line[26:].split()[:2] for line in seen["limits"].splitlines()}
    assert limits["Max file size"] == limits["Max processes"] == ["0", "0"]
    # Null, output twice, the pipe, the connection: no file, no database, no lock.
    assert seen["files"] == "/dev/null pipe pipe pipe socket"


def speaker(port: int) -> int:
    """The process that holds a connection to a port of 127.0.0.1, found by the socket's number."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = {line[9] for line in lines if line[2] == f"0100007F:{port:04X}" and line[3] == "01"}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
    raise AssertionError("nobody holds the connection")


def test_a_cancel_ends_it_and_what_is_here_stays(place: Layout, web: Web) -> None:
    web.cut, web.hold = 1_000_000, threading.Event()
    cancel = threading.Event()
    part = place.downloads / f"{ENTRY.download}.part"

    def cancel_when_begun() -> None:
        wait_until(lambda: part.exists() and part.stat().st_size, "a part of it is here")
        cancel.set()

    threading.Thread(target=cancel_when_begun).start()
    with pytest.raises(Cancelled):
        Source(place, Runner(None, cancel), web.url, ()).fetch(ENTRY)
    web.cut, web.hold = None, None
    size = part.stat().st_size
    assert 0 < size <= 1_000_000
    assert Source(place, Runner(), web.url, ()).fetch(ENTRY).read_bytes() == CONTENT
    assert web.served[-1][1] == size


def test_a_kill_in_the_middle_leaves_what_the_next_one_goes_on_with(source: Source, web: Web, place: Layout) -> None:
    web.cut, web.hold = 1_000_000, threading.Event()
    argv = ["/usr/bin/python3", "-I", "-S", program.__file__, f"{web.url}/{FILE}"]
    argv += [ENTRY.download, str(ENTRY.size)]
    part = place.downloads / f"{ENTRY.download}.part"
    with subprocess.Popen(argv, cwd=place.downloads) as running:
        wait_until(lambda: part.exists() and part.stat().st_size == 1_000_000, "a part of it is here")
        child = int(Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text())
        running.send_signal(signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the child has ended with it")
    web.cut, web.hold = None, None
    assert source.fetch(ENTRY).read_bytes() == CONTENT
    assert web.served[-1][1] == 1_000_000


@pytest.mark.parametrize("name", ["https://127.0.0.1:%d", "http://127.0.0.1:%d/../../etc"])
def test_other_places_of_a_server_are_errors_of_its_own(place: Layout, web: Web, name: str) -> None:
    with pytest.raises(HostError, match=r"the server (cannot be reached|answers 404)"):
        Source(place, Runner(), name % int(web.url.rpartition(":")[2]), ()).fetch(ENTRY)


# Directories


def test_a_directory_serves_as_well(place: Layout, web: Web) -> None:
    source = Source(place, Runner(), str(web.directory), (web.directory.parent,))
    assert source.fetch(ENTRY).read_bytes() == CONTENT
    (web.directory / "index.json").write_bytes(b"{}")
    assert source.read("index.json", max_bytes=2) == b"{}"
    with pytest.raises(HostError, match="is larger than 1 bytes"):
        source.read("index.json", max_bytes=1)


def test_the_own_repository_is_allowed_without_being_named(place: Layout) -> None:
    (place.repository / "index.json").write_bytes(b"{}")
    assert Source(place, Runner(), str(place.repository), ()).read("index.json", max_bytes=10) == b"{}"


@pytest.mark.parametrize("location", ["/etc", "/var/tmp/../../etc", "/proc/self", "/root"])
def test_no_other_directory_is_read(place: Layout, web: Web, location: str) -> None:
    with pytest.raises(InvalidRequest, match="is not below any directory that may be imported from"):
        Source(place, Runner(), location, (web.directory.parent,)).read("passwd", max_bytes=100_000)


def test_no_link_is_followed(place: Layout, web: Web, tmp_path: Path) -> None:
    (web.directory / "index.json").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to("/etc")
    (web.directory / "pipe.tar").mkdir()
    for location, file in ((web.directory, "index.json"), (tmp_path / "linked", "passwd"), (web.directory, "pipe.tar")):
        with pytest.raises(SpocError, match=r"symbolic link|is a directory"):
            Source(place, Runner(), str(location), (tmp_path,)).read(file, max_bytes=100_000)


def test_a_file_in_a_directory_is_checked_as_well(place: Layout, web: Web) -> None:
    source = Source(place, Runner(), str(web.directory), (web.directory.parent,))
    for content, reason in (
        (os.urandom(len(CONTENT)), "is not the file of the index"),
        (CONTENT + b"x", "is bigger than announced"),
        (CONTENT[:-1], "is shorter than announced: 2999999 of 3000000"),
    ):
        (web.directory / FILE).write_bytes(content)
        with pytest.raises(Untrusted, match=reason):
            source.fetch(ENTRY)


# Small files, space


def test_small_files_leave_nothing(source: Source, web: Web, place: Layout) -> None:
    (web.directory / "index.json").write_bytes(b"{}")
    assert source.read("index.json", max_bytes=100) == b"{}"
    with pytest.raises(HostError, match="bigger than announced"):
        source.read("index.json", max_bytes=1)
    with pytest.raises(HostError, match="404"):
        source.read("other.json", max_bytes=1)
    assert fetched(place) == []


def test_what_is_missing_on_the_disk_is_said_beforehand(place: Layout) -> None:
    free = files.free_bytes(place.data_dir)
    downloads.require_space(place, ENTRY, 1000)
    with pytest.raises(Conflict, match=r"There is not enough space below .*: [0-9.]+ [GM]iB more are needed"):
        downloads.require_space(place, ENTRY, free + 2 * 1024**3)


@pytest.fixture
def small(place: Layout) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=514m", "tmpfs", place.downloads], check=True)
    yield place.downloads
    subprocess.run(["umount", place.downloads], check=True)


def test_a_disk_that_fills_up_ends_it_and_the_next_try_goes_on(small: Path, source: Source, web: Web) -> None:
    with pytest.raises(HostError, match="the disk is nearly full; what is here already stays for the next try"):
        source.fetch(ENTRY)
    size = sum(path.stat().st_size for path in small.glob("*.part"))
    assert 0 < size < len(CONTENT)
    subprocess.run(["mount", "-o", "remount,size=600m", small], check=True)
    assert source.fetch(ENTRY).read_bytes() == CONTENT
    assert web.served[-1][1] == size


def test_what_nobody_goes_on_with_is_removed(place: Layout) -> None:
    for name, age in (("old.part", 40), ("old.validator", 40), ("new.part", 1)):
        path = place.downloads / name
        path.touch()
        os.utime(path, (path.stat().st_mtime - age * 24 * 3600,) * 2)
    downloads.discard_old(place)
    assert [path.name for path in place.downloads.iterdir()] == ["new.part"]


@pytest.mark.parametrize(
    ("before", "after", "is_taken"),
    [
        ("http://a/x", "http://b/x", True),
        ("http://a/x", "https://b/x", True),
        ("https://a/x", "https://b/x", True),
        ("https://a/x", "http://a/x", False),
        ("http://a/x", "ftp://a/x", False),
    ],
)
def test_no_redirection_leads_from_https_back_to_http(before: str, after: str, is_taken: bool) -> None:
    request = urllib.request.Request(before)  # noqa: S310 - nothing is opened
    try:
        followed = program.Redirections().redirect_request(request, None, 302, "Found", {}, after)
    except program.DownloadError:
        assert not is_taken
    else:
        assert followed.full_url == after
        assert is_taken


def test_two_do_not_write_to_one_file(source: Source, web: Web, place: Layout) -> None:
    part = place.downloads / f"{ENTRY.download}.part"
    with part.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(HostError, match="another process is fetching it"):
            source.fetch(ENTRY)
    assert source.fetch(ENTRY).read_bytes() == CONTENT
