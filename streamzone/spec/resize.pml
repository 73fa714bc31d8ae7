/* Resize: the keeper moves what lives to a new zone, while workers claim,
 * release, look up, wait and die. Step by step as resize.go, copy.go, follow.go,
 * gate.go, zone.go and lookup.go take them. README.md says what this covers,
 * within what bounds, and what it leaves out.
 *
 * There is one name. Chains are left to zone.pml: here a worker has one node per
 * zone, and to search a zone is one step. The order of a ring is left to
 * wake.pml: here a bell is a flag, raised by a ring and lowered by the listener
 * when it reads the bell, and a futex waits only while it is down.
 *
 * A STEP is one access to memory that others see too. Anything may happen
 * between two of them, the death of the process as well.
 */

/* --- bounds -------------------------------------------------------------- */

#ifndef RESIZES
#define RESIZES 1	/* begun; not all succeed */
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 1	/* times that somebody will not wait any longer */
#endif
#ifndef CLAIMS0
#define CLAIMS0 1	/* by worker 0 */
#endif
#ifndef CLAIMS1
#define CLAIMS1 0	/* by worker 1 */
#endif
#ifndef LOOKUPS
#define LOOKUPS 0	/* by worker 1 */
#endif
#ifndef PLAYERS
#define PLAYERS 0	/* goroutines of worker 1 that wait for the name: 0 or 1 */
#endif
#ifndef KILLS
#define KILLS 0		/* of workers */
#endif
#ifndef KEEPER_KILLS
#define KEEPER_KILLS 0
#endif
#ifndef REJOINS
#define REJOINS 0	/* processes that join slot 0 with the epoch of a dead one */
#endif
#ifdef FOLLOWED		/* begin after a freeze that came to nothing, when all have followed anew; RESIZES is 1 */
#define FOLLOWERS 0
#else
#define FOLLOWERS 1
#endif
#define WORKERS 2
#define ZONES (RESIZES + 1)

/* --- status.go ----------------------------------------------------------- */

#define INIT     0
#define READY    1
#define FREEZING 2
#define MOVED    3
#define VOID     4
#define new_status(number, stage) ((number) << 3 | (stage))
#define number(s) ((s) >> 3)
#define stage(s)  ((s) & 7)
#define moved(z)  (stage(status[z]) == MOVED)

/* --- the shared memory: per zone, and per worker in it ------------------- */

#define of(z, w) ((z) * WORKERS + (w))
#define EACH (ZONES * WORKERS)

#define NONE    0
#define PRIVATE 1	/* LIVE, in no chain */
#define LINKED  2

byte status[ZONES];
byte node[EACH];
bool open[EACH];	/* the slot's epoch is odd */
byte ack[EACH];		/* slotFrozen */
bool lock[EACH];	/* the slot's lock byte is held */
bool bell[EACH];
bool dirty[EACH];
bool interest[EACH];

#define NOBODY 0
#define linked(z, w) (node[of(z, w)] == LINKED && open[of(z, w)])
#define holder(z) (linked(z, 0) -> 1 : (linked(z, 1) -> 2 : NOBODY))	/* worker + 1 */

/* --- the memory of each worker's process --------------------------------- */

#define NO_ZONE 255
bool alive[WORKERS] = true;
byte cur[WORKERS];		/* the zone in use */
byte next[WORKERS] = NO_ZONE;	/* its successor */
bool mu[WORKERS];
bool frozen[WORKERS];		/* the gate */
bool inside[WORKERS];		/* a call is in it */
chan mail[WORKERS] = [RESIZES] of { byte };	/* zones to Follow */
bool watching, signal;		/* worker 1's Watch is open; is signalled */

/* --- what must hold ------------------------------------------------------ */

/* The text of a failed assertion is the name of the rule. */
#define must(rule, holds) if :: holds :: else -> rule = false; assert(rule) fi
hidden byte one_owner_over_all_zones = true;
hidden byte nobody_writes_to_a_zone_that_has_moved = true;
hidden byte no_stream_is_lost = true;
hidden byte answer_was_true = true;
hidden byte nobody_is_lost = true;
hidden byte all_end_in_the_same_zone = true;
hidden byte nobody_stays_frozen = true;
hidden byte nobody_waits_for_a_name_that_is_held = true;

byte truth = NOBODY;	/* the oracle: who has the name */
byte true_since;	/* a set: who has had it since the lookup began */
byte zone_in_use;	/* by the last commit */
byte kills = KILLS;
byte keeper_kills = KEEPER_KILLS;
byte rejoins = REJOINS;
byte patience = TIMEOUTS;
byte turning;		/* goroutines that have to end, or begin, with their process: they go first */
bool waits;		/* worker 1's player */
hidden byte n;

