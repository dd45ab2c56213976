"""Where an app is from, as another host has said it."""

from __future__ import annotations

import pytest

from containers.domain.origin import Origin, Publisher, Source

TEAM, HOST, OTHER = "a" * 64, "b" * 64, "c" * 64


def said(key: str) -> Source:
    """What a backup says of an app of the repository with this key, or of the own app of the host that made it."""
    if not key:
        return Source(origin=None)
    moment = "2026-01-01T00:00:00Z"
    about = {"sha256": "0" * 64, "created": moment, "fetched": moment, "serial": 1, "location": "https://a.example.org"}
    return Source(origin=Origin(repository="team", public_key=key, **about))


@pytest.mark.parametrize(
    ("key", "publisher", "is_same"),
    [
        (TEAM, Publisher("team", TEAM), True),
        (TEAM, Publisher("called-otherwise", TEAM), True),
        (TEAM, Publisher("team", OTHER), False),
        (TEAM, Publisher(), False),
        # Signed by the one who says it, whose repository it is not.
        (TEAM, Publisher("peer", HOST), False),
        ("", Publisher(), True),
        # What the host that made the backup has published itself.
        ("", Publisher("peer", HOST), True),
        ("", Publisher("team", TEAM), False),
    ],
)
def test_keys_tell_whether_an_app_is_from_where_a_backup_says(key: str, publisher: Publisher, is_same: bool) -> None:
    assert said(key).is_of(publisher, signer=HOST) is is_same
