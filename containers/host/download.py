"""Download a file over HTTP into NAME.part, from where an earlier run was broken off.

    download.py URL NAME MAX_BYTES

A program of its own, run as root in the directory of downloads, where nobody else reads or writes. It speaks no HTTP itself:
a child does that, which first becomes `nobody`, without rights, files or children of its own, and has nothing but a pipe back.
What comes through the pipe is one line, checked against a strict pattern, and bytes, counted. Beside the file NAME.validator
keeps what the server called this version of it, so that the rest of another version is never appended (RFC 9110, 13.1.5).
Whether the bytes are the right ones is for whoever calls this to find out. One line on stderr says what went wrong.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import http.client
import os
import re
import resource
import signal
import socket
import ssl
import sys
import urllib.error
import urllib.request

NOBODY = 65534
CHUNK = 1 << 18
# Of silence; how long the whole may take says who calls this.
SILENCE_S = 30
MAX_REDIRECTIONS = 5
# What a server can make the child use: headers are limited by http.client itself.
MAX_MEMORY_BYTES = 1 << 30
# Full file systems break more than a download.
KEPT_FREE_BYTES = 512 << 20
MAX_VALIDATOR = 200
_libc = ctypes.CDLL(None, use_errno=True)
# prctl(2)
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

VALIDATOR = re.compile(rb'"[!#-~]{1,190}"|[A-Z][A-Za-z0-9:, -]{9,60}')
# The first line through the pipe: where the bytes belong, and what to send as If-Range next time.
FIRST_LINE = re.compile(rb"([0-9]{1,18}) (" + VALIDATOR.pattern + rb")?\n")
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", re.ASCII)


class DownloadError(Exception):
    """Why it was not downloaded: one sentence."""


class NotHeard(Exception):  # noqa: N818 - an event: the parent has ended this, and says why
    """Nobody reads the pipe any more."""


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process. Raises OSError."""
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


# The child, without rights.


def renounce() -> None:
    """Become nobody for good: no file can be written, no program run, no child made, no other process looked into."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    os.chdir("/")
    for kind, limit in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(kind, (limit, limit))
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    # Now: the kernel forgets it when the ids change.
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


class Redirections(urllib.request.HTTPRedirectHandler):
    """Follows a few, to http and https only, and never from https back to http."""

    max_redirections = MAX_REDIRECTIONS

    def redirect_request(self, request, answer, code, message, headers, url):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0913
        """Refuse what leads elsewhere."""
        if not url.startswith("https://" if request.type == "https" else ("http://", "https://")):
            raise DownloadError(f"the server sends us on to an address that is not taken: {url[:200]!a}")
        return super().redirect_request(request, answer, code, message, headers, url)


def opener() -> urllib.request.OpenerDirector:
    """Return what speaks HTTP and nothing else: no files, no FTP, no cookies. Proxies are those of our own environment."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({scheme: url for scheme, url in proxies().items() if scheme in {"http", "https"}}),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        Redirections(),
    ):
        opener.add_handler(handler)
    return opener


def proxies() -> dict[str, str]:
    """Return what `http_proxy` and `https_proxy` say; `no_proxy` is asked by the handler itself."""
    return urllib.request.getproxies_environment()


def ask(url: str, offset: int, validator: bytes) -> http.client.HTTPResponse:
    """Return the server's answer, to be read. Raises DownloadError."""
    request = urllib.request.Request(url, headers={"User-Agent": "spocweb", "Accept-Encoding": "identity"})  # noqa: S310
    if offset:
        request.add_header("Range", f"bytes={offset}-")
        if validator:
            request.add_header("If-Range", validator.decode())
    try:
        answer = opener().open(request, timeout=SILENCE_S)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            # The file is not that long any more.
            return ask(url, 0, b"")
        raise DownloadError(f"the server answers {error.code} {http.client.responses.get(error.code, '')}".rstrip()) from error
    assert isinstance(answer, http.client.HTTPResponse)  # noqa: S101 - for the type checker
    return answer


def place(answer: http.client.HTTPResponse, wanted: int, max_bytes: int) -> tuple[int, int | None]:
    """Return where the answer's bytes belong, and how many there are if the server says so. Raises DownloadError."""
    if (answer.headers.get("Content-Encoding") or "identity").lower() != "identity":
        raise DownloadError("the server sends it compressed, which nobody asked for")
    offset = 0
    if answer.status == http.client.PARTIAL_CONTENT:
        found = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range") or "")
        if not found or int(found[1]) != wanted:
            raise DownloadError("the server sends another part than the one asked for")
        offset = wanted
    elif answer.status != http.client.OK:
        raise DownloadError(f"the server answers {answer.status}, which is no file")
    length = answer.length
    if length is not None and offset + length > max_bytes:
        raise DownloadError(f"it is bigger than announced: {offset + length} bytes, not {max_bytes}")
    return offset, length


