#!/usr/bin/env bash
# What every script here begins with: where things are, and how a script ends with one clear line.
# Who sources it uses what is set here.
# shellcheck disable=SC2034
set -euo pipefail
umask 022

# What root runs belongs to root: environments and code lie here, wherever the clone is.
readonly LIB=/usr/local/lib/spocweb
readonly CACHE=/var/cache/spocweb
readonly WEB_USER=spocweb
CLONE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly CLONE

say() { printf 'spocweb: %s\n' "$*" >&2; }

die() {
  say "$@"
  exit 1
}

need_root() { [ "$(id -u)" = 0 ] || die "this needs root"; }
