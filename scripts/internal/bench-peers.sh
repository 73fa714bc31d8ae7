# shellcheck shell=bash disable=SC2154
# Servers and load for scripts/bench-peers, whose variables it uses.

# Where the server and the load generator are: an address, namespaces of the network if any, cores.
address=127.0.0.1
server_network=() load_network=()
other_cores=1-$(($(nproc) - 1))
server_cores=(taskset -c 0)
load_cores=(taskset -c "$other_cores")

say() { echo "round $round of $rounds, $row: $1; load $(cut -d' ' -f1 /proc/loadavg)" >&2; }
note() { grep -qxF "$1" "$notes" || echo "$1" >>"$notes"; }

server='' running='' publisher=''
# end <pid>: asks it to end, and after 5 s makes it
end() {
	kill "$1" 2>/dev/null || true
	for ((i = 0; i < 100; i++)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -9 "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}
stop() {
	[ -z "$publisher" ] || end "$publisher"
	[ -z "$server" ] || end "$server"
	publisher='' server=''
}
networks=()
networks_end() {
	for network in "${networks[@]}"; do
		ip netns delete "$network"
	done
	networks=()
}
cleanup() {
	stop
	networks_end
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Servers.

# free_port: the first of four on which nobody listens, below those that the kernel gives to clients
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 1200 * 10))
		if [ -z "$("${server_network[@]}" ss -Hltn "sport >= :$port and sport < :$((port + 4))")" ]; then
			echo $port
			return
		fi
	done
}

# config_edge <workers> <lines for live>: worker n has port + 2 + n for itself
config_edge() {
	local connections=$((descriptors - 500))
	cat <<-END
		workers: $1
		shutdown_timeout: 1s
		rtmp:
		  listen: ["$address:$port"]
		  limits: {connections: $connections, connections_per_address: $connections, accept_rate: 100000, accept_burst: 100000}
		multi_listen:
		  - {listen: "$address:$((port + 2))", serves: rtmp}
		http: {listen: []}
		log: {level: warn}
		live:
		  gop_cache: true
	END
	(($# == 1)) || printf '  %s\n' "${@:2}"
}

config_nginx() {
	cat <<-END
		load_module $nginx_module;
		daemon off;
		worker_processes 1;
		worker_rlimit_nofile $descriptors;
		pid $work/nginx.pid;
		error_log stderr error;
		events { worker_connections 16384; }
		rtmp {
			access_log off;
			server {
				listen $address:$port;
				chunk_size $nginx_chunk;
				application live { live on; }
			}
		}
	END
}

# config_srs <min_latency> <mw_latency>
config_srs() {
	cat <<-END
		listen $address:$port;
		max_connections $((descriptors - 500));
		daemon off;
		pid $work/srs.pid;
		srs_log_tank console;
		srs_log_level_v2 error;
		vhost __defaultVhost__ {
			min_latency $1;
			play { gop_cache on; mw_latency $2; }
		}
	END
}

# start <server> <workers, lines for live>: sets server, running and port. What follows the name is for edge.
start() {
	local config=$work/$1.conf command
	rm -f "$work"/*.json
	port=$(free_port)
	case $1 in
	edge)
		config_edge "${@:2}" >"$config"
		command=("$edge" run -c "$config")
		;;
	nginx)
		config_nginx >"$config"
		command=("$nginx" -p "$work" -c "$config")
		;;
	srs350)
		config_srs off 350 >"$config"
		command=("$srs" -c "$config")
		;;
	srs100)
		config_srs on 100 >"$config"
		command=("$srs" -c "$config")
		;;
	esac
	"${server_network[@]}" "${server_cores[@]}" "${command[@]}" >>"$out/$1.log" 2>&1 &
	server=$! running=$1
	for ((i = 0; i < 200; i++)); do
		[ -z "$("${server_network[@]}" ss -Hltn "sport = :$port")" ] || return 0
		kill -0 $server 2>/dev/null || break
		sleep 0.05
	done
	echo "$1 does not listen: see $out/$1.log" >&2
	exit 1
}

# given <server>: whether it may be started
given() {
	case $1 in
	nginx) [ -n "$nginx" ] ;;
	srs*) [ -n "$srs" ] ;;
	esac
}

# The load.

load() { "${load_network[@]}" "${load_cores[@]}" "${bench[@]}" "$@" >/dev/null 2>>"$out/bench.log"; }

# publish <streams> <kbit/s>: in the background, to port, until stop
publish() {
	kbits=$2
	"${load_network[@]}" "${load_cores[@]}" "${bench[@]}" publish --quiet --anywhere --streams "$1" --bitrate "$2k" --duration 10m --json "$work/publish.json" \
		"rtmp://$address:$port/live/bench{n}" >/dev/null 2>>"$out/bench.log" &
	publisher=$!
}

# play <streams> <players> <options>: from port. What the load generator finds is in the results, even if it is something wrong.
play() {
	local start=() waited began=${EPOCHREALTIME//[.,]/}
	[ "$running" != nginx ] || start=(--any-start) # it keeps no keyframe for those who join
	waited=$(waiting)
	load play --quiet --anywhere --streams "$1" --players "$2" --ramp 1000 --duration "${seconds}s" --pid "$server" \
		--json "$work/result.json" "${start[@]}" "${@:3}" "rtmp://$address:$port/live/bench{n}" || true
	add '.expected_mbit_per_second = $players * $kbits / 1000 | .waited_percent = 100 * $waited / $passed' \
		--argjson players "$2" --argjson kbits "$kbits" --argjson waited $(($(waiting) - waited)) --argjson passed $((${EPOCHREALTIME//[.,]/} - began))
}

# waiting: for how many microseconds the server was ready to run and something else had its core
waiting() {
	local pid
	for pid in "$server" $(pgrep -P "$server"); do
		cat /proc/"$pid"/task/*/schedstat 2>/dev/null || true # a thread may end meanwhile
	done | awk '{ waited += $2 } END { printf "%d", waited / 1000 }'
}

# limit <kbit/s> <players> <interval>: what the kernel alone takes to send so much. The sender has the server's core, its receiver those of the load.
limit() {
	local receiver
	rm -f "$work"/*.json
	"${bench[@]}" limit --players "$2" --bitrate "$1k" --flush "$3" --duration "${seconds}s" --json "$work/result.json" >/dev/null 2>>"$out/bench.log" &
	server=$!
	while kill -0 $server 2>/dev/null; do
		if receiver=$(pgrep -P $server); then
			taskset -acp "$other_cores" "$receiver" >/dev/null
			taskset -acp 0 $server >/dev/null
			break
		fi
	done
	wait $server || true
	server=''
	add '.server = {cpu_seconds_per_gb, cpu_percent}' # where it is for a server
}

# add <filter> <options of jq>: to what the load generator found
add() {
	[ -s "$work/result.json" ] || return 0
	jq "${@:2}" "$1" "$work/result.json" >"$work/more.json"
	mv "$work/more.json" "$work/result.json"
}

# record <name>: puts it into the results
record() {
	if [ ! -s "$work/result.json" ]; then
		note "$row: nothing was measured of $1 in round $round; $out/bench.log says why."
		return
	fi
	if [ -s "$work/publish.json" ]; then
		add '.publisher = $publisher[0]' --slurpfile publisher "$work/publish.json"
	fi
	jq -c --arg row "$row" --arg name "$1" --argjson round "$round" '{$row, $name, $round} + .' "$work/result.json" >>"$results"
	rm -f "$work"/*.json
}
