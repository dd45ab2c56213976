"""Archives that take too much, and programs that would leave their directory: bounded, and nothing stays."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from containers.domain.layout import Layout
from containers.errors import Cancelled, InvalidRequest, SpocError
from containers.host import directories, imports, layers, progress
from containers.host.command import Runner
from tests.host.test_layers import Member, archive, member
from tests.support import traces
from tests.support.box import IDMAP_BASE, IDMAP_SIZE
from tests.support.recorder import KeepingRecorder
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

NAME = "limited"


@pytest.fixture
def place(layout: Layout) -> Iterator[Layout]:
    before = sorted(path.name for path in layout.layers.iterdir())
    yield layout
    layers.remove(layout, Runner(), NAME)
    assert sorted(path.name for path in layout.layers.iterdir()) == before


def run_import(layout: Layout, path: Path, *, runner: Runner | None = None, **limits: int) -> layers.Made:
    source = imports.open_source(path, [path.parent])
    return layers.import_source(layout, runner or Runner(), source, NAME, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE, **limits)


def test_very_many_entries_are_refused_while_they_come(place: Layout, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", *(member(f"f{number}", data=b"") for number in range(5000)))

    with pytest.raises(InvalidRequest, match="it has more than 1000 entries, which is the limit"):
        run_import(place, path, max_entries=1000)


def test_entries_that_the_stream_hides_from_the_count_are_found_in_the_tree(place: Layout, tmp_path: Path) -> None:
    """A pax header of more than a mebibyte is not read by us, but by tar: it says that nothing follows the next header."""
    info = tarfile.TarInfo("first")
    info.size, info.pax_headers = 512 * 60, {"comment": "x" * (2 << 20), "size": "0"}
    hidden = b"".join(tarfile.TarInfo(f"hidden{number}").tobuf() for number in range(60))
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.PAX_FORMAT) + hidden + bytes(10_240))

    with pytest.raises(InvalidRequest, match="it has more than 20 entries"):
        run_import(place, tmp_path / "a.tar", max_entries=20)


def test_a_sparse_bomb_is_refused(place: Layout, tmp_path: Path) -> None:
    (tmp_path / "bomb").touch()
    os.truncate(tmp_path / "bomb", 1 << 40)
    argv = ["tar", "--sparse", "--create", f"--file={tmp_path}/a.tar", "-C", tmp_path, "bomb"]
    subprocess.run(argv, check=True)

    with pytest.raises(InvalidRequest, match="File size limit exceeded"):
        run_import(place, tmp_path / "a.tar")


def test_many_sparse_files_are_as_long_as_they_say(place: Layout, tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"part{number}").touch()
        os.truncate(tmp_path / f"part{number}", 3_000_000)
    argv = ["tar", "--sparse", "--create", f"--file={tmp_path}/a.tar", "-C", tmp_path, *(f"part{number}" for number in range(4))]
    subprocess.run(argv, check=True)

    with pytest.raises(InvalidRequest, match="its files are more than 10000000 bytes long together"):
        run_import(place, tmp_path / "a.tar", max_bytes=10_000_000)


def test_a_tar_that_a_signal_ends_is_no_success(place: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at the very end, when all of the stream was taken."""
    (tmp_path / "killed.py").write_text(
        "import sys\nfrom containers.host import unpack\n"
        "unpack.TAR = ['/bin/sh', '-c', '/bin/cat > file; kill -9 $$']\nsys.exit(unpack.main(sys.argv[1:]))\n"
    )
    monkeypatch.setattr(layers, "_UNPACK", "killed")
    monkeypatch.setitem(layers.ENVIRONMENT, "PYTHONPATH", f"{tmp_path}:{layers.ENVIRONMENT['PYTHONPATH']}")

    with pytest.raises(InvalidRequest, match="Killed"):
        run_import(place, archive(tmp_path / "a.tar", member("x")))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (member("../x"), r"^\S+ cannot be made a layer: \S+: \.\./x: Member name contains '\.\.'$"),
        (member("h", kind=tarfile.LNKTYPE, link="/etc/shadow"), "^\\S+ cannot be made a layer: .*Cannot hard link to"),
    ],
)
def test_the_reason_is_tars_own_and_no_warning_before_it(place: Layout, tmp_path: Path, entry: Member, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        run_import(place, archive(tmp_path / "a.tar", entry))


@pytest.mark.parametrize("compress", [["cat"], ["gzip", "-1"]])
def test_what_goes_on_after_its_end_is_refused_in_these_words(place: Layout, tmp_path: Path, compress: list[str]) -> None:
    path = archive(tmp_path / "a.tar", member("x"))
    with (tmp_path / "b.tar").open("wb") as stream:
        subprocess.run(compress, input=path.read_bytes() + bytes(8 << 20), stdout=stream, check=True)

    with pytest.raises(InvalidRequest, match="cannot be made a layer: it goes on after its end"):
        run_import(place, tmp_path / "b.tar")


def test_a_header_that_asks_for_much_memory_is_refused(place: Layout, tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 6 << 30
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))

    with pytest.raises(InvalidRequest, match="memory exhausted|Cannot allocate|Unexpected EOF"):
        run_import(place, tmp_path / "a.tar")