def validator_of(answer: http.client.HTTPResponse) -> bytes:
    """Return what names this version of the file: a strong entity tag, or else the time of its last change."""
    for name in ("ETag", "Last-Modified"):
        value = (answer.headers.get(name) or "").encode(errors="replace")
        if VALIDATOR.fullmatch(value):
            return value
    return b""


def fetch(url: str, wanted: int, validator: bytes, max_bytes: int, out: int) -> None:
    """Write the first line and the file's bytes from there on to the pipe. Raises DownloadError."""
    with ask(url, wanted, validator) as answer:
        offset, length = place(answer, wanted, max_bytes)
        tell(out, b"%d %s\n" % (offset, validator_of(answer)))
        count = 0
        while data := answer.read1(CHUNK):
            count += len(data)
            tell(out, data)
    if length is not None and count < length:
        raise DownloadError(f"the connection ended after {offset + count} of {offset + length} bytes; the next try goes on there")


def tell(out: int, data: bytes) -> None:
    """Write to the pipe. Raises NotHeard."""
    try:
        write(out, data)
    except BrokenPipeError as error:
        raise NotHeard from error


def write(out: int, data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def run_child(url: str, wanted: int, validator: bytes, max_bytes: int, out: int) -> int:
    """Do what the child is for; return its exit code."""
    try:
        renounce()
        fetch(url, wanted, validator, max_bytes, out)
    except NotHeard:
        pass
    except DownloadError as error:
        say(error)
    except urllib.error.URLError as error:
        say(f"the server cannot be reached: {error.reason}")
    except TimeoutError:
        say(f"the server said nothing for {SILENCE_S} s")
    except (OSError, http.client.HTTPException, ValueError) as error:
        say(f"the server cannot be understood: {type(error).__name__}: {str(error)[:200]!a}")
    else:
        return 0
    return 1


# The parent, which is root.


def receive(pipe: int, name: str, max_bytes: int) -> None:
    """Write what comes through the pipe where it belongs. Raises DownloadError when it is not what it has to be."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(pipe, 1)
        if not byte:
            # The child has said why.
            return
        line += byte
        if len(line) > MAX_VALIDATOR + 20:
            break
    first = FIRST_LINE.fullmatch(line)
    file = os.open(f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        lock(file)
        if not first or int(first[1]) not in {0, os.fstat(file).st_size}:
            raise DownloadError("the part that speaks HTTP broke its word")
        os.ftruncate(file, int(first[1]))
        keep_validator(name, first[2] or b"")
        os.lseek(file, 0, os.SEEK_END)
        append(pipe, file, max_bytes - int(first[1]))
        os.fsync(file)
    finally:
        os.close(file)


def lock(file: int) -> None:
    """Keep the file to this process. Raises DownloadError if another one writes to it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DownloadError("another process is fetching it") from error


def append(pipe: int, file: int, max_bytes: int) -> None:
    """Copy the pipe to the file's end."""
    count = 0
    while data := os.read(pipe, CHUNK):
        count += len(data)
        if count > max_bytes:
            raise DownloadError(f"it is bigger than announced: more than {max_bytes} bytes followed")
        status = os.fstatvfs(file)
        if status.f_bavail * status.f_frsize < KEPT_FREE_BYTES:
            raise DownloadError("the disk is nearly full; what is here already stays for the next try")
        write(file, data)


def keep_validator(name: str, validator: bytes) -> None:
    """Write down which version of the file the bytes are of, before the first of them."""
    with open(f"{name}.validator", "wb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o600)) as stream:  # noqa: PTH123
        stream.write(validator)


def found(name: str, max_bytes: int) -> tuple[int, bytes]:
    """Return how much is here already, and of which version of the file."""
    with contextlib.suppress(FileNotFoundError):
        size = os.stat(f"{name}.part", follow_symlinks=False).st_size  # noqa: PTH116
        with open(f"{name}.validator", "rb") as stream:  # noqa: PTH123
            validator = stream.read(MAX_VALIDATOR)
        if size <= max_bytes:
            return size, validator if VALIDATOR.fullmatch(validator) else b""
    return 0, b""


def download(url: str, name: str, max_bytes: int) -> int:
    """Download; return the exit code."""
    offset, validator = found(name, max_bytes)
    if offset == max_bytes:
        return 0
    pipe, out = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(pipe)
        os._exit(run_child(url, offset, validator, max_bytes, out))
    os.close(out)
    try:
        receive(pipe, name, max_bytes)
    finally:
        # Where it was refused, the child writes to a pipe that nobody reads, and ends.
        os.close(pipe)
        _, status = os.waitpid(child, 0)
    return int(status != 0)


def say(error: object) -> None:
    """Tell why nothing was downloaded."""
    with contextlib.suppress(OSError):
        os.write(2, f"{error}\n".encode(errors="replace"))


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code."""
    url, name, max_bytes = arguments
    socket.setdefaulttimeout(SILENCE_S)
    try:
        # A job that is killed is over: what it has begun is for the next one, alone.
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        return download(url, name, int(max_bytes))
    except DownloadError as error:
        say(error)
    except OSError as error:
        say(f"{name}.part: {error.strerror}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