inline now_has(who) {
	truth = who;
	if :: LOOKUPS > 0 -> true_since = true_since | 1 << who :: else fi
}

/* --- steps --------------------------------------------------------------- */

#define WAIT(event, ...) if :: atomic { alive[w] && !turning && (event) -> __VA_ARGS__ } :: !alive[w] -> goto dead fi
#define STEP(...) WAIT(true, __VA_ARGS__)
#define KEEP(...) if :: atomic { !turning -> __VA_ARGS__ } :: atomic { keeper_kills > 0 && !turning -> keeper_kills--; goto dead } fi

#define ring(z, w) dirty[of(z, w)] = alive[w]; bell[of(z, w)] = alive[w]	/* the dead do not hear */
#define ring_if_open(z, w) if :: open[of(z, w)] -> ring(z, w) :: else fi
#if KEEPER_KILLS > 0
#define RING_ALL(step, z) step(ring_if_open(z, 0)); step(ring_if_open(z, 1))
#else	/* nobody can see which comes first */
#define RING_ALL(step, z) step(ring_if_open(z, 0); ring_if_open(z, 1))
#endif

/* --- gate.go, claim.go, release.go --------------------------------------- */

/* The zone in use cannot change while a call is inside. */
inline enter() {
	WAIT(!frozen[w], inside[w] = true; t = cur[w]; must(nobody_is_lost, !moved(t)))
}

#define leave() inside[w] = false; t = 0
#define WRITE(...) STEP(must(nobody_writes_to_a_zone_that_has_moved, !moved(t)); __VA_ARGS__)

proctype caller(byte w) {
	byte claims, t;
	bool rings;
start:
	do
	:: claims == (w == 0 -> CLAIMS0 : CLAIMS1) -> break
	:: else -> claims++;
		enter();	/* Claim */
		STEP(if :: holder(t) != NOBODY -> leave(); goto start :: else fi);	/* taken */
		WRITE(node[of(t, w)] = PRIVATE);
		WRITE(
			if
			:: holder(t) == NOBODY -> node[of(t, w)] = LINKED;
				must(one_owner_over_all_zones, truth == NOBODY);
				now_has(w + 1)
			:: else -> node[of(t, w)] = NONE; leave(); goto start	/* giveBack */
			fi;
			if :: PLAYERS == 0 -> leave() :: else fi);
#if PLAYERS > 0
		STEP(rings = interest[of(t, 1)]);	/* ringBucket */
		STEP(if :: rings -> ring(t, 1); rings = false :: else fi; leave());
#endif
		if
		:: true -> break	/* and keep the name */
		:: enter()		/* Release: locate, and the CAS that ends the stream */
		fi;
		WRITE(must(no_stream_is_lost, linked(t, w));
			node[of(t, w)] = NONE; now_has(NOBODY); leave())
	od;
end_idle:
	!alive[w];
dead:
	atomic { claims = 0; t = 0; rings = false; turning-- };
end_dead:
	atomic { alive[w] -> turning--; goto start }
}

/* --- follow.go, watch.go ------------------------------------------------- */

#define holds_watch (PLAYERS > 0 && w == 1)

/* moveFrom: `to` becomes the zone in use. mu is held. */
inline move_from(t) {
	must(nobody_is_lost, to == zone_in_use);
#if !defined INTERESTS_NOT_MOVED && !defined FIRE_BEFORE_INTERESTS
	if
	:: holds_watch -> STEP(interest[of(to, w)] = watching)
	:: else
	fi;
#endif
#ifdef THAW_BEFORE_SWAP
	STEP(frozen[w] = false);
#endif
	STEP(cur[w] = to);
	STEP(next[w] = NO_ZONE; lock[of(t, w)] = false);
	STEP(frozen[w] = false);
	if
	:: holds_watch -> STEP(signal = signal || watching)	/* fireAll */
	:: else
	fi;
#ifdef FIRE_BEFORE_INTERESTS
	STEP(interest[of(to, w)] = watching && holds_watch)
#endif
}

