from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from containers.domain.layout import Layout
from containers.host import doctor
from containers.host.doctor import Finding, Level

WELL = Finding(Level.OK, "LXC", "5.0.2", "apt install lxc")
DOUBTFUL = Finding(Level.WARNING, "AppArmor", "is off", "Boot with apparmor=1")
BAD = Finding(Level.ERROR, "Overlay", "is missing", "modprobe overlay")


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is found, by test, and what the host layer was asked."""
    given: dict[str, Any] = {"findings": []}

    def examine(layout: Layout, **more: Any) -> list[Finding]:
        given["asked"] = (layout, more)
        return list(given["findings"])

    monkeypatch.setattr(doctor, "examine", examine)
    return given


def run() -> str:
    stdout = io.StringIO()
    call_command("doctor", stdout=stdout, no_color=True)
    return stdout.getvalue()


def test_findings_are_told_with_advice_where_it_is_needed(examined: dict[str, Any]) -> None:
    examined["findings"] = [WELL, DOUBTFUL]
    assert run().splitlines() == ["ok      LXC: 5.0.2", "warning AppArmor: is off", "        Boot with apparmor=1"]


def test_an_error_fails_the_command_after_all_is_told(examined: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    examined["findings"] = [BAD, WELL]
    with pytest.raises(CommandError, match="1 of 2 findings are errors"):
        call_command("doctor", no_color=True)
    assert capsys.readouterr().out.splitlines() == [
        "error   Overlay: is missing",
        "        modprobe overlay",
        "ok      LXC: 5.0.2",
    ]


def test_it_asks_about_this_host(examined: dict[str, Any]) -> None:
    run()
    layout = Layout(data_dir=django_settings.DATA_DIR, log_dir=django_settings.LOG_DIR, run_dir=django_settings.RUN_DIR)
    more = {
        "bridge": django_settings.BRIDGE,
        "subnet": django_settings.SUBNET,
        "idmap_base": django_settings.IDMAP_BASE,
        "idmap_size": django_settings.IDMAP_SIZE,
    }
    assert examined["asked"] == (layout, more)


def test_it_looks_at_the_real_host_without_a_database(settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No directories were made here, so it fails: but with findings, not with a traceback."""
    settings.DATA_DIR = tmp_path / "data"
    with pytest.raises(CommandError, match="findings are errors"):
        call_command("doctor", no_color=True)
    output = capsys.readouterr().out
    assert f"error   Directories: missing: {tmp_path}/data/containers" in output
    assert "ok      LXC: " in output
