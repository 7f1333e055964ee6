#!/bin/bash
#
# Delivers alerts to webhooks and by mail, with psql and curl: listen.sh ROUTES
#
# Needs setup.sql; PGHOST, PGUSER, PGDATABASE ... say where. See docs/delivery.md.
set -u
look=${LOOK:-60}             # seconds until it looks without being told
longest=${LONGEST:-300}      # seconds between two tries at most
sql() { psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=terse -v route="$name" "$@"; }

# Sends one alert of the route; the answer has to be 2xx.
send() {    # id, body
	case $target in
		mailto:*)
			{ printf 'To: %s\nSubject: alert %s\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n' \
				"${target#mailto:}" "$name"; printf '%s\n' "$2" | base64; } | ${SENDMAIL:-/usr/sbin/sendmail} -t ;;
		*)
			[[ $(printf %s "$2" | curl -s -m 10 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' \
				-H "Idempotency-Key: $(printf '%s%s' "$name" "$1" | sha256sum | cut -d ' ' -f 1)" --data-binary @- \
				--config <(printf 'url = "%s"\n' "$target")) == 2* ]] ;;
	esac
}

# Sends all that the route has to send. JSON has no tabs and no ends of lines.
deliver() {
	local alerts id body from=${rest#* FROM }

	while :; do
		alerts=$(sql -F $'\t' -v columns="${rest%% FROM *}" -v source="${from%% WHERE *}" -v condition="${rest#* WHERE }" \
			<<<"SELECT id, body FROM delivery.pending(:'route', :'columns', :'source', :'condition')") || return
		[ -n "$alerts" ] || return 0
		while IFS=$'\t' read -r id body; do
			send "$id" "$body" </dev/null && sql -v id="$id" <<<"SELECT delivery.done(:'route', :'id')" >/dev/null || return
		done <<<"$alerts"
	done
}

# One session listens, and says a word a second.
declare -A tries due
while :; do
	{
		echo "SELECT pg_advisory_lock(hashtext('delivery.sent')); LISTEN ad_alert; LISTEN ad_health;"    # a second listener waits here
		while kill -0 $$ && echo "SELECT 'tick';"; do sleep 1; done
	} 2>/dev/null | LC_ALL=C psql -XAtq -v ON_ERROR_STOP=1 | while read -r word; do
		while read -r name target rest || [ -n "$name" ]; do
			case $name in '' | \#*) continue ;; esac
			failed=${tries[$name]:-0}
			case $word in Asynchronous*) [ "$failed" -gt 0 ] || due[$name]=0 ;; esac
			[ "${due[$name]:-0}" -le "$SECONDS" ] || continue
			if deliver; then
				tries[$name]=0 due[$name]=$((SECONDS + look))
			else
				wait=$((failed < 20 && 1 << failed < longest ? 1 << failed : longest))
				tries[$name]=$((failed + 1)) due[$name]=$((SECONDS + wait))
				echo "route $name: will try again in $wait s" >&2
			fi
		done <"$1"
	done
	sleep 1
done
