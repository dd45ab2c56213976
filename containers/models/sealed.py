"""Columns of secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

__all__ = ["SealedTextField"]


if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class SealedTextField(TextField):
    """What `services.vault.seal` returned, or nothing. A type of its own, so that a rotation of keys finds every one."""