def test_set_user_id_programs_and_capabilities_are_kept_and_give_nothing_on_the_host(place: Layout, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", member("bin/su", mode=0o6755, data=Path("/bin/id").read_bytes()))
    run_import(place, path)
    program = place.layer(NAME) / "bin/su"
    assert program.stat().st_mode & 0o7777 == 0o6755

    # Nobody but root gets there; and root of the host is not who it belongs to.
    with pytest.raises(PermissionError):
        subprocess.run([program], user=65_534, group=65_534, extra_groups=[], check=False)
    assert place.layers.stat().st_mode & 0o7777 == 0o700
    assert program.stat().st_uid == IDMAP_BASE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Layout]:
    """A stack of directories on a file system of 64 MiB, for 5,000 files."""
    base = tmp_path / "disk"
    base.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=5000,mode=711", "tmpfs", base], check=True)
    tmp_path.chmod(0o711)
    layout = Layout(base / "data", base / "log", base / "run")
    try:
        directories.ensure_layout(layout, web_gid=0, idmap_base=IDMAP_BASE)
        yield layout
        assert list(layout.layers.iterdir()) == []
    finally:
        subprocess.run(["umount", base], check=True)
    assert traces.mounts(base) == []


def test_an_archive_that_does_not_fit_is_refused_at_once_and_says_how_much_is_missing(small_disk: Layout, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", member("big", data=bytes(100 << 20)))

    with pytest.raises(InvalidRequest, match=r"the disk is too full: about (39|4\d)(\.\d)? MiB more must be free"):
        run_import(small_disk, path)


def test_a_disk_that_fills_in_the_middle_ends_the_import_and_nothing_stays(small_disk: Layout, tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.tar.gz", member("one", data=os.urandom(50 << 20)), member("two", data=os.urandom(50 << 20)), mode="w:gz"
    )
    free = os.statvfs(small_disk.layers).f_bavail

    with pytest.raises(InvalidRequest, match=r"the disk is too full: about \d+(\.\d)? MiB more must be free"):
        run_import(small_disk, path)

    assert os.statvfs(small_disk.layers).f_bavail == free


def test_a_file_system_without_room_for_more_files_ends_the_import(small_disk: Layout, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", *(member(f"f{number}", data=b"") for number in range(6000)))

    with pytest.raises(InvalidRequest, match="the file system has room for|No space left"):
        run_import(small_disk, path)


def test_progress_is_said_in_bytes_and_not_too_often(place: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL_S", 0)
    recorder = KeepingRecorder()
    path = archive(tmp_path / "a.tar", member("big", data=bytes(64 << 20)))

    run_import(place, path, runner=Runner(recorder))

    assert recorder.notes
    assert all(note.endswith(" of 64 MiB") for note in recorder.notes)


CONFINED = """
import errno, os, signal, socket, sys
from pathlib import Path
from containers.host.confine import confine, limit
outside = sys.argv[1]
confine(str(Path.cwd()))
limit(1000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
Path("inside").write_text("x")
for attempt in (
    lambda: Path(outside).write_text("x"),
    lambda: Path("/etc/spocweb-evil").write_text("x"),
    lambda: os.unlink(outside),
    lambda: os.chmod(outside, 0o777),
    lambda: Path("../evil").write_text("x"),
    lambda: os.mkdir("/dev/shm/evil"),
):
    try:
        attempt()
    except OSError as error:
        assert error.errno == errno.EROFS, error
    else:
        sys.exit(f"nothing kept it from {attempt}")
try:
    Path("long").write_bytes(bytes(2000))
except OSError as error:
    assert error.errno == errno.EFBIG, error
else:
    sys.exit("a file may be longer than the limit")
os.mknod("null", 0o20666, os.makedev(1, 3))
try:
    open("null", "w")
except PermissionError:
    pass
else:
    sys.exit("a device works")
with socket.socket() as sock:
    try:
        sock.connect(("127.0.0.1", 1))
    except OSError as error:
        assert error.errno == errno.ENETUNREACH, error
print("confined")
"""


def test_who_is_confined_writes_nowhere_else_has_no_devices_and_no_network(tmp_path: Path) -> None:
    """As root of the host, which the unpacking program itself is."""
    (tmp_path / "outside").write_text("x")
    (tmp_path / "in").mkdir()
    argv = [sys.executable, "-c", CONFINED, str(tmp_path / "outside")]
    environment = {**os.environ, "PYTHONPATH": layers.ENVIRONMENT["PYTHONPATH"]}
    result = subprocess.run(argv, cwd=tmp_path / "in", env=environment, capture_output=True, text=True, check=False)

    assert (result.stdout, result.stderr) == ("confined\n", "")
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(tmp_path) in line]


def test_tar_and_decompressor_are_no_root_of_the_host(place: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in tar's place says who it is, and cannot write to its parent directory."""
    script = "/usr/bin/id -u; /bin/cat /proc/self/uid_map; touch ../evil /etc/evil; touch here; /bin/cat > /dev/null"
    run = """
import sys
from containers.host import unpack
unpack.TAR = ["/bin/sh", "-c", sys.argv.pop(1)]
sys.exit(unpack.main(sys.argv[1:]))
"""
    inner = tmp_path / "layer"
    inner.mkdir(mode=0o755)
    os.chown(inner, IDMAP_BASE, IDMAP_BASE)
    (tmp_path / "report").touch()
    numbers = [str(number) for number in (IDMAP_BASE, IDMAP_SIZE, 1 << 20, 100)]
    with archive(tmp_path / "a.tar", member("x")).open("rb") as stdin:
        argv = [sys.executable, "-c", run, script, *numbers, str(tmp_path / "report")]
        environment = {"PYTHONPATH": layers.ENVIRONMENT["PYTHONPATH"], "PATH": "/bin"}
        result = subprocess.run(argv, cwd=inner, stdin=stdin, env=environment, capture_output=True, text=True, check=False)

    lines = result.stderr.splitlines()
    assert lines[0] == "0"
    assert lines[1].split() == ["0", str(IDMAP_BASE), str(IDMAP_SIZE)]
    assert "Read-only file system" in lines[2] or "Permission denied" in lines[2]
    assert [path.name for path in inner.iterdir()] == ["here"]
    assert not (tmp_path / "evil").exists()
    assert not Path("/etc/evil").exists()


def test_the_program_ends_with_whoever_started_it(place: Layout, tmp_path: Path) -> None:
    """kill -9 of the worker: neither tar nor decompressor go on, and what is there is removed by the next."""
    starter = """
import os, sys
from pathlib import Path
from containers.domain.layout import Layout
from containers.host import imports, layers
from containers.host.command import Runner
data, log, run, number = sys.argv[1:]
source = imports.Source(Path("slow"), int(number), is_directory=False)
layers.import_source(Layout(Path(data), Path(log), Path(run)), Runner(), source, "limited", idmap_base=100000, idmap_size=65536)
"""
    with archive(tmp_path / "a.tar", member("x", data=bytes(1 << 20))).open("rb") as stream:
        data = stream.read()
    read_end, write_end = os.pipe()
    argv = [sys.executable, "-c", starter, *map(str, (place.data_dir, place.log_dir, place.run_dir, read_end))]
    environment = {**os.environ, "PYTHONPATH": layers.ENVIRONMENT["PYTHONPATH"]}
    with subprocess.Popen(argv, pass_fds=[read_end], env=environment, stderr=subprocess.DEVNULL) as process:
        os.write(write_end, data[:2048])
        wait_until(lambda: list(place.layers.glob(".unfinished-*")), "it has begun")
        [half] = place.layers.glob(".unfinished-*")
        wait_until(lambda: busy_in(half), "programs run in it")
        process.kill()
    os.close(write_end)
    os.close(read_end)
    wait_until(lambda: not busy_in(half), "they ended")

    layers.remove_unfinished(place)
    assert not half.exists()


def busy_in(path: Path) -> list[str]:
    """Processes whose working directory is there, seen through a mount namespace or not."""
    status = path.stat() if path.exists() else None
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and status:
            try:
                cwd = (process / "cwd").stat()
            except OSError:
                continue
            if (cwd.st_dev, cwd.st_ino) == (status.st_dev, status.st_ino):
                found.append(process.name)
    return found


def test_a_cancel_in_the_middle_leaves_nothing(place: Layout, tmp_path: Path) -> None:
    cancel = threading.Event()
    read_end, write_end = os.pipe()
    source = imports.Source(Path("slow"), read_end, is_directory=False)

    def feed() -> None:
        with archive(tmp_path / "a.tar", member("x", data=bytes(1 << 20))).open("rb") as stream:
            os.write(write_end, stream.read(2048))
        wait_until(lambda: list(place.layers.glob(".unfinished-*")), "it has begun")
        cancel.set()

    thread = threading.Thread(target=feed)
    thread.start()
    with pytest.raises(Cancelled):
        layers.import_source(place, Runner(None, cancel), source, NAME, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE)
    thread.join()
    os.close(write_end)


@pytest.mark.parametrize("compress", [["gzip"], ["xz"], ["zstd", "-q"], ["bzip2"], ["cat"]], ids=lambda argv: argv[0])
def test_a_stream_that_is_cut_anywhere_is_refused(place: Layout, tmp_path: Path, compress: list[str]) -> None:
    plain = archive(tmp_path / "a.tar", member("x", data=os.urandom(200_000)), member("y", data=b"y" * 3000))
    argv = [*compress, *(["-c"] if compress != ["cat"] else [])]
    whole = subprocess.run(argv, input=plain.read_bytes(), capture_output=True, check=True)
    for part in (0.3, 0.7, 0.95):
        (tmp_path / "cut").write_bytes(whole.stdout[: int(len(whole.stdout) * part)])
        with pytest.raises(InvalidRequest):
            run_import(place, tmp_path / "cut")


NAMES = st.sampled_from(
    ["a", "b", "a/b", "../x", "/etc/spocweb-evil", "a/../../x", ".wh.a", "a/.wh..wh..opq", "dev/x", "", ".", "a" * 300]
)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
MEMBERS = st.lists(
    st.builds(
        lambda name, kind, link, mode: member(name, kind, link=link, mode=mode),
        NAMES,
        KINDS,
        st.sampled_from(["a", "..", "/etc", "/etc/passwd", "../../../../etc"]),
        st.sampled_from([0o644, 0o7777, 0]),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MEMBERS, st.none() | st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=30)))
def test_no_archive_does_anything_outside_or_leaves_anything(
    layout: Layout, tmp_path: Path, members: list[Member], spoiled: tuple[int, bytes] | None
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    raw = bytearray(buffer.getvalue())
    if spoiled:
        raw[spoiled[0] : spoiled[0] + len(spoiled[1])] = spoiled[1]
    (tmp_path / "fuzz.tar").write_bytes(raw)
    before = snapshot(layout)

    # Anything but a SpocError fails the test.
    with contextlib.suppress(SpocError):
        run_import(layout, tmp_path / "fuzz.tar")
    layers.remove(layout, Runner(), NAME)

    assert snapshot(layout) == before


def snapshot(layout: Layout) -> list[object]:
    passwd = Path("/etc/passwd").stat()
    return [
        sorted(path.name for path in layout.layers.iterdir()),
        sorted(path.name for path in layout.data_dir.iterdir()),
        sorted(path.name for path in Path("/etc").iterdir()),
        (passwd.st_mtime_ns, passwd.st_nlink, passwd.st_mode),
    ]


ARCHIVES = sorted((Path(__file__).parent / "archives").glob("*.tar.gz"))


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def test_hostile_archives_are_refused_or_do_nothing(place: Layout, path: Path) -> None:
    before = snapshot(place)
    source = imports.open_source(path, [path.parent])
    runner = Runner()
    if path.name.startswith("refused"):
        with pytest.raises(InvalidRequest) as caught:
            layers.import_source(place, runner, source, NAME, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE)
        assert "\n" not in caught.value.brief
        assert "Traceback" not in caught.value.details
    else:
        layers.import_source(place, runner, source, NAME, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE)
        top = place.layer(NAME)
        assert {entry.lstat().st_uid for entry in (top, *top.rglob("*"))} <= set(range(IDMAP_BASE, IDMAP_BASE + IDMAP_SIZE))
        assert not [entry for entry in (top, *top.rglob("*")) if "trusted.overlay.redirect" in attributes(entry)]
        layers.remove(place, runner, NAME)
    assert snapshot(place) == before


def attributes(path: Path) -> list[str]:
    return os.listxattr(path, follow_symlinks=False)
