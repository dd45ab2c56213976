"""Figure 4: the list of a thousand containers, as a page and from the API."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from bench import starts
from bench.client import SESSION, Client
from bench.panel import Panel, definition
from bench.report import Figure, Report
from bench.samples import shown_ms

CONTAINERS = 1_000
FEW = 50
PAGE = "/containers/"
API = "/api/v1/containers/"
LIMIT_QUERIES, LIMIT_MS = 10, 100


def measure(panel: Panel, *, requests: int, seconds: int) -> Report:
    """Fill a panel by import; the creations are done before anything is measured."""
    report = Report()
    browser = Client(panel.url, {"Cookie": f"{SESSION}={panel.session}"})
    _fill(panel, 0, FEW)
    report.note(f"list page with {FEW} rows, 8 connections", _rate(panel, seconds))
    took = _fill(panel, FEW, CONTAINERS)
    report.note(f"import and creation of {CONTAINERS - FEW} containers", f"{took:.1f} s")
    queries = _queries(panel)
    page = _time(browser, PAGE, requests)
    report.figures += _figures("list page", page, queries[PAGE])
    first = _time(panel.api, API, requests)
    report.figures += _figures("API list, a page of 100,", first, queries[API])
    whole = _time_whole(panel.api)
    report.note(
        f"API list, all {CONTAINERS:,} in {len(whole)} requests", f"{sum(whole):.2f} s, slowest {max(whole) * 1000:.0f} ms"
    )
    report.note("`GET /api/v1/export/`", shown_ms(_time(panel.api, "/api/v1/export/", max(3, requests // 10))))
    container = panel.container(_name(0))
    starting = [starts.start_by_api(panel, container).running_s for _ in range(max(3, requests // 10))]
    report.note(f"API call `start` → RUNNING among {CONTAINERS:,} containers", shown_ms(starting))
    browser.close()
    return report


def _figures(what: str, times: list[float], queries: int) -> Iterator[Figure]:
    yield Figure(f"{what} with {CONTAINERS:,} containers: queries", f"{queries}", queries, LIMIT_QUERIES)
    milliseconds = median(times) * 1000
    yield Figure(f"{what} with {CONTAINERS:,} containers: time", shown_ms(times), milliseconds, LIMIT_MS, "ms")


def _fill(panel: Panel, first: int, end: int) -> float:
    """Import containers and wait for their creation; return how long both took."""
    since = time.monotonic()
    document: dict[str, dict[str, Any]] = {"containers": {}, "settings": {}}
    for number in range(first, end):
        document["containers"][_name(number)] = _definition(number)
        document["settings"][_name(number)] = _settings(number)
    file = panel.base / "import.json"
    file.write_text(json.dumps(document))
    said = panel.manage("import", "--no-wait", str(file))
    found = re.search(r"job (\d+)", said)
    if found is None:
        raise RuntimeError(f"import said {said!r}")
    panel.database.wait_job(int(found[1]))
    return time.monotonic() - since


def _name(number: int) -> str:
    return f"service-{number:04}"


def _definition(number: int) -> dict[str, Any]:
    """Chains of five, a volume in every other one, and some environment."""
    more: dict[str, Any] = {"env": {"SERVICE": _name(number), "LANG": "C.UTF-8"}, "ready": "test -d /proc/1"}
    if number % 5:
        more["depends"] = [_name(number - 1)]
    if number % 2:
        more["mounts"] = {f"{_name(number)}-data": "srv/data"}
    return definition(**more)


def _settings(number: int) -> dict[str, Any]:
    more: dict[str, Any] = {"description": f"Service number {number} of this host", "autostart": number % 3 == 0}
    return more | ({"limits": {"memory_bytes": 256 << 20, "cpus": 1.5}} if number % 4 == 0 else {})


def _queries(panel: Panel) -> Mapping[str, int]:
    """Count in a process of its own, on the same database."""
    argv = [sys.executable, "-m", "bench.queries", panel.session, panel.token, PAGE, API]
    done = subprocess.run(argv, env=panel.child_environment, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"counting queries failed: {done.stderr}")
    counted: dict[str, int] = json.loads(done.stdout)
    return counted


def _time(client: Client, path: str, requests: int) -> list[float]:
    # All workers have served it before anything counts.
    for _ in range(10):
        client.close()
        client.get(path)
    return [_time_one(client, path) for _ in range(requests)]


def _time_one(client: Client, path: str) -> float:
    since = time.monotonic()
    client.get(path)
    return time.monotonic() - since


def _time_whole(client: Client) -> list[float]:
    """Follow `next` to the end, as who wants all of them does."""
    times = []
    path = API
    while path:
        since = time.monotonic()
        answer = json.loads(client.get(path))
        times.append(time.monotonic() - since)
        path = "" if answer["next"] is None else API + "?" + answer["next"].partition("?")[2]
    return times


def _rate(panel: Panel, seconds: int) -> str:
    """Return the requests in a second, by wrk where it is installed."""
    if shutil.which("wrk") is None:
        return "not measured: `wrk` is not installed"
    argv = ["wrk", "-t1", "-c8", f"-d{seconds}s", "-H", f"Cookie: {SESSION}={panel.session}", f"{panel.url}{PAGE}"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if rate is None or "Non-2xx" in said:
        raise RuntimeError(f"wrk said {said!r}")
    return f"{float(rate[1]):.0f} requests/s"
