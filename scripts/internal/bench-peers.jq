# The tables of scripts/bench-peers, from the lines of its results.

def fixed($digits): . * pow(10; $digits) | round | tostring
	| until(length > $digits; "0" + .)
	| if $digits > 0 then .[:-$digits] + "." + .[-$digits:] else . end;
def number: if . == 0 or . >= 100 then fixed(0) elif . >= 10 then fixed(1) else fixed(2) end;

def median: sort | if length == 0 then null else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
def spread: if length == 0 then "–"
	elif length == 1 then .[0] | number
	else "\(median | number) (\(min | number) – \(max | number))" end;

# Less came than was to come, at least in the median of all rounds.
def overloaded($runs; $row; $name): $runs
	| map(select(.row == $row and .name == $name and .expected_mbit_per_second) | .mbit_per_second / .expected_mbit_per_second)
	| median | . != null and . < 0.9;

# met tells whether the median of some values is within a goal: [least, most], either of which may be null.
def met($goal): median
	| if . == null or $goal == null then ""
	elif . >= ($goal[0] // .) and . <= ($goal[1] // .) then "yes" else "**no**" end;
def goal: if . == null then "" elif .[0] == null then "≤ \(.[1])" elif .[1] == null then "≥ \(.[0])" else "\(.[0]) – \(.[1])" end;

def line: "| " + join(" | ") + " |";
def table($head): ($head | line), ($head | map("---") | line), (.[] | line);

# What was measured of a server in a row, once for each round.
def values($runs; $row; $name; $path): $runs | map(select(.row == $row and .name == $name) | getpath($path) | values);

# The same of one run by that of another one in the same round.
def ratios($runs; $path; $a; $b): [
	$runs[] | select(.row == $a[0] and .name == $a[1]) as $one
	| $runs[] | select(.row == $b[0] and .name == $b[1] and .round == $one.round)
	| ($one | getpath($path)) as $over | getpath($path) as $under
	| select($over != null and ($under // 0) > 0) | $over / $under
];

def perGB: ["server", "cpu_seconds_per_gb"];
def percent: ["server", "cpu_percent"];

def servers: [
	["edge", "rtmp-edge"], ["nginx", "nginx-rtmp"], ["srs350", "SRS, 350 ms"], ["srs100", "SRS, min_latency, 100 ms"], ["limit", "limit"]
];

# title, row, path, goal, unit
def figures: [
	["500 × 1 Mbit/s, 100 ms: CPU s/GB", "fan500", perGB, [null, 1.1], 1],
	["2000 × 1 Mbit/s, 100 ms", "fan2000", perGB, [null, 1.05], 1],
	["200 × 6 Mbit/s, 100 ms", "fan6m", perGB, [null, 0.42], 1],
	["the same in chunks of 60000 bytes", "fan6mchunks", perGB, null, 1],
	["500 × 1 Mbit/s, 350 ms", "fan350", perGB, [null, 0.62], 1],
	["500 × 1 Mbit/s, 100 ms, MTU 1500", "mtu", perGB, null, 1],
	["latency with 100 players: p50, ms", "latency100", ["latency_ms", "p50"], [null, 5], 1],
	["p99, ms", "latency100", ["latency_ms", "p99"], [null, 30], 1],
	["with 500 players: p50, ms", "latency500", ["latency_ms", "p50"], null, 1],
	["p99, ms", "latency500", ["latency_ms", "p99"], null, 1],
	["join to first keyframe, 500 players: p50, ms", "latency500", ["join_ms", "p50"], [null, 8], 1],
	["longest, ms", "latency500", ["join_ms", "max"], [null, 25], 1],
	["most players on one core, p99 < 250 ms", "most", ["most", "under_250_ms"], [6500, null], 1],
	["p99 < 500 ms", "most", ["most", "under_500_ms"], [9000, null], 1],
	["with flush max 200 ms, p99 < 250 ms", "mostmax", ["most", "under_250_ms"], [6500, null], 1],
	["with flush max 350 ms, p99 < 500 ms", "mostmax", ["most", "under_500_ms"], [9000, null], 1],
	["200 publishers × 1 player, 500 kbit/s: CPU %", "publishers", percent, [null, 28], 1],
	["ingest 200 × 1 Mbit/s: CPU %", "ingest", percent, [null, 25], 1],
	["memory per player (PSS) at 2000: kB", "fan2000", ["server", "pss_bytes_per_player"], [null, 12], 1000]
];

# title, path, what, against what, goal
def comparisons: [
	["500 × 1 Mbit/s, 100 ms, against the limit: s/GB", perGB, ["fan500", "edge"], ["fan500", "limit"], [null, 1.3]],
	["2000 × 1 Mbit/s, 100 ms", perGB, ["fan2000", "edge"], ["fan2000", "limit"], null],
	["200 × 6 Mbit/s, 100 ms", perGB, ["fan6m", "edge"], ["fan6m", "limit"], null],
	["500 × 1 Mbit/s, 350 ms", perGB, ["fan350", "edge"], ["fan350", "limit"], null],
	["2000 players, two workers against one: s/GB", perGB, ["workers", "workers2"], ["workers", "workers1"], [0.9, 1.1]],
	["Mbit/s", ["mbit_per_second"], ["workers", "workers2"], ["workers", "workers1"], null],
	["200 streams × 1 player, wrong worker against right: CPU", percent, ["relay", "wrong"], ["relay", "right"], [null, 1.6]],
	["900 players, 100 more stalled against none: s/GB", perGB, ["slow", "stalled100"], ["slow", "stalled0"], [null, 1.05]],
	["latency p50", ["latency_ms", "p50"], ["slow", "stalled100"], ["slow", "stalled0"], [null, 1.05]],
	["p99", ["latency_ms", "p99"], ["slow", "stalled100"], ["slow", "stalled0"], [null, 1.05]],
	["MTU 1500 against loopback, rtmp-edge: s/GB", perGB, ["mtu", "edge"], ["fan500", "edge"], [null, 1.15]],
	["nginx-rtmp", perGB, ["mtu", "nginx"], ["fan500", "nginx"], null],
	["SRS, 350 ms", perGB, ["mtu", "srs350"], ["fan500", "srs350"], null],
	["SRS, min_latency, 100 ms", perGB, ["mtu", "srs100"], ["fan500", "srs100"], null]
];

def wrong: [.gaps, .errors, .dropped, .failed] | map(. // 0) | add;

. as $runs
| (servers | map(select(.[0] as $name | any($runs[]; .name == $name)))) as $servers

| ([figures[] | . as [$title, $row, $path, $goal, $unit]
	| select(any($runs[]; .row == $row))
	| [$title, ($goal | goal)]
	+ [$servers[] | .[0] as $name | (values($runs; $row; $name; $path) | map(. / $unit) | spread)
		+ if overloaded($runs; $row; $name) then ", overloaded" else "" end]
	+ [if $goal != null and overloaded($runs; $row; "edge") then "**no**"
		else values($runs; $row; "edge"; $path) | map(. / $unit) | met($goal) end]
] | select(length > 0) | table(["", "goal"] + ($servers | map(.[1])) + ["met"]), ""),

([comparisons[] | . as [$title, $path, $a, $b, $goal]
	| ratios($runs; $path; $a; $b) | select(length > 0)
	| [$title, (values($runs; $a[0]; $a[1]; $path) | spread), (values($runs; $b[0]; $b[1]; $path) | spread), spread, ($goal | goal), met($goal)]
] | select(length > 0) | table(["One against the other", "one", "other", "ratio", "goal", "met"]), ""),

([$runs | map(select(.most | not)) | group_by([.row, .name])[]
	| [.[0].row, .[0].name]
	+ [(["mbit_per_second"], percent, ["latency_ms", "p50"], ["latency_ms", "p99"], ["join_ms", "p50"], ["join_ms", "max"],
		["server", "writes_per_mb"], ["waited_percent"], ["publisher", "late_ms", "p99"])
		as $path | map(getpath($path) | values) | median | if . == null then "" else number end]
	+ [map(wrong) | add | tostring]
] | select(length > 0)
| table(["Medians of what came with it", "server", "Mbit/s", "CPU %", "latency p50, ms", "p99", "join p50", "longest", "writes/MB", "waited %", "publisher late, p99", "gaps and errors"]), ""),

($runs[] | select(.stalled) | "Round \(.round): of \(.stalled.players) stalled players \(.stalled.dropped) were dropped.", ""),

([$runs[] | select(.most) | [.row, .name, (.p99_ms | map("\(.[0]): \(if .[1] == 99999 then "lost" else .[1] end)") | join(", "))]]
| select(length > 0) | table(["Tried", "server", "players: p99 in ms"]))
