"""What a person does to sign in and to show who it is, and what an authenticator app computes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

from django.contrib.auth.models import User
from django.test import Client

PASSWORD = "correct-horse-battery"  # noqa: S105


def code(secret: str, *, steps: int = 0) -> str:
    """Return what an app shows for `secret`, now or so many half minutes later (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def sign_in(client: Client, user: User) -> Client:
    """Sign in, as if by the password a moment ago."""
    client.force_login(user)
    return show_again(client, user)


def show_again(client: Client, user: User, *, seconds_ago: float = 0) -> Client:
    """Let the session say that its owner has shown who it is."""
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - seconds_ago}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client
