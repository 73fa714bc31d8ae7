/* The nodes of the zone: claims, releases, lookups, deaths and sweeps, step by
 * step as word.go, walk.go, claim.go, release.go, lookup.go, alloc.go, keeper.go
 * and sweep.go take them. README.md says what this covers, within what bounds,
 * and what it leaves out.
 *
 * A STEP and a WRITE are one access to the shared memory each; anything may
 * happen between two of them. Instead of a WRITE the process may be killed. (To
 * be killed before a read is the same as to be killed before the next write, or
 * between two operations: a read leaves nothing behind.)
 */

/* --- bounds -------------------------------------------------------------- */

#ifndef WORKERS
#define WORKERS 2	/* at most 2, one per slot */
#endif
#ifndef NODES
#define NODES 2		/* at most 3 */
#endif
#ifndef NAMES
#define NAMES 1		/* at most 3: 0 and 1 are in bucket 0, 2 is in bucket 1 */
#endif
#ifndef CLAIMS
#define CLAIMS 1	/* that each process in a slot makes */
#endif
#ifndef LOOKUPS
#define LOOKUPS 0	/* by a process that does nothing else */
#endif
#ifndef KILLS
#define KILLS 1		/* of workers; each is followed by another process */
#endif
#ifndef KEEPER_KILLS
#define KEEPER_KILLS 0	/* in a sweep: its other actions are one step each */
#endif
#define SLOTS 2
#define BUCKETS (1 + (NAMES - 1) / 2)
#define bucket(name) ((name) / 2)

/* --- word.go, with fewer bits -------------------------------------------- */

#define FREE      0	/* nobody's */
#define CLAIMING  1	/* being filled by its owner, in no chain */
#define LIVE      2	/* filled; a stream once it is in a chain */
#define RELEASING 3	/* deleted; leaving its chain */

/* state = generation | epoch:3 | slot:1 | phase:2 */
#define new_state(gen, epoch, slot, phase) ((gen) << 6 | (epoch) << 3 | (slot) << 2 | (phase))
#define gen(s)      ((s) >> 6)
#define epoch_of(s) ((s) >> 3 & 7)
#define slot_of(s)  ((s) >> 2 & 1)
#define phase(s)    ((s) & 3)
#define with(s, ph) ((s) >> 2 << 2 | (ph))

/* link = target's generation | target's index+1 : 2 | mark */
#define NIL 0
#define MARK 1
#define life(i, s)  (gen(s) << 3 | ((i) + 1) << 1)	/* names one incarnation */
#define index(l)    (((l) >> 1 & 3) - 1)
#define marked(l)   ((l) & MARK)
#define unmarked(l) ((l) >> 1 << 1)
#ifdef NO_LINK_GENERATION
#define link_to(i, s) (((i) + 1) << 1)
#define names(l, s)   true
#else
#define link_to(i, s) life(i, s)
#define names(l, s)   ((l) >> 3 == gen(s))
#endif

/* --- the shared memory --------------------------------------------------- */

byte head[BUCKETS] = NIL;
short state[NODES];
byte next[NODES];
byte name[NODES];
byte epoch[SLOTS] = 1;		/* odd: open, even: closed */
bool alive[SLOTS] = true;	/* the slot's lock byte is held */

#define is_open(slot) (epoch[slot] & 1)
#define really_effective(s) (phase(s) == LIVE && epoch[slot_of(s)] == epoch_of(s))
#ifdef NO_EFFECTIVE_CHECK
#define effective(s) (phase(s) == LIVE)
#else
#define effective(s) really_effective(s)
#endif

/* --- what must hold ------------------------------------------------------ */

/* The text of a failed assertion is the name of the rule. */
#define must(rule, holds) if :: holds :: else -> rule = false; assert(rule) fi
hidden byte one_owner_per_name = true;
hidden byte held_name_is_in_its_chain = true;
hidden byte reachable_is_in_use = true;
hidden byte link_names_its_target = true;
hidden byte node_is_in_its_bucket = true;
hidden byte marked_is_leaving = true;
hidden byte chain_ends = true;
hidden byte freed_once = true;
hidden byte no_link_is_torn_twice = true;
hidden byte answer_was_true = true;
hidden byte held_name_is_found = true;
hidden byte idle_zone_is_clean = true;

byte holder[NAMES];	/* the oracle: which life has the name, NIL: none */
byte kills = KILLS;
byte keeper_kills = KEEPER_KILLS;

hidden byte m, mi, mj, length, names_seen;

