"""Says whether this host has what containers need, and what to do where it does not."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.color import Style

from containers.domain.layout import Layout
from containers.host import doctor
from containers.host.doctor import Finding, Level
from containers.management.unchecked import UncheckedCommand


class Command(UncheckedCommand):
    help = "Checks kernel, tools, id map, directories and network, and says what to do about each finding."

    def handle(self, *args: object, **options: object) -> None:
        findings = doctor.examine(
            Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR),
            bridge=settings.BRIDGE,
            subnet=settings.SUBNET,
            idmap_base=settings.IDMAP_BASE,
            idmap_size=settings.IDMAP_SIZE,
        )
        for finding in findings:
            self.stdout.write(_told(finding, self.style))
        if errors := sum(finding.level == Level.ERROR for finding in findings):
            raise CommandError(f"{errors} of {len(findings)} findings are errors")


_STYLES: Final = {Level.OK: "SUCCESS", Level.WARNING: "WARNING", Level.ERROR: "ERROR"}


def _told(finding: Finding, style: Style) -> str:
    paint = getattr(style, _STYLES[finding.level])
    line = f"{paint(f'{finding.level:<8}')}{finding.title}: {finding.detail}"
    return line if finding.level == Level.OK or not finding.advice else f"{line}\n{'':8}{finding.advice}"