/* The watching goroutine: listen, and what it calls. The bell is read first. */
proctype watcher(byte w) {
	byte t, s, to;
	byte froze;	/* number of the freeze, 0: not frozen */
	bool late;	/* the freeze takes too long */
	bool taken;
start:
	t = cur[w];
listen:
	STEP(bell[of(t, w)] = false; s = status[t]);
	if
	:: stage(s) == FREEZING ->
		if
		:: froze != number(s) ->
#ifdef ACK_BEFORE_GATE
			STEP(frozen[w] = true);
#else
			WAIT(frozen[w] || !inside[w], frozen[w] = true);
#endif
			STEP(froze = number(s); late = false;
				if
#ifndef ACK_WITHOUT_SUCCESSOR
				:: next[w] == NO_ZONE || stage(status[next[w]]) != INIT	/* not ready */
#endif
				:: else -> ack[of(t, w)] = froze
				fi)
		:: else
		fi;
		if
		:: late ->
#ifdef THAW_ALONE
			STEP(frozen[w] = false; late = false; froze = 0)
#else
			STEP(	/* abort */
				late = status[t] == s;
				if :: late -> status[t] = new_status(number(s), READY) :: else fi);
			if
			:: late -> RING_ALL(STEP, t); late = false
			:: else
			fi
#endif
		:: else
		fi
	:: stage(s) == MOVED ->
		WAIT(!mu[w], mu[w] = true; to = next[w]);
		if
		:: cur[w] == t -> move_from(t)
		:: else
		fi;
		atomic { mu[w] = false; t = cur[w]; s = 0; froze = 0; late = false; to = 0; goto listen }
	:: else ->
		if
		:: frozen[w] -> STEP(frozen[w] = false; froze = 0; late = false)	/* thaw */
		:: else
		fi;
		WAIT(next[w] == NO_ZONE || !mu[w],	/* dropVoid */
			if
			:: next[w] != NO_ZONE && stage(status[next[w]]) == VOID ->
				lock[of(next[w], w)] = false; next[w] = NO_ZONE
			:: else
			fi)
	fi;
#if PLAYERS > 0
	if
	:: holds_watch ->
		STEP(taken = dirty[of(t, w)]; dirty[of(t, w)] = false);
		if
		:: taken -> WAIT(!mu[w], signal = signal || watching; taken = false)	/* fireGroups */
		:: else
		fi
	:: else
	fi;
#endif
	s = 0;
end_sleeps:	/* Frozen, it looks at the status from time to time, rung or not. */
	if
	:: alive[w] && !turning && bell[of(t, w)] -> goto listen
	:: alive[w] && !turning && froze != 0 && stage(status[t]) != FREEZING -> goto listen
	:: atomic { alive[w] && !turning && froze != 0 && patience > 0 -> patience--; late = true; goto listen }
	:: !alive[w]
	fi;
dead:
	atomic { t = 0; s = 0; to = 0; froze = 0; late = false; taken = false; turning-- };
end_dead:
	atomic { alive[w] -> turning--; goto start }
}

/* Follow, for one zone after another. */
proctype follower(byte w) {
	byte z, to, now;
	bool behind;
end_start:
	if
	:: atomic { alive[w] && !turning && nempty(mail[w]) -> mail[w]?z }
	:: !alive[w] -> goto dead
	fi;
	WAIT(!mu[w], mu[w] = true; now = cur[w]; to = next[w]; behind = moved(now) && to != NO_ZONE);
#ifndef FOLLOW_OVERWRITES
	if
	:: behind -> move_from(now); now = to; to = NO_ZONE
	:: else
	fi;
#endif
	if
	:: to != NO_ZONE -> STEP(lock[of(to, w)] = false; next[w] = NO_ZONE)	/* drop */
	:: else
	fi;
#ifdef LOCK_BEFORE_NEXT
	STEP(lock[of(z, w)] = true);
	STEP(next[w] = z; ring(now, w); mu[w] = false);
#else
	STEP(next[w] = z);
	STEP(lock[of(z, w)] = true; ring(now, w); mu[w] = false);
#endif
	atomic { z = 0; to = 0; now = 0; behind = false; goto end_start };
dead:
	atomic { z = 0; to = 0; now = 0; behind = false; turning-- };
end_dead:
	atomic { alive[w] -> turning--; goto end_start }
}

/* --- lookup.go, zone.go -------------------------------------------------- */

#define usable(z) (stage(status[z]) == READY || stage(status[z]) == FREEZING)

inline lookup() {
	STEP(t = cur[w]);	/* Lookup: the quick way */
	STEP(answer = holder(t));
#ifndef LOOKUP_WITHOUT_STATUS
	STEP(old = moved(t));
#endif
	do
	:: !old -> break
	:: else ->	/* lookup: the general way */
		STEP(t = cur[w]);
		do	/* view */
		:: STEP(if :: !moved(t) -> break :: else fi);
			STEP(successor = next[w]);
			STEP(old = cur[w] == t; t = cur[w]);
			if
			:: old ->
				STEP(
					if
					:: successor != NO_ZONE && usable(successor) -> t = successor; break
					:: else -> must(nobody_is_lost, cur[w] != t); t = cur[w]
					fi)
			:: else
			fi
		od;
		STEP(answer = holder(t));
		STEP(old = moved(t))
	od;
	t = 0; successor = 0
}