/* The rules of Check, as part of each step that changes the structure. */
inline check_bucket(b) {
	m = head[b]; length = 0;
	do
	:: m == NIL -> break
	:: else ->
		length++;
		must(chain_ends, length <= NODES);
		mi = index(m);
		must(reachable_is_in_use, phase(state[mi]) >= LIVE);
		must(link_names_its_target, names(m, state[mi]));
		must(node_is_in_its_bucket, bucket(name[mi]) == b);
		must(marked_is_leaving, !marked(next[mi]) || phase(state[mi]) == RELEASING);
		if
		:: really_effective(state[mi]) ->
			must(one_owner_per_name, !(names_seen >> name[mi] & 1));
			names_seen = names_seen | 1 << name[mi]
		:: else
		fi;
		m = unmarked(next[mi])
	od
}

inline check() {
	names_seen = 0;
	check_bucket(0);
#if BUCKETS > 1
	check_bucket(1);
#endif
	mi = 0;
	do
	:: mi == NAMES -> break
	:: else ->
		must(held_name_is_in_its_chain, (names_seen >> mi & 1) == (holder[mi] != NIL));
		mi++
	od;
	m = 0; mi = 0; length = 0; names_seen = 0
}

/* --- walk.go ------------------------------------------------------------- */

#define STEP(...) atomic { __VA_ARGS__ }
#define WRITE_OR_DIE(may_die, left, ...) if :: atomic { __VA_ARGS__ } :: atomic { may_die -> left--; goto killed } fi

/* again: generations never come back, so nobody meets a torn link twice. */
inline again() {
	must(no_link_is_torn_twice, at != torn); torn = at
}

/* R4: what was read of node i counts only if it still is the same incarnation. */
#ifdef NO_R4
#define still_there true
#else
#define still_there (gen(state[i]) == gen(s) && phase(state[i]) != FREE)
#endif

#define ABSENT 0
#define FOUND  1
#define TORN   2

/* find looks for the wanted name in the chain that begins at the link `at`. */
inline find() {
	do
	:: atomic { at == NIL -> outcome = ABSENT; break }
	:: atomic { else ->	/* arrive */
		i = index(at); s = state[i];
		was_true = (really_effective(s) && name[i] == wanted);	/* the oracle looks too */
		if
		:: !names(at, s) || phase(s) < LIVE -> again(); outcome = TORN; break
		:: else
		fi };
		if
		:: phase(s) == LIVE ->
#if NAMES > 1
			STEP(match = name[i] == wanted);	/* matches */
#else
			match = true;
#endif
			if
			:: match ->
#ifndef NO_SECOND_LOOK
				STEP(
					if
					:: gen(state[i]) != gen(s) -> again(); outcome = TORN; break
					:: else -> match = state[i] == s
					fi);
#endif
				STEP(if :: match && effective(s) -> outcome = FOUND; break :: else fi)
			:: else
			fi
		:: else
		fi;
		STEP(nxt = next[i]);	/* onward */
		STEP(
			if
			:: !still_there -> again(); outcome = TORN; break
			:: else -> at = unmarked(nxt); i = 0; s = 0; nxt = 0; match = 0
			fi)
	od
}

/* unlink returns when a complete walk did not meet the target (R1). */
inline unlink(target, may_die, left) {
	torn = NIL;
expel:
	STEP(at = head[bucket(name[target])]; from = 0);
	do
	:: at == NIL -> break
	:: else ->
		STEP(	/* arrive */
			i = index(at); s = state[i];
			if
			:: !names(at, s) || phase(s) < LIVE -> again(); goto expel
			:: else
			fi);
		STEP(nxt = next[i]);	/* onward */
		STEP(
			if
			:: !still_there -> again(); goto expel
			:: else ->
				if
				:: !marked(nxt) -> from = i + 1; at = nxt
				:: else
				fi
			fi);
		if
		:: marked(nxt) ->
			WRITE_OR_DIE(may_die, left,
				if
				:: from == 0 && head[bucket(name[target])] == at -> head[bucket(name[target])] = unmarked(nxt)
				:: from != 0 && next[from - 1] == at -> next[from - 1] = unmarked(nxt)
				:: else -> goto expel
				fi;
				check();
				if
#ifdef NO_R1
				:: i == target -> break
#else
				:: i == target -> goto expel
#endif
				:: else ->
#ifdef HELPERS_FREE
					state[i] = with(state[i], FREE);	/* no R2 */
#endif
					at = unmarked(nxt)
				fi)
		:: else
		fi
	od;
	atomic { i = 0; s = 0; at = NIL; from = 0; nxt = 0; torn = NIL }
}

