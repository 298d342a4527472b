#!/bin/sh
# Runs a command on the environment that STACK names, with the state, keys and Docker engine from the job's
# variables and secrets. GitHub passes unset ones as empty text.
#
#   on-environment.sh npm run up
set -eu

fail() {
  echo "error: $1" >&2
  exit 1
}

for name in PULUMI_BACKEND_URL PULUMI_CONFIG_PASSPHRASE PULUMI_ACCESS_TOKEN OIDC_AUDIENCE \
  AWS_REGION AWS_ROLE_ARN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY DOCKER_SSH_KEY DOCKER_KNOWN_HOSTS; do
  eval "value=\${$name-}"
  [ -n "$value" ] || unset "$name"
done
unset value

# A state in the runner's own folder is lost with the runner, and with it the only key to the stack.
if [ -z "${PULUMI_BACKEND_URL-}" ] && ! grep -q '^ *cybexp:state:' "Pulumi.$STACK.yaml"; then
  fail "the state of $STACK would be lost with this runner: set cybexp:state in Pulumi.$STACK.yaml, or the variable PULUMI_BACKEND_URL of the environment"
fi

if [ -n "${OIDC_AUDIENCE-}" ]; then
  AWS_WEB_IDENTITY_TOKEN_FILE=$(node "$(dirname "$0")/identity.mjs" "$RUNNER_TEMP")
  export AWS_WEB_IDENTITY_TOKEN_FILE
fi

# Put the passphrase into a file, because every program that Pulumi starts could see a variable. GitHub
# empties the folder when the job ends.
if [ -n "${PULUMI_CONFIG_PASSPHRASE-}" ]; then
  (umask 077 && printf '%s' "$PULUMI_CONFIG_PASSPHRASE" >"$RUNNER_TEMP/passphrase")
  export PULUMI_CONFIG_PASSPHRASE_FILE="$RUNNER_TEMP/passphrase"
  unset PULUMI_CONFIG_PASSPHRASE
fi

# `exec`, so that a cancelled job's signal reaches the command and it stops cleanly.
if [ -z "${DOCKER_SSH_KEY-}" ]; then
  exec "$@"
fi

# For an engine that is reached by ssh: the key is only in an agent's memory, while the command runs.
[ -n "${DOCKER_KNOWN_HOSTS-}" ] ||
  fail "DOCKER_KNOWN_HOSTS is not set: set it to the output of ssh-keyscan for the Docker host, after checking it"
(umask 077 && mkdir -p "$HOME/.ssh" && touch "$HOME/.ssh/known_hosts")
# A self-hosted runner keeps its home folder, so don't add a line twice.
printf '%s\n' "$DOCKER_KNOWN_HOSTS" | while IFS= read -r line; do
  grep -qxF -e "$line" "$HOME/.ssh/known_hosts" || printf '%s\n' "$line" >>"$HOME/.ssh/known_hosts"
done
# shellcheck disable=SC2016 # expanded by the inner shell
exec ssh-agent sh -euc \
  'printf "%s\n" "$DOCKER_SSH_KEY" | ssh-add -q -; unset DOCKER_SSH_KEY; exec "$@"' sh "$@"
