#!/bin/sh
# Installs what the tests need and this machine lacks: a C compiler (for the race detector), Node.js and npm (for the real
# function runtimes, webhook libraries and queue consumers), curl and openssl (for the commands of the docs), the AWS command line, Redis
# with its Sentinel and its command line (whose servers the tests start themselves, so the one that Debian starts need not run),
# iproute2 (for networks that come apart), and the npm packages of tests/node at the versions of its lock file. With
# SIGNALBOX_REDIS=docker, which has those Redis servers run in containers, also a container engine, which it starts.
set -eu
cd "$(dirname "$0")/.."

need=""
command -v cc >/dev/null 2>&1 || need="$need gcc libc6-dev"
command -v node >/dev/null 2>&1 || need="$need nodejs"
command -v npm >/dev/null 2>&1 || need="$need npm"
command -v curl >/dev/null 2>&1 || need="$need curl"
command -v openssl >/dev/null 2>&1 || need="$need openssl"
# Debian's AWS command line is of the time when SQS was spoken in Query, which is what the tests want of it. So another one in
# the PATH does not stand in for it where Debian's can be had.
if [ ! -x /usr/bin/aws ]; then
	if command -v apt-get >/dev/null 2>&1 || ! command -v aws >/dev/null 2>&1; then need="$need awscli"; fi
fi
command -v redis-server >/dev/null 2>&1 || need="$need redis-server"
command -v redis-sentinel >/dev/null 2>&1 || need="$need redis-sentinel"
command -v redis-cli >/dev/null 2>&1 || need="$need redis-tools"
command -v ip >/dev/null 2>&1 || need="$need iproute2"
if [ "${SIGNALBOX_REDIS:-}" = docker ]; then
	command -v dockerd >/dev/null 2>&1 || need="$need docker.io"
fi
if [ -n "$need" ]; then
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "tests need these programs, and there is no apt-get to install them with:$need" >&2
		exit 1
	fi
	sudo=""
	if [ "$(id -u)" != 0 ]; then sudo=sudo; fi
	$sudo apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $need
fi

# The tests ask the engine at its socket, which answers HTTP.
engine_answers() { curl -fsS -o /dev/null --max-time 5 --unix-socket /var/run/docker.sock http://engine/_ping 2>/dev/null; }

if [ "${SIGNALBOX_REDIS:-}" = docker ] && ! engine_answers; then
	if [ "$(id -u)" != 0 ]; then
		echo "SIGNALBOX_REDIS=docker needs a container engine: none answers, and only root may start one" >&2
		exit 1
	fi
	log="$(mktemp -t dockerd.XXXXXX)"
	echo "no container engine answers: starting one by 'dockerd' in the background, which logs to $log and stays" >&2
	nohup dockerd >"$log" 2>&1 </dev/null &
	tries=0
	until engine_answers; do
		tries=$((tries + 1))
		if [ "$tries" -gt 60 ]; then
			echo "dockerd does not answer after a minute; it said:" >&2
			tail -n 20 "$log" >&2
			exit 1
		fi
		sleep 1
	done
fi

# npm ci is slow when there is nothing to do, so it runs only when the lock file is newer than the last install.
if [ ! -f tests/node/node_modules/.installed ] || [ tests/node/package-lock.json -nt tests/node/node_modules/.installed ]; then
	(cd tests/node && npm ci --no-audit --no-fund --loglevel=error)
	touch tests/node/node_modules/.installed
fi
