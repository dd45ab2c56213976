#!/usr/bin/env bash
# Installs what is missing. `set_up run` (or check, test, bench, work) leaves in $TREE the directory that everything runs
# from, and in $VENV which of its two virtual environments that purpose needs:
#
#   app/              the project's files as they are in the clone now
#   app/staticfiles   what `collectstatic` made of them
#   runtime, dev, node, app/node_modules   links to what the locks in app/ name
#
# A tree is named after its content and never changes once it is complete, so what runs keeps its code whatever
# happens to the clone. Repeating a set-up costs a fraction of a second.
# shellcheck source=bin/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly RUNTIME_PACKAGES=(
  python3 python3-venv # the panel
  lxc iproute2 nftables # containers and their network
  redis-server # rings the worker, carries live events
  busybox-static # the demo's layer
  tar gzip bzip2 xz-utils zstd # layers from archives, images as files
  ca-certificates # repositories of images over TLS
  gettext # catalogues of translations, compiled for each tree
  skopeo mmdebstrap # layers from registries and from Debian's archive
)
readonly CHECK_PACKAGES=(shellcheck)
readonly TEST_PACKAGES=(chromium-headless-shell fonts-inter fonts-dejavu-core procps libcap2-bin openssl postgresql)
readonly BENCH_PACKAGES=(wrk)

# What goes into a tree.
readonly PARTS=(
  manage.py pyproject.toml package.json package-lock.json requirements.txt requirements-dev.txt requirements-npm.txt Makefile
  SECURITY.md bin .ci spocweb containers templates static locale tests bench
)

set_up() {
  VENV=dev
  if [ "$1" = run ]; then VENV=runtime; fi
  need_root
  command -v apt-get >/dev/null || die "this needs Debian 12 or newer"
  take_turn
  remove_policy
  install_system_packages "$1"
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "this needs Python 3.11 or newer, as in Debian 12"
  ensure_user
  ensure_tree
  # From here on the tree is in use for as long as this process, or what it becomes, lives.
  exec 3<"$TREE/lock"
  flock -s 3
  exec 9>&-
}

readonly PYTHON=/usr/bin/python3

take_turn() {
  mkdir -p "$LIB"
  exec 9>"$LIB/.lock"
  flock -n 9 && return
  say "waiting for another set-up to end"
  flock 9
}

# System packages

install_system_packages() {
  local -a wanted=("${RUNTIME_PACKAGES[@]}")
  # `lxc.apparmor.profile = generated` needs the parser, where the kernel has AppArmor.
  if grep -qs Y /sys/module/apparmor/parameters/enabled; then wanted+=(apparmor); fi
  case $1 in
    check) wanted+=("${CHECK_PACKAGES[@]}") ;;
    test) wanted+=("${TEST_PACKAGES[@]}") ;;
    bench) wanted+=("${BENCH_PACKAGES[@]}") ;;
  esac
  local -a missing
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  trap remove_policy EXIT
  write_policy
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get -q -o DPkg::Lock::Timeout=600 update
  quietly apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"
  remove_policy
  trap - EXIT
  disable_services "${missing[@]}"
}

missing_packages() {
  comm -23 <(printf '%s\n' "$@" | sort) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort)
}

# A package must not start its service: a second Redis, a second bridge, on a server that asked for neither.
readonly POLICY=/usr/sbin/policy-rc.d

write_policy() {
  [ ! -e $POLICY ] || return 0
  printf '#!/bin/sh\n# spocweb: nothing starts while its packages are installed.\nexit 101\n' >$POLICY
  chmod 755 $POLICY
}

# Also one that an interrupted set-up left behind: it would keep every later service from starting.
remove_policy() {
  if grep -qs '^# spocweb: ' $POLICY; then rm -f $POLICY; fi
}

# The services of packages that were not here before; who had them keeps them.
disable_services() {
  local package
  for package; do
    case $package in
      redis-server) disable redis-server redis-server ;;
      lxc) disable lxc lxc lxc-net lxc-monitord ;;
    esac
  done
}

disable() {
  local package=$1 service
  shift
  for service; do
    if command -v systemctl >/dev/null; then
      systemctl --quiet disable "$service.service" 2>/dev/null || true
    else
      # It refuses to work for anybody but a package's own scripts.
      DPKG_MAINTSCRIPT_PACKAGE=$package deb-systemd-helper disable "$service.service" >/dev/null 2>&1 || true
    fi
    if [ -e "/etc/init.d/$service" ]; then update-rc.d "$service" disable >/dev/null 2>&1 || true; fi
  done
}

ensure_user() {
  getent passwd "$WEB_USER" >/dev/null && return
  useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$WEB_USER"
}

# Trees and environments

ensure_tree() {
  local archive clone_id content
  archive=$(mktemp)
  pack "$archive"
  clone_id=$(printf %s "$CLONE" | sha256sum | head -c 8)
  content=$( (cat "$archive" && python_tag) | sha256sum | head -c 16)
  TREE=$LIB/code-$clone_id-$content
  unpack "$archive"
  rm -f "$archive"
  ensure_venv
  finish_tree
  remove_stale "code-$clone_id-"
}