#ifdef NO_MARK
#define set_mark(i) skip
#else
#define set_mark(i) next[i] = next[i] | MARK; check()
#endif

/* --- alloc.go, claim.go, release.go -------------------------------------- */

/* The slots are alike, so let the first one killed be 0. */
#define may_die (kills > 0 && (kills < KILLS || slot == 0))
#define WRITE(...) WRITE_OR_DIE(may_die, kills, __VA_ARGS__)

/* Nodes that nobody has used yet are alike: take the first. */
#define may_take(i) (phase(state[i]) == FREE && (state[i] != 0 || i == 0 || state[i - (i > 0)] != 0))

/* The name that is claimed next. In the scripted case a node changes its bucket:
 * slot 0 claims 1 and then 2, all others want 0. */
inline choose() {
#ifdef SCRIPT
	wanted = (slot == 0 -> claims : 0)
#elif NAMES == 1
	wanted = 0
#elif NAMES == 2
	if :: wanted = 0 :: wanted = 1 fi
#else
	if :: wanted = 0 :: wanted = 1 :: wanted = 2 fi
#endif
}

#ifdef SCRIPT
#define claims_of(slot) (slot == 0 -> CLAIMS : 1)
#else
#define claims_of(slot) CLAIMS
#endif

/* What a process forgets between two operations. */
inline forget() {
	wanted = 0; first = NIL; held = false; mine = 0; my = 0;
	at = NIL; i = 0; from = 0; nxt = 0; torn = NIL; s = 0; outcome = 0; match = 0; was_true = 0
}

/* The process in a slot, and after its death the next one. */
proctype worker(bit slot) {
	byte my_epoch = 1;
	byte claims;		/* made by this process */
	byte wanted;		/* the name */
	byte first;		/* the head that the search began with */
	bool held;		/* a node is taken and not linked: */
	byte mine; short my;	/* its index and state */
	byte at, i, from, nxt, torn; short s;	/* of a walk */
	byte outcome; bool match, was_true;
start:
	do
	:: claims == claims_of(slot) -> break
	:: else ->
		claims++;
		choose();
search:
		STEP(first = head[bucket(wanted)]; at = first);
		find();
		if
		:: outcome == TORN -> atomic { i = 0; s = 0; nxt = 0; outcome = 0; match = 0; was_true = 0; goto search }
		:: outcome == FOUND -> must(answer_was_true, was_true);
			if
			:: held -> WRITE(must(freed_once, state[mine] == my); state[mine] = with(my, FREE); check())	/* giveBack */
			:: else
			fi;
			goto done
		:: else -> atomic { i = 0; s = 0; nxt = 0; match = 0; was_true = 0 }
		fi;
		if
		:: !held ->	/* take */
			WRITE(
				if
				:: may_take(0) -> mine = 0
				:: may_take(1) -> mine = 1
#if NODES > 2
				:: may_take(2) -> mine = 2
#endif
				:: else -> goto done	/* ErrFull */
				fi;
				my = new_state(gen(state[mine]) + 1, my_epoch, slot, CLAIMING);
				state[mine] = my; held = true);
#if NAMES > 1
			WRITE(name[mine] = wanted)
#endif
		:: else
		fi;
#ifdef LATE_HEAD
		WRITE(first = head[bucket(wanted)]; next[mine] = first);
#else
		WRITE(next[mine] = first);	/* link */
#endif
		WRITE(my = with(my, LIVE); state[mine] = my);
		WRITE(
			if
#ifndef PLAIN_INSERT
			:: head[bucket(wanted)] != first -> torn = NIL; goto search
#endif
			:: else -> head[bucket(wanted)] = link_to(mine, my);
				must(one_owner_per_name, holder[wanted] == NIL);
				holder[wanted] = life(mine, my);
				check(); held = false; first = NIL; torn = NIL
			fi);
		if
		:: true -> goto done	/* and keep the name */
		:: WRITE(	/* Release */
			must(freed_once, state[mine] == my);
			my = with(my, RELEASING); state[mine] = my;
			holder[wanted] = NIL; check())
		fi;
		WRITE(set_mark(mine));	/* retire */
		unlink(mine, may_die, kills);
		WRITE(must(freed_once, state[mine] == my); state[mine] = with(my, FREE); check());
done:
		atomic { forget() }
	od;
end_idle:
	atomic { may_die -> kills-- };
killed:
	atomic { alive[slot] = false; claims = 0; my_epoch = 0; forget() };
end_dead:
	atomic { alive[slot] -> my_epoch = epoch[slot]; goto start }
}

