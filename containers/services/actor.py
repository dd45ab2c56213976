"""Who asks for something, from where, and by which way: a value that every use case takes first."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from containers.choices import Via
from containers.models import Job


@dataclass(frozen=True)
class Actor:
    """`user` is None where root on the host or spocweb itself acts; `name` then says who."""

    user: User | None
    via: Via
    remote_address: str | None = None
    name: str = ""
    # Of the request that asks; everything that it does is recorded with it.
    request_id: str = ""
    # That acts in somebody's name; everything that it does is recorded with it, too.
    job: Job | None = None

    @property
    def user_name(self) -> str:
        """Return the name that records keep when the account goes."""
        return self.user.get_username() if self.user else self.name


def of_job_as_read(job: Job) -> Actor:
    """Return who asked for a job, as it was when its row was read: to ask what he may, at no query more."""
    return _asker(job, job.user)


def of_job(job: Job) -> Actor:
    """Return who asked for a job, for what is written in his name: an account may be gone since, its name stays. One query."""
    return _asker(job, User.objects.filter(pk=job.user_id).first() if job.user_id else None)


def _asker(job: Job, user: User | None) -> Actor:
    via = Via(job.via) if job.via in Via else Via.WEB
    return Actor(user, via, job.remote_address, job.user_name, job=job)


def of_request(request: HttpRequest, user: User | AnonymousUser, via: Via) -> Actor:
    """Return who sent `request`; an anonymous user may be passed and is nobody."""
    known = user if isinstance(user, User) else None
    return Actor(known, via, _address(request.META.get("REMOTE_ADDR", "")), request_id=getattr(request, "request_id", ""))


def _address(text: str) -> str | None:
    """Return an address that the database takes; over a unix socket there is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
