"""The whole set of processes, started as `make run` starts it, with directories, bridge and port of its own.

Tests reach it from outside only: over HTTP, with management commands and LXC's tools, and by ending its processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from containers.domain.layout import Layout
from tests import environment
from tests.support import lxc
from tests.support.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parent.parent.parent
PYTHON = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "DJANGO_SETTINGS_MODULE": "spocweb.settings"}
# What a job can be when nothing more will happen to it.
ENDED = {"succeeded", "failed", "errored", "cancelled", "lost"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@cache
def migrated() -> Path:
    """Return a database with all tables and nobody in it, made once for all stacks of this process: it takes seconds."""
    file = Path(os.environ["SPOCWEB_DATA_DIR"]) / "migrated.sqlite3"
    run_manage(os.environ | {"SPOCWEB_DATABASE_URL": f"sqlite:///{file}"}, "migrate", "--verbosity", "0")
    return file


def run_manage(environ: Mapping[str, str], *args: str, check: bool = True) -> str:
    """Run a management command in a process of its own, and return what it printed."""
    argv = [sys.executable, "-m", "manage", *args]
    result = subprocess.run(
        argv, env={**environ, **PYTHON}, cwd="/", capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert not check or result.returncode == 0, f"{args} ended with {result.returncode}: {result.stdout}{result.stderr}"
    return result.stdout


class Stack:
    """A stack of its own. `start`, then use; `close` ends it and asserts that nothing is left."""

    def __init__(self, **variables: str) -> None:
        self._slot, self._slot_file = environment.take_slot()
        self.base = environment.make_base(self._slot)
        self.variables = environment.environment(self.base, self._slot) | variables
        self.url = f"http://{self.variables['SPOCWEB_BIND']}"
        self.layout = Layout(data_dir=self.base / "data", log_dir=self.base / "log", run_dir=self.base / "run")
        self.password = ""
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self.variables["SPOCWEB_BIND"].rpartition(":")[2])

    @property
    def log(self) -> Path:
        """What `make run` would have printed."""
        return self.base / "output"

    @property
    def database_file(self) -> Path:
        return self.base / "data/db/spocweb.sqlite3"

    @property
    def _environment(self) -> dict[str, str]:
        keep = {name: value for name, value in os.environ.items() if not name.startswith("SPOCWEB_") or "NODE" in name}
        return keep | PYTHON | self.variables

    def start(self, *, from_nothing: bool = False) -> None:
        """Start it, wait until it answers, and get a token; its tables are made already, unless `from_nothing`."""
        if not (self.database_file.exists() or from_nothing):
            self.database_file.parent.mkdir(mode=0o700)
            shutil.copyfile(migrated(), self.database_file)
        with self.log.open("ab") as output:
            at = output.tell()
            argv = [sys.executable, "-m", "manage", "run"]
            self._process = subprocess.Popen(argv, env=self._environment, cwd="/", stdout=output, stderr=output)
        wait_until(lambda: self._has_said(b"spocweb is ready", at), "the stack is ready")
        if found := re.search(r"Password +(\S+)", self.log.read_text()):
            self.password = found[1]
        if not self.token:
            self.token = self.manage("createtoken", "admin").split()[-1]

    def _has_said(self, text: bytes, since: int) -> bool:
        assert self._process is not None
        said = self.log.read_bytes()[since:]
        assert self._process.poll() is None, f"it ended with {self._process.returncode}:\n{said.decode()}"
        return text in said

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it as Ctrl-C or a service manager would; return its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(timeout=PATIENCE_S)
        self._process = None
        return code

    def close(self) -> None:
        """End everything and remove it; fail if anything is left of it."""
        if self._process is not None:
            self.stop()
        lxc.remove_all(self.layout)
        left = lxc.leftovers(self.layout)
        self.manage("uninstall")
        environment.remove_base(self.base)
        self._slot_file.close()
        assert left == []

    def manage(self, *args: str, check: bool = True) -> str:
        """Run a management command as root, and return what it printed."""
        return run_manage(self._environment, *args, check=check)

    def call(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Answer:
        """Call the API; whatever it answers is returned."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data=data, method=method)  # noqa: S310
        request.add_header("Authorization", f"Bearer {self.token if token is None else token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def answers(self) -> bool:
        try:
            return self.call("GET", "/containers/").status == 200
        except urllib.error.URLError:
            return False

    def get(self, path: str) -> Any:
        """Return the JSON at `path`."""
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def do(self, method: str, path: str, body: object = None, *, timeout_s: float = PATIENCE_S) -> Any:
        """Ask for host work, wait for its job and return it as it ended."""
        answer = self.call(method, path, body)
        assert answer.status in {201, 202}, answer
        return self.ended(answer.json["job"], timeout_s=timeout_s)

    def job(self, job_id: int) -> Any:
        return self.get(f"/jobs/{job_id}/")

    def ended(self, job_id: int, *, timeout_s: float = PATIENCE_S) -> Any:
        def look() -> Any:
            job = self.job(job_id)
            return job if job["state"] in ENDED else None

        return wait_until(look, f"job {job_id} has ended", timeout_s=timeout_s)

    def add_layer(self, name: str = "base") -> None:
        """Import a layer made of the host's busybox."""
        source = Path(self.variables["SPOCWEB_IMPORT_DIRS"]) / name
        for directory in ("bin", "proc", "sys", "dev", "tmp", "etc", "root", "srv", "run"):
            (source / directory).mkdir(parents=True)
        (source / "tmp").chmod(0o1777)
        busybox = source / "bin/busybox"
        busybox.write_bytes(Path("/bin/busybox").read_bytes())
        busybox.chmod(0o755)
        for applet in lxc.run("/bin/busybox", "--list").split():
            if applet != "busybox":
                (source / "bin" / applet).symlink_to("busybox")
        (source / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        (source / "etc/group").write_text("root:x:0:\nnobody:x:65534:\n")
        archive = source.with_suffix(".tar.gz")
        lxc.run("tar", "-czf", str(archive), "-C", str(source), ".")
        job = self.do("POST", "/layers/", {"name": name, "path": str(archive)})
        assert job["state"] == "succeeded", job

    def add(self, name: str, **more: Any) -> Any:
        """Create a container and wait until it is on the host; what is no key of a definition goes beside it."""
        keys = ("autostart", "protected", "limits", "timeouts", "description")
        beside: dict[str, Any] = {key: more.pop(key) for key in keys if key in more}
        definition = {"layers": ["base"], "cmd": "/bin/sleep 1000", "halt": "SIGKILL", **more}
        job = self.do("POST", "/containers/", {"name": name, "definition": definition, **beside})
        assert job["state"] == "succeeded", job
        return self.get(f"/containers/{name}/")

    def state(self, name: str) -> str:
        """What the panel says."""
        return str(self.get(f"/containers/{name}/")["state"])

    def processes(self) -> dict[int, str]:
        """The process ids of the stack, each with its command line; containers are not among them."""
        assert self._process is not None
        found: dict[int, str] = {}
        todo = [self._process.pid]
        while todo:
            pid = todo.pop()
            try:
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                # A child belongs to the thread that started it.
                for children in Path(f"/proc/{pid}/task").glob("*/children"):
                    todo += [int(child) for child in children.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def pids(self, pattern: str) -> list[int]:
        """Process ids of the stack whose command line matches."""
        return sorted(pid for pid, line in self.processes().items() if re.search(pattern, line))

    def parent(self, pid: int) -> int:
        """Return the number of a process' parent."""
        return int(re.search(r"^PPid:\s+(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1])  # type: ignore[index]