/* --- lookup.go ----------------------------------------------------------- */

proctype reader() {
	byte lookups;
	byte wanted;
	byte held;	/* who had the name when the lookup began */
	byte at, i, nxt, torn; short s;
	byte outcome; bool match, was_true;

	do
	:: lookups == LOOKUPS -> break
	:: else -> lookups++;
#ifndef SCRIPT
		choose();
#endif
		STEP(at = head[bucket(wanted)]; held = holder[wanted]);
retry:
		find();
		if
		:: atomic { outcome == TORN ->
			i = 0; s = 0; nxt = 0; outcome = 0; match = 0; was_true = 0; at = head[bucket(wanted)]; goto retry }
		:: atomic { else ->
			must(answer_was_true, outcome == ABSENT || was_true);
			must(held_name_is_found, held == NIL || held != holder[wanted] || (outcome == FOUND && life(i, s) == held));
			wanted = 0; held = NIL; at = NIL; i = 0; nxt = 0; torn = NIL; s = 0; outcome = 0; match = 0; was_true = 0 }
		fi
	od
}

/* --- keeper.go, sweep.go ------------------------------------------------- */

#ifdef NO_PROOF_OF_DEATH
#define may_close(slot) (epoch[slot] == 1)
#else
#define may_close(slot) (is_open(slot) && !alive[slot])
#endif

inline close_slot(slot) {
	epoch[slot]++;
	mi = 0;
	do
	:: mi == NAMES -> break
	:: else ->
		m = index(holder[mi]);
		if :: holder[mi] != NIL && slot_of(state[m]) == slot -> holder[mi] = NIL :: else fi;
		mi++
	od;
	m = 0; mi = 0;
	check()
}

#ifdef EPOCH_BLIND_SWEEP
#define must_sweep(i) (phase(state[i]) != FREE && epoch[slot_of(state[i])] > 1)
#else
#define must_sweep(i) (phase(state[i]) != FREE && epoch[slot_of(state[i])] != epoch_of(state[i]))
#endif

/* At rest: no node is in between, none of the dead, and every LIVE one is in its chain. */
inline check_idle() {
	check();
	mi = 0;
	do
	:: mi == NODES -> break
	:: else ->
		must(idle_zone_is_clean, phase(state[mi]) == FREE || really_effective(state[mi]));
		length = length + (phase(state[mi]) != FREE);
		mi++
	od;
	do
	:: mj == BUCKETS -> break
	:: else ->
		m = head[mj];
		do
		:: m == NIL -> break
		:: else -> length--; m = next[index(m)]
		od;
		mj++
	od;
	must(idle_zone_is_clean, length == 0);
	mi = 0; mj = 0
}

/* It does what there is to do, in any order: a sweep may be late, also while the
 * slot's next process is at work. */
proctype keeper() {
	byte target; short was;
	byte at, i, from, nxt, torn; short s;
start:
	do
	:: atomic { may_close(0) -> close_slot(0) }
	:: atomic { may_close(1) -> close_slot(1) }
	:: atomic { !is_open(0) -> epoch[0]++; alive[0] = true }	/* OpenSlot, and a new process */
	:: atomic { !is_open(1) -> epoch[1]++; alive[1] = true }
	:: atomic {	/* Sweep. The owner is dead, so the state cannot change under us. */
		if
		:: must_sweep(0) -> target = 0
		:: must_sweep(1) -> target = 1
#if NODES > 2
		:: must_sweep(2) -> target = 2
#endif
		fi;
		was = state[target];
		if
		:: phase(was) == CLAIMING -> state[target] = with(was, FREE); check(); goto swept
		:: phase(was) == LIVE -> was = with(was, RELEASING); state[target] = was; check()
		:: phase(was) == RELEASING
		fi };
		WRITE_OR_DIE(keeper_kills > 0, keeper_kills, set_mark(target));	/* retire */
		unlink(target, keeper_kills > 0, keeper_kills);
		WRITE_OR_DIE(keeper_kills > 0, keeper_kills, must(freed_once, state[target] == was); state[target] = with(was, FREE); check());
swept:
		atomic { target = 0; was = 0 }
	:: timeout -> break
	od;
	atomic { check_idle(); goto end };
killed:	/* the next keeper does it again */
	atomic { target = 0; was = 0; at = NIL; i = 0; from = 0; nxt = 0; torn = NIL; s = 0; goto start };
end:
	skip
}

init {
	atomic {
		run worker(0);
#if WORKERS > 1
		run worker(1);
#endif
#if LOOKUPS > 0
		run reader();
#endif
		run keeper()
	}
}
