"""Figures of images: importing a Debian against `tar -x` of the same archive, and starts from many layers."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.panel import Panel
from bench.report import Figure, Report
from bench.samples import ratio, shown_ms, shown_s
from bench.starts import start_by_api
from tests.support import debian

LAYER = "bench-debian"
LIMIT = 1.5
STACKS = (1, 10, 40)
PROGRAMS = ("containers.host.unpack", "/usr/bin/tar")
SAMPLE_S = 0.05


def measure(panel: Panel, *, imports: int, starts: int) -> Report:
    report = _imports(panel, imports)
    _starts(panel, report, starts)
    return report


def _imports(panel: Panel, count: int) -> Report:
    archive = Path(panel.variables["SPOCWEB_IMPORT_DIRS"]) / "debian.tar"
    shutil.copyfile(debian.base_archive(), archive)
    peaks: dict[str, int] = {}
    pairs = [_pair(panel, archive, peaks, swap=bool(number % 2)) for number in range(count)]
    measured = f"{shown_s([first for first, _ in pairs])} against {shown_s([second for _, second in pairs])}, {count} pairs"
    name = f"import of a Debian base of {archive.stat().st_size / 1e6:.0f} MB, API call → job ended, ÷ `tar -x` of the archive"
    report = Report([Figure(name, measured, ratio(pairs), LIMIT, "×")])
    report.note("most memory of the unpacking programs", ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in peaks.items()))
    archive.unlink()
    return report


def _pair(panel: Panel, archive: Path, peaks: dict[str, int], *, swap: bool) -> tuple[float, float]:
    """Import and unpack once; who is first alternates."""
    if swap:
        unpacked = _by_tar(panel, archive)
        return _by_import(panel, archive, peaks), unpacked
    return _by_import(panel, archive, peaks), _by_tar(panel, archive)


def _by_import(panel: Panel, archive: Path, peaks: dict[str, int]) -> float:
    with _watching(peaks):
        since = time.monotonic()
        job = panel.request("/layers/", {"name": LAYER, "path": str(archive)})
        took = panel.database.wait_job(job) - since
    panel.do("DELETE", f"/layers/{LAYER}/")
    panel.database.wait_quiet()
    return took


def _by_tar(panel: Panel, archive: Path) -> float:
    """Unpack on the same file system, without a user namespace, a hash or a look at what is there."""
    directory = tempfile.mkdtemp(dir=panel.layout.data_dir)
    since = time.monotonic()
    subprocess.run(["tar", "-x", "-f", archive, "-C", directory], check=True)
    took = time.monotonic() - since
    shutil.rmtree(directory)
    return took


@contextmanager
def _watching(peaks: dict[str, int]) -> Iterator[None]:
    """Note how much memory the programs of an import had at most."""
    end = threading.Event()

    def watch() -> None:
        while not end.wait(SAMPLE_S):
            for name, size in _sizes():
                peaks[name] = max(peaks.get(name, 0), size)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _sizes() -> Iterator[tuple[str, int]]:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_text().split("\0")
            name = next((name for name in PROGRAMS if name in words), None)
            status = (process / "status").read_text().splitlines()
        except OSError:
            continue
        peak = next((int(line.split()[1]) for line in status if line.startswith("VmHWM")), 0)
        if name:
            yield name.rpartition("/")[2].rpartition(".")[2], peak * 1024


def _starts(panel: Panel, report: Report, count: int) -> None:
    names = [f"bench-{number}" for number in range(1, max(STACKS))]
    for name in names:
        _add_small_layer(panel, name)
    for size in STACKS:
        container = f"bench-stack-{size}"
        panel.add(container, layers=["base", *names[: size - 1]])
        samples = [start_by_api(panel, panel.container(container)).running_s for _ in range(count)]
        report.note(f"API call `start` → RUNNING from a stack of {size}", shown_ms(samples))
        panel.destroy([container])


def _add_small_layer(panel: Panel, name: str) -> None:
    archive = Path(panel.variables["SPOCWEB_IMPORT_DIRS"]) / f"{name}.tar"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo(f"srv/{name}")
        info.size = len(name)
        tar.addfile(info, io.BytesIO(name.encode()))
    panel.finish("/layers/", {"name": name, "path": str(archive)})
    archive.unlink()
