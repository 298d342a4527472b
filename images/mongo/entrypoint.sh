#!/bin/bash
# The official mongo image's contract, as far as this project uses it:
#   MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD_FILE name the first user, and act on
#   an empty /data/db only; the server listens on 27017 and asks every client for SCRAM credentials.
set -euo pipefail

data=/data/db
database=$data/ferretdb          # its name is the mark of a finished initialisation
unfinished=$data/initialising
server=/usr/local/lib/cybexp-demo/ferretdb

fail() {
  echo "demo mongo: $*" >&2
  exit 1
}

# Go does not know the container's memory, and collects no garbage before it has twice what is in use.
limit_memory() {
  local limit=max
  read -r limit 2>/dev/null </sys/fs/cgroup/memory.max ||
    read -r limit 2>/dev/null </sys/fs/cgroup/memory/memory.limit_in_bytes || true
  if [[ $limit =~ ^[0-9]{1,15}$ ]]; then
    export GOMEMLIMIT=$((limit * 3 / 4))
  fi
}

serve() { # FOLDER ADDRESS
  exec "$server" --handler=sqlite --sqlite-url="file:$1/" --listen-addr="$2" \
    --test-enable-new-auth --telemetry=disable --debug-addr=- --state-dir=- --log-level=WARN
}

# The first start creates the user. It listens on loopback, in a folder that gets its final name
# only when all is done, so that an interrupted one is begun anew.
initialise() {
  local user=${MONGO_INITDB_ROOT_USERNAME:-} file=${MONGO_INITDB_ROOT_PASSWORD_FILE:-} other pid
  [[ -z ${MONGO_INITDB_ROOT_PASSWORD:-} ]] ||
    fail "give the password in a file (MONGO_INITDB_ROOT_PASSWORD_FILE), since docker inspect shows MONGO_INITDB_ROOT_PASSWORD"
  [[ -n $user && -n $file ]] ||
    fail "$data is empty: MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD_FILE must name the first user"
  [[ -r $file && -s $file ]] || fail "the password file $file is missing, empty or unreadable for uid $(id -u)"
  other=$(find "$data" -mindepth 1 -maxdepth 1 ! -name lost+found ! -name '.cybexp-*' ! -path "$unfinished" -printf '%f ')
  [[ -z $other ]] || fail "$data holds data that is not this program's ($other): not touched"

  rm -rf "$unfinished"
  mkdir -m 0700 "$unfinished"
  echo "demo mongo: creating the user $user"
  (
    export FERRETDB_SETUP_DATABASE=admin FERRETDB_SETUP_USERNAME=$user
    FERRETDB_SETUP_PASSWORD=$(<"$file")
    export FERRETDB_SETUP_PASSWORD
    serve "$unfinished" 127.0.0.1:27018
  ) &
  pid=$!
  trap 'kill "$pid" 2>/dev/null; wait "$pid"; exit 143' TERM INT
  # The user is there before the server listens.
  until FERRETDB_PORT=27018 ferretdb ping; do
    kill -0 "$pid" 2>/dev/null || fail "the initialisation failed, see above"
    sleep 0.05
  done
  kill "$pid"
  wait "$pid" || true
  trap - TERM INT
  sync
  mv "$unfinished" "$database"
}

[[ ${1:-} == ferretdb ]] || exec "$@"
umask 077
[[ -d $database ]] || initialise
limit_memory
unset MONGO_INITDB_ROOT_USERNAME MONGO_INITDB_ROOT_PASSWORD_FILE
echo "demo mongo: FerretDB in place of MongoDB, for demo and tests only, never for real data"
serve "$database" :27017
