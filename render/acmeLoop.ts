/** The program of the container that renews certificates: for dash and for busybox. */
import { ACME_FILES, ACME_FOLDER, ACME_PATHS, ACME_WORK, servedConf } from "./acmePaths.ts";

/** Without an argument it is the loop; with `health` it is the health check. */
export const RENEWAL_LOOP = `\
#!/bin/sh
# Gets certificates from an ACME server by certbot, renews them, and hands them to the servers that show them.
set -uf
umask 077

config=${ACME_FOLDER}
state=${ACME_PATHS.state}
served=${ACME_PATHS.served}
work=${ACME_WORK}

# Seconds: how often it looks around, the most between two looks at a certificate, the most for one attempt, and
# the first and longest wait after a failure. At 30, 90, 270 ... five attempts take an hour: public servers allow
# five failed proofs of a name an hour.
tick=5 longest=21600 limit=1800 first_wait=30 longest_wait=3600

child= trying=

say() { printf 'acme: %s\\n' "$*"; }
now() { date +%s; }
iso() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
one_line() { tr -s '\\n\\t ' ' ' | tr -cd '\\040-\\176' | cut -c 1-600 | sed 's/ $//'; }

# Calls a function for each server, with $server, the name of its certificate for certbot, and the names in it.
each() {
  while read -r server lineage names <&3; do
    recall
    "$1"
  done 3< "$config/${ACME_FILES.servers}"
}

# What is known of a server, across restarts: the release of the last attempt, what it came to, and what is served.
recall() {
  failures=0 last=0 success=0 next=0 release= error= version= shown= begin=0 end=0 issuer=
  [ -e "$state/loop/$server" ] || return 0
  while IFS='=' read -r key value; do
    case $key in
      failures) failures=$value ;;
      last) last=$value ;;
      success) success=$value ;;
      next) next=$value ;;
      release) release=$value ;;
      error) error=$value ;;
      version) version=$value ;;
      shown) shown=$value ;;
      begin) begin=$value ;;
      end) end=$value ;;
      issuer) issuer=$value ;;
    esac
  done < "$state/loop/$server"
}

remember() {
  cat > "$state/loop/$server.new" <<EOF
failures=$failures
last=$last
success=$success
next=$next
release=$release
error=$error
version=$version
shown=$shown
begin=$begin
end=$end
issuer=$issuer
EOF
  mv -f "$state/loop/$server.new" "$state/loop/$server"
}

# --- the certificate, on its way to its server ---

# An interrupted certbot leaves a certificate that it takes for another one's and never touches again.
is_whole() {
  for part in cert chain fullchain privkey; do
    [ -e "$state/live/$lineage/$part.pem" ] || return 1
  done
  grep -q '^\\[renewalparams\\]' "$state/renewal/$lineage.conf" 2>/dev/null
}

forget() { rm -rf "$state/renewal/$1.conf" "$state/live/$1" "$state/archive/$1"; }

# Serves what certbot has, if it is good and not what is served already. Sets $error otherwise.
publish() {
  live=$state/live/$lineage
  if ! is_whole; then
    error="certbot reports success, but there is no certificate"
    return 1
  fi
  facts=$(python3 -I "$config/${ACME_FILES.certificate}" "$live/fullchain.pem" "$live/privkey.pem" $names 2>&1)
  code=$?
  if [ "$code" -ne 0 ]; then
    error=$(printf '%s' "$facts" | one_line)
    [ "$code" -ne 2 ] || forget "$lineage"
    return 1
  fi
  {
    read -r new_version
    read -r new_begin
    read -r new_end
    read -r new_issuer
  } <<EOF
$facts
EOF
  out=$served/$server
  # certbot's folder may be an older copy, from a backup.
  if [ "$shown" = "$lineage" ] && [ "$new_end" -lt "$end" ] && [ -e "$out/$version/privkey.pem" ]; then
    return 0
  fi
  if ! hand_over; then
    error="the certificate could not be written to the folder of $server"
    return 1
  fi
  version=$new_version begin=$new_begin end=$new_end shown=$lineage
  issuer=$new_issuer
  forget_older
}

# The files first, under a name of their own, then what points at them. Killed anywhere, it is done again.
hand_over() (
  umask 027
  cd "$out" || exit 1
  if ! cmp -s "$live/fullchain.pem" "$new_version/fullchain.pem" ||
    ! cmp -s "$live/privkey.pem" "$new_version/privkey.pem"; then
    rm -rf .new "$new_version"
    mkdir .new &&
      cp "$live/fullchain.pem" "$live/privkey.pem" .new/ &&
      chmod 0440 .new/fullchain.pem .new/privkey.pem &&
      mv -T .new "$new_version" || exit 1
  fi
  printf '${servedConf("%s").replaceAll("\n", "\\n")}' "$new_version" "$new_version" "$new_version" |
    put current.conf || exit 1
  ln -sfn "$new_version" .current && mv -T .current current || exit 1
  # A server may still be reading the one before.
  ls -1 | grep '^[0-9]\\{14\\}-[0-9a-f]\\{8\\}$' | grep -vx "$new_version" | sort -r | tail -n +2 |
    while read -r old; do
      rm -rf "$old"
    done
)

# What certbot has for other wishes of this server: other names, an older generation.
forget_older() {
  ls -1 "$state/renewal" | sed -n 's/\\.conf$//p' | grep -x "$server-[0-9a-f]\\{12\\}" | grep -vx "$lineage" |
    while read -r old; do
      forget "$old"
    done
}

# --- an attempt ---

backoff() {
  wait_time=$first_wait
  count=1
  while [ "$count" -lt "$1" ] && [ "$wait_time" -lt "$longest_wait" ]; do
    wait_time=$((wait_time * 3)) count=$((count + 1))
  done
  [ "$wait_time" -le "$longest_wait" ] || wait_time=$longest_wait
  echo "$wait_time"
}

# A hundredth of the lifetime: 22 minutes for a week, and it meets what the ACME server wishes (RFC 9773).
interval() {
  pause=$(((end - begin) / 100))
  [ "$pause" -ge "$tick" ] || pause=$tick
  [ "$pause" -le "$longest" ] || pause=$longest
  echo "$pause"
}

# certbot's own words for a failure, after what the ACME server calls it.
reason() {
  kind=$(grep -o 'urn:ietf:params:acme:error:[A-Za-z]*' "$work/logs/letsencrypt.log" 2>/dev/null |
    grep -v ':badNonce$' | tail -n 1)
  words=$(grep -v -e '^Saving debug log' -e '^Account registered' -e '^Requesting a certificate' \\
    -e '^Renewing an existing' -e '^An unexpected error occurred:$' -e '^Some challenges have failed' \\
    "$work/output" | sed 's/Ask for help or search for solutions.*//' | one_line)
  printf '%s' "$kind\${kind:+: }\${words:-certbot ended with exit code $1 and said nothing}"
}

run_certbot() {
  set -- certonly --config "$config/${ACME_FILES.options}" --cert-name "$lineage"
  for name in $names; do
    case $name in
      *:*) set -- "$@" --ip-address "$name" ;;
      *[!0-9.]*) set -- "$@" --domain "$name" ;;
      *) set -- "$@" --ip-address "$name" ;;
    esac
  done
  rm -rf "$work/logs"
  timeout -k 10 "$limit" certbot "$@" < /dev/null > "$work/output" 2>&1 3<&- &
  child=$! trying=yes
  wait "$child"
  code=$?
  child= trying=
  return "$code"
}

attempt() {
  alive $((limit + 60))
  is_whole || forget "$lineage"
  before=$version
  last=$(now)
  release=$running
  # Should it be killed with all of the container, the next one waits as after a failure.
  next=$((last + $(backoff $((failures + 1)))))
  remember
  run_certbot
  code=$?
  # 124 is that of GNU's timeout, 143 of busybox's.
  case $code in
    0) publish ;;
    124 | 143) error="certbot took more than $limit seconds" && false ;;
    *) error=$(reason "$code") && false ;;
  esac
  if [ $? -eq 0 ]; then
    failures=0 error= success=$last next=$(($(now) + $(interval)))
    if [ "$version" = "$before" ]; then
      say "$server: not due for renewal, valid until $(iso "$end"), next look at $(iso "$next")"
    else
      say "$server: a new certificate for $names is served, valid until $(iso "$end"), next look at $(iso "$next")"
    fi
  else
    failures=$((failures + 1))
    next=$(($(now) + $(backoff "$failures")))
    say "$server: attempt $failures failed, next at $(iso "$next"): $error"
  fi
  remember
  report
}

# --- what it says of itself ---

# Replaces a file as a whole by standard input.
put() { cat > ".$1.new" && mv -f ".$1.new" "$1"; }

json_text() { if [ -n "$1" ]; then printf '"%s"' "$(printf '%s' "$1" | sed 's/["\\\\]/\\\\&/g')"; else printf null; fi; }
json_time() { if [ "$1" -gt 0 ]; then printf '"%s"' "$(iso "$1")"; else printf null; fi; }

report() (
  umask 027
  cd "$served/$server" || exit 0
  list=
  for name in $names; do
    list="$list\${list:+,}\\"$name\\""
  done
  current=false good=0
  [ "$shown" != "$lineage" ] || current=true
  [ "$failures" -gt 0 ] || good=1
  printf '{"server":"%s","release":"%s","names":[%s],"current":%s,"notBefore":%s,"notAfter":%s,"issuer":%s,"failures":%s,"lastAttempt":%s,"lastSuccess":%s,"nextAttempt":%s,"lastError":%s}\\n' \\
    "$server" "\${running#*/}" "$list" "$current" "$(json_time "$begin")" "$(json_time "$end")" "$(json_text "$issuer")" "$failures" \\
    "$(json_time "$last")" "$(json_time "$success")" "$(json_time "$next")" "$(json_text "$error")" | put status.json
  put metrics.prom <<EOF
# HELP cybexp_acme_certificate_not_after_timestamp_seconds When the certificate that is served expires; 0 before the first.
# TYPE cybexp_acme_certificate_not_after_timestamp_seconds gauge
cybexp_acme_certificate_not_after_timestamp_seconds{certificate="$server"} $end
# HELP cybexp_acme_last_attempt_success Whether the last attempt to get or renew the certificate succeeded.
# TYPE cybexp_acme_last_attempt_success gauge
cybexp_acme_last_attempt_success{certificate="$server"} $good
# HELP cybexp_acme_last_attempt_timestamp_seconds When the last attempt began.
# TYPE cybexp_acme_last_attempt_timestamp_seconds gauge
cybexp_acme_last_attempt_timestamp_seconds{certificate="$server"} $last
# HELP cybexp_acme_last_success_timestamp_seconds When the last attempt began that succeeded.
# TYPE cybexp_acme_last_success_timestamp_seconds gauge
cybexp_acme_last_success_timestamp_seconds{certificate="$server"} $success
EOF
)

# Promises to come round within so many seconds.
alive() {
  echo $(($(now) + $1)) > "$work/alive.new"
  mv -f "$work/alive.new" "$work/alive"
}

health() {
  if ! [ -e "$work/alive" ]; then
    echo "the renewal loop has not started"
    exit 1
  fi
  time=$(now)
  promised=$(cat "$work/alive")
  if [ "$time" -gt "$promised" ]; then
    echo "the renewal loop has not come round: it should have by $(iso "$promised")"
    exit 1
  fi
  verdict=0 sentence=
  each judge
  echo "$sentence"
  exit "$verdict"
}

judge() {
  left=$((end - time)) bad=0
  failing="failed attempts: $failures, next at $(iso "$next"): $error"
  if [ -z "$version" ] && [ "$failures" -eq 0 ]; then
    words="waits for its first certificate"
  elif [ -z "$version" ]; then
    bad=1 words="has no certificate yet, $failing"
  elif [ "$left" -le 0 ]; then
    bad=1 words="its certificate ended at $(iso "$end"), $failing"
  elif [ "$failures" -eq 0 ]; then
    words="valid until $(iso "$end")"
  elif [ "$shown" != "$lineage" ]; then
    bad=1 words="still has the certificate of before the last change, $failing"
  elif [ $((left * 4)) -lt $((end - begin)) ]; then
    bad=1 words="its renewal is overdue, valid until $(iso "$end"), $failing"
  else
    words="valid until $(iso "$end"), but $failing"
  fi
  sentence="$sentence\${sentence:+; }$server: $words"
  [ "$bad" -eq 0 ] || verdict=1
}

# --- the loop ---

# What a run before this one may have left to do.
catch_up() {
  alive 60
  if is_whole; then
    publish || say "$server: what certbot has is not served: $error"
    remember
  fi
  report
}

# A clock that was set back must not put the next attempt off.
is_due() {
  time=$(now)
  [ "$release" != "$running" ] || [ "$time" -ge "$next" ] || [ "$next" -gt $((time + longest)) ]
}

visit() { if is_due; then attempt; fi; }

stop() {
  trap '' TERM INT HUP
  if [ -n "$child" ]; then
    kill -TERM "$child" 2>/dev/null
    wait "$child"
  fi
  if [ -n "$trying" ]; then
    # Not the ACME server's fault: the next container need not wait.
    next=0
    remember
  fi
  say "stopped"
  exit 0
}

loop() {
  trap stop TERM INT HUP
  mkdir -p "$work" "$state/loop" || exit 1
  running=$(readlink "$config")
  alive 60
  # Beside the public authorities: certbot's plugins call other servers, too.
  unset REQUESTS_CA_BUNDLE
  if [ -e "$config/${ACME_FILES.authorities}" ]; then
    { cat "$(python3 -I -m certifi)"; cat "$config/${ACME_FILES.authorities}"; } > "$work/authorities.pem"
    export REQUESTS_CA_BUNDLE="$work/authorities.pem"
  fi
  unset CYBEXP_DNS_CREDENTIALS AWS_SHARED_CREDENTIALS_FILE
  if [ -e "$config/${ACME_FILES.credentials}" ]; then
    export CYBEXP_DNS_CREDENTIALS="$config/${ACME_FILES.credentials}"
    export AWS_SHARED_CREDENTIALS_FILE="$CYBEXP_DNS_CREDENTIALS"
  fi
  say "runs with \${running#*/}"
  each catch_up
  while :; do
    each visit
    alive 60
    sleep "$tick" &
    child=$!
    wait "$child"
    child=
    if [ "$(readlink "$config")" != "$running" ]; then
      exec /bin/sh "$config/${ACME_FILES.loop}"
    fi
  done
}

case \${1:-loop} in
  loop) loop ;;
  health) health ;;
esac
`;