proctype reader(byte w) {
	byte lookups, t, successor, answer;
	bool old;
	do
	:: lookups == LOOKUPS -> break
	:: else -> lookups++;
		STEP(true_since = 1 << truth);
		lookup();
		STEP(must(answer_was_true, true_since >> answer & 1); answer = 0; true_since = 0)
	od;
end_idle:
	!alive[w];
dead:
	atomic { t = 0; successor = 0; answer = 0; old = false; true_since = 0; turning-- }
}

/* To look up is one step here; the reader does it in all of them. */
proctype player(byte w) {
	byte answer;
	WAIT(!mu[w], watching = true; interest[of(cur[w], w)] = true);	/* Watch */
	do
	:: STEP(answer = holder(zone_in_use));
		if
		:: answer != NOBODY -> answer = NOBODY; break	/* and play */
		:: else -> waits = true
		fi;
end_waits:
		WAIT(signal, signal = false; waits = false)
	od;
end_idle:
	!alive[w];
dead:
	atomic { answer = 0; waits = false; turning-- }
}

/* --- keeper.go, resize.go, copy.go --------------------------------------- */

#define is_dead(w) (!lock[of(from, w)])
#define may_close(w) (is_dead(w) && open[of(from, w)])

inline close_slot(w) {
	must(no_stream_is_lost, !alive[w]);
	open[of(from, w)] = false;
	if :: truth == w + 1 -> now_has(NOBODY) :: else fi
}

/* await all. If somebody else has ended the freeze, time will tell. */
#ifdef SILENCE_IS_DEATH
#define TIME_OUT skip
#else
#define TIME_OUT goto give_up
#endif
#define AWAIT(done) \
	if \
	:: is_done(0, done) && is_done(1, done) \
	:: atomic { patience > 0 -> patience--; TIME_OUT } \
	:: freeze != 0 && status[from] != freeze -> goto give_up \
	:: REJOINS > 0 && timeout -> TIME_OUT	/* who joins now cannot follow any more */ \
	fi
#define is_done(w, done) (!joined[w] || done(w) || is_dead(w))
#define has_followed(w) lock[of(to, w)]
#if defined COMMIT_WITHOUT_ACKS
#define has_frozen(w) true
#elif defined ANY_ACK
#define has_frozen(w) (ack[of(from, w)] != 0)
#else
#define has_frozen(w) (ack[of(from, w)] == number(freeze))
#endif

#ifdef COPY_PRIVATE
#define is_copied(w) (node[of(from, w)] != NONE)
#else
#define is_copied(w) linked(from, w)
#endif

/* Nobody looks into the successor before the commit, so this is one step. */
inline copy() {
	KEEP(
		open[of(to, 0)] = open[of(from, 0)];
		open[of(to, 1)] = open[of(from, 1)];
		if :: is_copied(0) -> node[of(to, 0)] = LINKED :: else fi;
		if :: is_copied(1) -> node[of(to, 1)] = LINKED :: else fi;
		must(one_owner_over_all_zones, !(linked(to, 0) && linked(to, 1))))
}

