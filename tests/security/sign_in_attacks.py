"""What somebody can try who has no right to come in, or has come in as somebody else: sign-in, sessions, tokens, addresses.

Played like the attacks on root (`tests.security.attacks`), against the pages and the API; SECURITY.md names every one of them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.cache import cache
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client
from django.utils import timezone

from containers.choices import ContainerState
from containers.models import ApiToken, Job
from containers.services import access, accounts, factors, signing, token_terms, tokens
from containers.services import confirming as confirmations
from containers.services.token_terms import Terms
from containers.views import confirming, stages
from containers.views.adapters import FactorAdapter
from spocweb import asgi, proxies
from tests.security.attacks import Attack, World
from tests.support import rows
from tests.support.signing import PASSWORD, code, show_again, sign_in

API = "/api/v1"
_numbers = itertools.count(1)


def _person() -> User:
    """Somebody whom no attack before has touched."""
    return User.objects.create_user(f"anna{next(_numbers)}", password=PASSWORD)


def _victim() -> str:
    return rows.container(f"victim-{next(_numbers)}", state=ContainerState.STOPPED).name


def _browser(person: User, password: str = PASSWORD) -> Client:
    """A browser in which somebody has said the password."""
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.post("/sign-in/", {"username": person.get_username(), "password": password})
    return client


def _is_in(client: Client) -> bool:
    return bool(client.get(f"{API}/tokens/").status_code != 401)


# Coming in


def guessed_password(world: World) -> bool:
    """The right one at last, after as many wrong ones as somebody may be wrong."""
    person = _person()
    for _again in range(signing.MOST_FOR_BOTH):
        _browser(person, "wrong-wrong-wrong")
    return _is_in(_browser(person))


def password_alone(world: World) -> bool:
    """A password that leaked, of somebody who has a second factor."""
    person = _person()
    TOTP.activate(person, generate_totp_secret())
    return _is_in(_browser(person))


def code_used_again(world: World) -> bool:
    """The code that was read over the shoulder, in the same half minute, at a process that has not seen it."""
    person, secret = _person(), generate_totp_secret()
    TOTP.activate(person, secret)
    owner, thief, shown = _browser(person), _browser(person), code(secret, steps=1)
    owner.post("/sign-in/code/", {"code": shown})
    cache.clear()
    thief.post("/sign-in/code/", {"code": shown})
    return _is_in(owner) and _is_in(thief)


def key_from_the_database(world: World) -> bool:
    secret = generate_totp_secret()
    TOTP.activate(_person(), secret)
    return any(secret in str(row) for row in Authenticator.objects.values())


def _no_pace(world: World, patch: Any) -> None:
    patch.setattr(signing, "check_pace", lambda *args, **more: None)


def _no_second_factor(world: World, patch: Any) -> None:
    patch.setattr(stages, "is_mfa_enabled", lambda user: False)


def _codes_for_ever(world: World, patch: Any) -> None:
    patch.setattr(factors, "_use_up", lambda factor, code: True)


def _unsealed(world: World, patch: Any) -> None:
    patch.setattr(FactorAdapter, "encrypt", lambda self, text: text)


# Sessions


def ended_session(world: World) -> bool:
    """A stolen session goes on after its owner has ended it."""
    person = _person()
    stolen, owner = _browser(person), _browser(person)
    owner.post("/security/sessions/end/")
    return _is_in(owner) and _is_in(stolen)


def session_of_the_old_password(world: World) -> bool:
    person = _person()
    stolen = _browser(person)
    accounts.set_password(rows.ROOT, person, "another-horse-battery")
    return _is_in(stolen)


def unconfirmed_removal(world: World) -> bool:
    """A browser that was left open removes a container, by the page and by the API."""
    client, name = show_again(sign_in(Client(), world.operator), world.operator, seconds_ago=601), _victim()
    client.post(f"/containers/{name}/delete/", {"confirm": name})
    if not Job.objects.filter(operation="destroy").exists():
        client.delete(f"{API}/containers/{name}/")
    return Job.objects.filter(operation="destroy").exists()


def forged_form(world: World) -> bool:
    """Another site has the browser send something: it has the session, and no token of a page of ours."""
    client, name = sign_in(Client(enforce_csrf_checks=True), world.operator), _victim()
    before = Job.objects.count()
    client.post(f"/containers/{name}/start/")
    if Job.objects.count() == before:
        client.post(f"{API}/containers/{name}/start/", "{}", content_type="application/json")
    return Job.objects.count() > before


def _endless_sessions(world: World, patch: Any) -> None:
    patch.setattr(UserSession, "end", lambda self: None)


def _any_password(world: World, patch: Any) -> None:
    patch.setattr(User, "get_session_auth_hash", lambda self: "the same for all")


def _always_recent(world: World, patch: Any) -> None:
    patch.setattr(confirming, "is_recent", lambda request: True)
    patch.setattr(confirmations, "is_recent", lambda request: True)


def _no_csrf(world: World, patch: Any) -> None:
    patch.setattr(CsrfViewMiddleware, "process_view", lambda *args: None)


# Tokens


def _with_token(text: str, method: str, path: str, body: Any = None) -> int:
    headers = {"Authorization": f"Bearer {text}"}
    client = Client(REMOTE_ADDR="192.0.2.7", headers=headers)
    return client.generic(method, f"{API}{path}", json.dumps(body), content_type="application/json").status_code


def token_from_elsewhere(world: World) -> bool:
    text = tokens.create_token(world.operator, Terms(addresses=("10.0.0.0/8",)))
    return _with_token(text, "GET", "/containers/") == 200


def expired_token(world: World) -> bool:
    text = tokens.create_token(world.operator, Terms(days=1))
    ApiToken.objects.filter(digest=tokens.digest_of(text)).update(expires_at=timezone.now() - timedelta(seconds=1))
    return _with_token(text, "GET", "/containers/") == 200


def token_beyond_its_scope(world: World) -> bool:
    """One for looking starts a container."""
    text = tokens.create_token(world.operator, Terms(scope=("read-only",)))
    return _with_token(text, "POST", f"/containers/{_victim()}/start/", {}) == 202


def token_wider_than_its_maker(world: World) -> bool:
    """One for starting makes itself another for all that its owner may, from anywhere and for ever."""
    text = tokens.create_token(world.operator, Terms(scope=("operate",), addresses=("192.0.2.0/24",), days=1))
    return _with_token(text, "POST", "/tokens/", {"scope": ["edit"]}) == 201


def token_from_the_database(world: World) -> bool:
    """What the row has of it, with the prefix that is no secret."""
    tokens.create_token(world.operator)
    return _with_token(f"{tokens.PREFIX}{ApiToken.objects.latest('pk').digest}", "GET", "/containers/") == 200


def _from_anywhere(world: World, patch: Any) -> None:
    patch.setattr(tokens, "_is_from", lambda networks, address: True)


def _good_for_ever(world: World, patch: Any) -> None:
    patch.setattr(tokens, "good", ApiToken.objects.all)


def _good_for_all(world: World, patch: Any) -> None:
    patch.setattr(access, "limit", lambda user, rights: None)


def _wider(world: World, patch: Any) -> None:
    patch.setattr(token_terms, "_hold_within", lambda row, parent: None)


def _plain_tokens(world: World, patch: Any) -> None:
    patch.setattr(tokens, "digest_of", lambda text: text.removeprefix(tokens.PREFIX))


# Addresses


def forged_address(world: World) -> bool:
    """Somebody who is no proxy says from where he asks; what limits guessing would count for another address each time."""
    seen: list[Any] = []

    async def pages(_pages: Any, scope: Any, *_rest: Any) -> None:
        seen.append((scope["client"][0], [name for name, _value in scope["headers"]]))

    said = [(b"x-forwarded-for", b"203.0.113.9"), (b"forwarded", b"for=203.0.113.9"), (b"accept", b"*/*")]
    scope: Any = {"type": "http", "path": "/sign-in/", "client": ("192.0.2.7", 4711), "headers": said}
    nothing: Any = None
    before, asgi._with_bodies = asgi._with_bodies, pages
    try:
        asyncio.run(asgi.application(scope, nothing, nothing))
    finally:
        asgi._with_bodies = before
    return seen != [("192.0.2.7", [b"accept"])]


def _everybody_is_a_proxy(world: World, patch: Any) -> None:
    patch.setattr(proxies, "_is_in", lambda address, networks: True)


ATTACKS = (
    Attack("guessed-password", guessed_password, _no_pace, "sign-in.fail"),
    Attack("password-alone", password_alone, _no_second_factor),
    Attack("code-used-again", code_used_again, _codes_for_ever, "sign-in.fail"),
    Attack("key-from-the-database", key_from_the_database, _unsealed),
    Attack("ended-session", ended_session, _endless_sessions, "session.end"),
    Attack("session-of-the-old-password", session_of_the_old_password, _any_password, "password.change"),
    Attack("unconfirmed-removal", unconfirmed_removal, _always_recent),
    Attack("forged-form", forged_form, _no_csrf),
    Attack("token-from-elsewhere", token_from_elsewhere, _from_anywhere),
    Attack("expired-token", expired_token, _good_for_ever),
    Attack("token-beyond-its-scope", token_beyond_its_scope, _good_for_all, "permission.refuse"),
    Attack("token-wider-than-its-maker", token_wider_than_its_maker, _wider),
    Attack("token-from-the-database", token_from_the_database, _plain_tokens),
    Attack("forged-address", forged_address, _everybody_is_a_proxy),
)
