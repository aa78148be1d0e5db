# Common parts of the start-* scripts (bash, sourced). Debian 12, run as root.
# A peer lives in one base directory:
#   BASE/pids   one "pid name" per line, read by stop-peer
#   BASE/env    KEY=value lines (ports, users, secrets) for the tests: . BASE/env
#   BASE/log/   what the servers print
# Every server listens on 127.0.0.1 only.
set -eu
PEERS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PEERS_NPM=${PEERS_NPM:-$PEERS_DIR/../../build/peers-npm}
PEERS_DEB=${PEERS_DEB:-$PEERS_DIR/../../build/peers-deb}

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# peer_opts "$@": --base DIR (required), --port N (first port), --keep (do not wipe BASE)
BASE= PORT= KEEP=
peer_opts() {
  while [ $# -gt 0 ]; do
    case $1 in
      --base) BASE=$2; shift 2;;
      --port) PORT=$2; shift 2;;
      --keep) KEEP=1; shift;;
      *) EXTRA+=("$1"); shift;;
    esac
  done
  [ -n "$BASE" ] || die "usage: $0 --base DIR [--port FIRST_PORT] [--keep]"
  case $BASE in /*) ;; *) BASE=$PWD/$BASE;; esac
  if [ -f "$BASE/pids" ]; then
    while read -r p _; do ! kill -0 "$p" 2>/dev/null || die "$BASE is running (pid $p): stop-peer --base $BASE"; done <"$BASE/pids"
  fi
  mkdir -p "$BASE/log"; : >"$BASE/pids"; : >"$BASE/env"
}
EXTRA=()

# need_deb binary-or-file package...: install with apt-get when it is not there
need_deb() {
  local probe=$1; shift
  command -v "$probe" >/dev/null 2>&1 || [ -e "$probe" ] && return 0
  [ "$(id -u)" = 0 ] || die "$probe is missing (package: $*) and only root can install it"
  say "installing $*"
  local pol=; [ -e /usr/sbin/policy-rc.d ] || { pol=1; printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; }
  local rc=0
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@" >&2 ||
    { apt-get -o DPkg::Lock::Timeout=600 update >&2 && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@" >&2; } || rc=$?
  [ -z "$pol" ] || rm -f /usr/sbin/policy-rc.d
  return $rc
}

# need_npm DIR package@version...: local install, kept between runs
need_npm() {
  local dir=$1; shift; mkdir -p "$dir"
  local want="$*"
  [ "$(cat "$dir/.installed" 2>/dev/null)" = "$want" ] && return 0
  say "npm install $want"
  ( cd "$dir"; [ -f package.json ] || echo '{"private":true,"type":"commonjs"}' >package.json
    npm install --no-audit --no-fund --loglevel=error "$@" >&2 )
  echo "$want" >"$dir/.installed"
}

add_pid() { case $1 in ''|*[!0-9]*) die "no pid for $2; see $BASE/log";; esac; echo "$1 $2" >>"$BASE/pids"; }
add_env() { printf '%s=%q\n' "$1" "$2" >>"$BASE/env"; }

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# wait_port PORT [SECONDS] [PID]
wait_port() {
  local end=$((SECONDS + ${2:-30}))
  until port_open "$1"; do
    [ -z "${3:-}" ] || kill -0 "$3" 2>/dev/null || die "the server for port $1 ended; see $BASE/log"
    [ $SECONDS -lt $end ] || die "port $1 did not open; see $BASE/log"
    sleep 0.1
  done
}
# wait_http URL [SECONDS] [PID]
wait_http() {
  local end=$((SECONDS + ${2:-60}))
  until curl -ksf -o /dev/null "$1"; do
    [ -z "${3:-}" ] || kill -0 "$3" 2>/dev/null || die "the server for $1 ended; see $BASE/log"
    [ $SECONDS -lt $end ] || die "$1 did not answer; see $BASE/log"
    sleep 0.2
  done
}
must_be_free() { for p; do ! port_open "$p" || die "port $p is in use"; done; }

# make_tls DIR: a CA (ca.pem) and a server certificate for localhost/127.0.0.1 (server.pem, server.key)
make_tls() {
  local d=$1; mkdir -p "$d"; [ -s "$d/server.pem" ] && return 0
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=Test CA' \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -keyout "$d/ca.key" -out "$d/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' -keyout "$d/server.key" -out "$d/server.csr" 2>/dev/null
  printf 'subjectAltName=DNS:localhost,DNS:*.localhost,DNS:mail.example.test,IP:127.0.0.1,IP:127.0.0.2\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\n' >"$d/ext"
  openssl x509 -req -in "$d/server.csr" -CA "$d/ca.pem" -CAkey "$d/ca.key" -CAcreateserial -days 3650 -extfile "$d/ext" -out "$d/server.pem" 2>/dev/null
}

peer_ready() { say "ready: $*"; cat "$BASE/pids"; }