proctype keeper() {
	byte from, to, freeze, made;
	bool joined[WORKERS];
start:
	do
	:: atomic { !turning && may_close(0) -> close_slot(0) };
		RING_ALL(KEEP, from)
	:: atomic { !turning && may_close(1) -> close_slot(1) };
		RING_ALL(KEEP, from)
	:: atomic { !turning && made < RESIZES && !may_close(0) && !may_close(1) ->	/* Resize */
			joined[0] = open[of(from, 0)]; joined[1] = open[of(from, 1)];
			made++; to = made };
#if FOLLOWERS
		KEEP(if :: joined[0] && alive[0] -> mail[0]!to :: else fi);	/* pass */
		KEEP(if :: joined[1] && alive[1] -> mail[1]!to :: else fi);
		AWAIT(has_followed);
#endif
#ifdef COPY_BEFORE_FREEZE
		copy();
#endif
		KEEP(	/* standStill */
			must(nobody_is_lost, stage(status[from]) == READY);
			freeze = new_status(number(status[from]) + 1, FREEZING);
			status[from] = freeze);
		RING_ALL(KEEP, from);
		AWAIT(has_frozen);
#ifndef COPY_BEFORE_FREEZE
		copy();
#endif
		KEEP(status[to] = new_status(0, READY));	/* commit */
		KEEP(
			if
#ifndef COMMIT_BY_STORE
			:: status[from] != freeze -> goto give_up
#endif
			:: else -> status[from] = new_status(number(freeze), MOVED); zone_in_use = to
			fi);
		RING_ALL(KEEP, from);
		goto resized;
give_up:
		KEEP(status[to] = new_status(0, VOID));
		KEEP(if :: status[from] == freeze -> status[from] = new_status(number(freeze), READY) :: else fi);
		RING_ALL(KEEP, from);
resized:
		atomic { from = zone_in_use; to = 0; freeze = 0; joined[0] = false; joined[1] = false }
	:: atomic { timeout -> goto rest }
	od;
dead:	/* The next keeper: Adopt */
	atomic { from = zone_in_use; to = 0; freeze = 0; joined[0] = false; joined[1] = false };
	KEEP(
		if
		:: stage(status[from]) == FREEZING -> status[from] = new_status(number(status[from]), READY)
		:: else -> goto start
		fi);
	RING_ALL(KEEP, from);
	goto start;
rest:
	atomic {
		n = 0;
		do
		:: n == WORKERS -> break
		:: else ->
			must(all_end_in_the_same_zone, !alive[n] || cur[n] == zone_in_use);
			must(nobody_stays_frozen, !alive[n] || !frozen[n]);
			n++
		od;
		n = 0;
		must(no_stream_is_lost, holder(zone_in_use) == truth);
		must(nobody_waits_for_a_name_that_is_held, !waits || truth == NOBODY)
	}
}

/* --- deaths, and Join ---------------------------------------------------- */

#define goroutines(w) (FOLLOWERS + 1 + (w == 0 -> 1 : (CLAIMS1 > 0) + (LOOKUPS > 0) + (PLAYERS > 0)))

/* The kernel frees the lock bytes. What nobody reads any more is cleared too, to
 * have fewer states. */
inline kill(w) {
	alive[w] = false; turning = goroutines(w);
	n = 0;
	do
	:: n == ZONES -> break
	:: else -> lock[of(n, w)] = false; bell[of(n, w)] = false; dirty[of(n, w)] = false; ack[of(n, w)] = 0; n++
	od;
	n = 0;
	cur[w] = 0; next[w] = NO_ZONE; mu[w] = false; frozen[w] = false; inside[w] = false;
	if :: w == 1 -> watching = false; signal = false :: else fi;
	do :: mail[w]?_ :: empty(mail[w]) -> break od
}

proctype killer() {
end:
	do
	:: atomic { kills > 0 && !turning && alive[0] -> kills--; kill(0) }
	:: atomic { kills > 0 && !turning && alive[1] -> kills--; kill(1) }
	od
}

/* Another process joins slot w with the epoch of the dead one. */
proctype joiner(byte w) {
	byte z;
end:
	do
	:: atomic { rejoins > 0 && !turning && !alive[w] && open[of(zone_in_use, w)] -> rejoins--; z = zone_in_use };
		atomic {
			!turning;
			if
			:: open[of(z, w)] -> lock[of(z, w)] = true
			:: else -> goto refused
			fi };
		atomic {
			!turning;
			if
			:: stage(status[z]) == READY
#ifdef JOIN_INTO_FREEZE
			:: stage(status[z]) == FREEZING
#endif
			:: else -> lock[of(z, w)] = false; goto refused
			fi;
			cur[w] = z; alive[w] = true; turning = goroutines(w) };
refused:
		z = 0
	od
}

init {
	atomic {
		status[0] = new_status(1 - FOLLOWERS, READY);
		open[of(0, 0)] = true; open[of(0, 1)] = true;
		lock[of(0, 0)] = true; lock[of(0, 1)] = true;
		run caller(0); run watcher(0); run watcher(1);
#if FOLLOWERS
		run follower(0); run follower(1);
#else
		ack[of(0, 0)] = 1; ack[of(0, 1)] = 1;
		next[0] = 1; next[1] = 1;
		lock[of(1, 0)] = true; lock[of(1, 1)] = true;
#endif
#if CLAIMS1 > 0
		run caller(1);
#endif
#if LOOKUPS > 0
		run reader(1);
#endif
#if PLAYERS > 0
		run player(1);
#endif
#if KILLS > 0
		run killer();
#endif
#if REJOINS > 0
		run joiner(0);
#endif
		run keeper()
	}
}
