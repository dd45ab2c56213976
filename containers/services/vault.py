"""Secrets that the database holds sealed: a copy of it alone gives nothing away.

Fernet (AES-128-CBC with HMAC-SHA256, github.com/fernet/spec) with the keys in `settings.VAULT_FILE`, one a line, newest first,
which root writes and the web process may read. The file is read at each use: a rotation needs no restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.conf import settings
from django.db import models, transaction

from containers.choices import ACTIVE_JOB_STATES
from containers.errors import HostError
from containers.models import Job, SealedTextField

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_CHUNK: Final = 200
# Of an authenticator app, and of recovery codes.
_FACTOR_SECRETS: Final = ("secret", "seed")


def seal(text: str) -> str:
    """Return `text` so that it can be stored, in ASCII, some 4/3 as long and 100 characters; sealing twice gives two texts."""
    return _box().encrypt(text.encode()).decode()


def open(sealed: str) -> str:  # noqa: A001  the word of the field; said as `vault.open`
    """Return what was sealed. Raises HostError for what was changed or was sealed with a key that is not there (any more)."""
    from cryptography.fernet import InvalidToken

    try:
        return _box().decrypt(sealed.encode()).decode()
    except (InvalidToken, UnicodeError):
        raise HostError(
            "A secret in the database cannot be opened: it was changed, or its key is missing",
            resolution=f"Bring {settings.VAULT_FILE} back from the backup that the database is from",
        ) from None


def keys() -> list[str]:
    """Return the keys, newest first. Raises HostError."""
    try:
        return [line for line in settings.VAULT_FILE.read_text(encoding="ascii").splitlines() if line]
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f"{settings.VAULT_FILE} cannot be read: {error}") from error


def reseal() -> int:
    """Seal everything that a SealedTextField, a second factor or a job that goes on holds with the newest key; return how many.

    Safe to repeat. What a job has held that has ended is in the audit trail as it was, and needed no more.
    """
    fields = sum(_reseal(model, field.attname) for model in apps.get_models() for field in _sealed(model))
    factors = sum(_reseal_factor(key) for key in Authenticator.objects.order_by("pk").values_list("pk", flat=True))
    jobs = _going_on().filter(inputs__has_key="sealed").order_by("pk")
    return fields + factors + sum(_reseal_job(key) for key in jobs.values_list("pk", flat=True))


def _sealed(model: type[models.Model]) -> Iterator[SealedTextField]:
    return (field for field in model._meta.concrete_fields if isinstance(field, SealedTextField))


def _reseal(model: type[Any], column: str) -> int:
    rows = model.objects.exclude(**{column: ""}).order_by("pk")
    count = 0
    for key in rows.values_list("pk", flat=True).iterator(_CHUNK):
        with transaction.atomic():
            # Locked where the database can: what somebody saves meanwhile stays.
            row = model.objects.select_for_update().filter(pk=key).values_list(column, flat=True).first()
            if row:
                model.objects.filter(pk=key).update(**{column: _box().rotate(row.encode()).decode()})
                count += 1
    return count


def _reseal_factor(key: int) -> int:
    """django-allauth keeps what is sealed among the rest of a second factor's data."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().filter(pk=key).first()
        held = [name for name in _FACTOR_SECRETS if row and row.data.get(name)]
        if row and held:
            row.data |= {name: _box().rotate(row.data[name].encode()).decode() for name in held}
            row.save(update_fields=["data"])
    return len(held)


def _going_on() -> models.QuerySet[Job]:
    return Job.objects.filter(state__in=ACTIVE_JOB_STATES)


@transaction.atomic
def _reseal_job(key: int) -> int:
    """Answers to a restoration: its handler opens them when its turn comes, which may be after the next rotation."""
    row = _going_on().select_for_update().filter(pk=key).first()
    if row is None:
        return 0
    row.inputs |= {"sealed": _box().rotate(row.inputs["sealed"].encode()).decode()}
    row.save(update_fields=["inputs"])
    return 1


def _box() -> MultiFernet:
    return _box_of(tuple(keys()))


@lru_cache(maxsize=2)
def _box_of(known: tuple[str, ...]) -> MultiFernet:
    # Loaded when there is a secret: many processes never see one.
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in known])
    except ValueError as error:
        raise HostError(f"{settings.VAULT_FILE} holds what is no key: {error}") from error