# Write the project's files as one archive that is the same, byte for byte, for the same files.
pack() {
  local -a parts=()
  local part
  for part in "${PARTS[@]}"; do
    if [ -e "$CLONE/$part" ]; then parts+=("$part"); fi
  done
  tar -C "$CLONE" -cf "$1" --sort=name --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' --mtime='2000-01-01 UTC' \
    --exclude=__pycache__ --exclude='*.pyc' --exclude='.*_cache' -- "${parts[@]}"
}

python_tag() { "$PYTHON" -ISc 'import platform, sys; print(sys.implementation.cache_tag, platform.machine())'; }

unpack() {
  [ ! -e "$TREE/complete" ] || return 0
  rm -rf "$TREE"
  mkdir -p "$TREE/app"
  tar -C "$TREE/app" -xf "$1"
  printf '%s\n' "$CLONE" >"$TREE/clone"
  : >"$TREE/lock"
}

# Both links are made, also the one to an environment that is not installed yet: it is not stale when it is.
ensure_venv() {
  link_venv runtime requirements.txt
  link_venv dev requirements-dev.txt
  local lock=requirements.txt
  if [ "$VENV" = dev ]; then lock=requirements-dev.txt; fi
  [ -e "$TREE/$VENV/complete" ] || build_venv "$LIB/$(venv_name "$lock")" "$TREE/app/$lock"
}

link_venv() { ln -sfn "../$(venv_name "$2")" "$TREE/$1"; }

venv_name() { echo "venv-$( (cat "$TREE/app/$1" && python_tag) | sha256sum | head -c 16)"; }

build_venv() {
  say "installing Python packages ($(grep -c '==' "$2"))"
  make_venv "$1" "$2"
  touch "$1/complete"
}

make_venv() {
  rm -rf "$1"
  "$PYTHON" -m venv "$1"
  quietly "$1/bin/pip" install --quiet --no-input --disable-pip-version-check --require-hashes --only-binary :all: -r "$2"
}

build_node() {
  say "installing front-end packages"
  rm -rf "$1"
  mkdir -p "$1"
  cp "$TREE/app/package.json" "$TREE/app/package-lock.json" "$1/"
  with_npm "$TREE/app/requirements-npm.txt" --prefix "$1" ci --ignore-scripts --no-audit --no-fund
  chmod -R u=rwX,go=rX "$1"
  touch "$1/complete"
}

# Run npm, which is needed for a moment only, from a virtual environment of that lock that does not stay.
with_npm() {
  local directory lock=$1
  directory=$(mktemp -d)
  make_venv "$directory" "$lock"
  shift
  quietly env PATH="$directory/bin:$PATH" npm "$@"
  rm -rf "$directory"
}

finish_tree() {
  [ ! -e "$TREE/complete" ] || return 0
  local node
  node=node-$(cat "$TREE/app/package.json" "$TREE/app/package-lock.json" | sha256sum | head -c 16)
  [ -e "$LIB/$node/complete" ] || build_node "$LIB/$node"
  ln -sfn "../$node" "$TREE/node"
  ln -sfn ../node/node_modules "$TREE/app/node_modules"
  say "preparing code and static files"
  "$TREE/$VENV/bin/python" -m compileall -q -j 0 "$TREE/app"
  compile_messages
  collect_static
  touch "$TREE/complete"
}

compile_messages() {
  local catalogue
  for catalogue in "$TREE"/app/locale/*/LC_MESSAGES/*.po; do msgfmt -o "${catalogue%.po}.mo" "$catalogue"; done
}

# The settings want a secret key: one in a directory of their own, so that set-up leaves no data directory behind.
collect_static() {
  local scratch
  scratch=$(mktemp -d)
  (
    environment
    quietly env SPOCWEB_DATA_DIR="$scratch" python -m manage collectstatic --noinput --verbosity 0
  )
  rm -rf "$scratch"
}

# Earlier trees of this clone and trees of clones that are gone, unless something runs from them; then the environments
# that no tree is left to use.
remove_stale() {
  local tree environment used
  for tree in "$LIB"/code-*; do
    if [ "$tree" = "$TREE" ] || is_current "$tree" "$1"; then continue; fi
    flock -n -x "$tree/lock" rm -rf "$tree" || true
  done
  used=" $(readlink "$LIB"/code-*/{runtime,dev,node} | tr '\n' ' ' || true)"
  for environment in "$LIB"/venv-* "$LIB"/node-*; do
    case $used in *" ../${environment##*/} "*) ;; *) rm -rf "$environment" ;; esac
  done
}

is_current() {
  case ${1##*/} in "$2"*) return 1 ;; esac
  [ -e "$1/complete" ] && [ -e "$(cat "$1/clone")/Makefile" ]
}

# Make $TREE what this shell and its children run from.
environment() {
  export PATH=$TREE/$VENV/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  # Neither the current directory nor a script's own is searched for modules: only what root owns.
  export PYTHONSAFEPATH=1 PYTHONPATH=$TREE/app PYTHONUNBUFFERED=1
  export DJANGO_SETTINGS_MODULE=spocweb.settings
  unset PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV
}

# Run a program that says much; show it only when it failed.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    rm -f "$log"
    die "this failed: $*"
  fi
  rm -f "$log"
}
