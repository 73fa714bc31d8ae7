/* Waiting for a name: Watch, ringBucket, ring, listen, OpenSlot and CloseSlot,
 * step by step as watch.go and keeper.go take them. The chain of nodes is one
 * word here, which zone.pml shows to be right: who holds the name. README.md
 * says what this covers, within what bounds, and what it leaves out.
 *
 * Slot 0 publishes. Slot 1 waits: some players, and the goroutine that listens
 * to the bell. A STEP is one access to memory that others see too. Anything may
 * happen between two of them, the death of the process as well.
 */

/* --- bounds -------------------------------------------------------------- */

#ifndef PLAYERS
#define PLAYERS 1	/* goroutines of slot 1 that wait for the name */
#endif
#ifndef PUBLISHES
#define PUBLISHES 1	/* claims that each life of slot 0 makes, at most */
#endif
#ifndef KILLS
#define KILLS 1		/* of either worker; each is followed by another process */
#endif
#ifndef KEEPER_KILLS
#define KEEPER_KILLS 0
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 0	/* players that close their Watch and open another */
#endif

/* --- the shared memory --------------------------------------------------- */

#define SLOTS 2
#define NOBODY 0
byte epoch[SLOTS] = 1;		/* odd: open, even: closed */
bool alive[SLOTS] = true;	/* the slot's lock byte is held */
byte holder = NOBODY;		/* of the name: epoch and slot */
bool interest;			/* slot 1's bit in the bucket */
bool dirty;			/* slot 1's bit for the bucket */
byte bell;			/* slot 1's */
bool asleep;			/* slot 1's listener, in the futex */

#define is_open(slot) (epoch[slot] & 1)
#define holds(slot) (epoch[slot] << 1 | (slot))
#define slot_of(h) ((h) & 1)
#define effective(h) ((h) != NOBODY && epoch[slot_of(h)] == (h) >> 1)

/* --- the memory of the process in slot 1 --------------------------------- */

byte watched;			/* Watches of the bucket; guarded by mu */
bool watching[PLAYERS];		/* its Watch is on the list; guarded by mu */
bool signal[PLAYERS];		/* is in the Watch's channel */

/* --- what must hold when nothing can happen any more --------------------- */

/* The text of a failed assertion is the name of the rule. */
#define must(rule, holds) if :: holds :: else -> rule = false; assert(rule) fi
hidden byte nobody_waits_for_a_name_that_is_held = true;
hidden byte nobody_waits_for_the_end_of_what_has_ended = true;

bool waits[PLAYERS];		/* for its Watch to fire */
bool saw_the_dead[PLAYERS];	/* the stream that it found has a dead owner */
byte kills = KILLS;
byte keeper_kills = KEEPER_KILLS;
byte give_ups = GIVE_UPS;
byte turning;			/* goroutines that have to end, or begin, with their process: they go first */
hidden byte n;

/* --- watch.go ------------------------------------------------------------ */

#define WAIT(event, ...) if :: atomic { alive[SLOT] && !turning && (event) -> __VA_ARGS__ } :: !alive[SLOT] -> goto dead fi
#define STEP(...) WAIT(true, __VA_ARGS__)

/* ring: dirty before bell, bell before wake. */
#if defined BELL_BEFORE_DIRTY
#define RING(step) step(bell++); step(asleep = false); step(dirty = true)
#elif defined WAKE_BEFORE_BELL
#define RING(step) step(dirty = true); step(asleep = false); step(bell++)
#else
#define RING(step) step(dirty = true); step(bell++); step(asleep = false)
#endif

#define SLOT 0
proctype publisher() {
	byte publishes;
	bool rings;
start:
	do
	:: true -> break
	:: publishes < PUBLISHES -> publishes++;
#ifdef INTEREST_BEFORE_LINK
		STEP(rings = interest);
		STEP(holder = holds(0));
#else
		STEP(holder = holds(0));	/* the node is linked */
		STEP(rings = interest);		/* ringBucket */
#endif
		if
		:: rings ->
			STEP(rings = is_open(1));
			if
			:: rings ->
				RING(STEP);
#ifdef RINGERS_CLEAR
				STEP(interest = false)
#endif
			:: else
			fi
		:: else
		fi;
		rings = false;
		if
		:: true	/* keep the name */
		:: STEP(holder = NOBODY)	/* release it */
		fi
	od;
end_idle:
	!alive[0];
dead:
	atomic { publishes = 0; rings = false; turning-- };
end_dead:	/* until there is another process in the slot */
	atomic { alive[0] -> turning--; goto start }
}
#undef SLOT
#define SLOT 1

/* mu covers each of the next two: nobody of the process comes in between. */
inline watch() {
	STEP(watching[p] = true; watched++;
		if :: watched == 1 -> interest = true :: else fi)
}

inline close_watch() {
#ifdef CLOSE_WITHOUT_MUTEX
	STEP(watching[p] = false; watched--; last = watched == 0);
	if
	:: last -> STEP(interest = false)
	:: else
	fi
#else
	STEP(watching[p] = false; watched--;
		if :: watched == 0 -> interest = false :: else fi)
#endif
}

inline lookup() {
	STEP(found = effective(holder); saw_the_dead[p] = found && !alive[slot_of(holder)])
}

proctype player(byte p) {
	bool found;
#ifdef CLOSE_WITHOUT_MUTEX
	bool last;
#endif
start:
#ifdef LOOKUP_BEFORE_WATCH
	lookup();
	watch();
#else
	watch();
#endif
	do
	::
#ifndef LOOKUP_BEFORE_WATCH
		lookup();
#endif
		if
		:: found && !saw_the_dead[p] -> break	/* and play */
		:: else -> found = false; waits[p] = true
		fi;
end_waits:
		if
		:: atomic { alive[1] && !turning && signal[p] -> signal[p] = false; waits[p] = false; saw_the_dead[p] = false }
		:: atomic { alive[1] && !turning && give_ups > 0 -> give_ups--; waits[p] = false; saw_the_dead[p] = false };
			close_watch();
			atomic { signal[p] = false; goto start }	/* with a new channel */
		:: !alive[1] -> goto dead
		fi
#ifdef LOOKUP_BEFORE_WATCH
		; lookup()
#endif
	od;
	close_watch();
end_plays:
	!alive[1];
dead:
	atomic { found = false; waits[p] = false; saw_the_dead[p] = false; signal[p] = false; turning-- };
end_dead:
	atomic { alive[1] -> turning--; goto start }
}

/* listen: the bell is read before the dirty bits are taken. */
proctype listener() {
	byte heard;
	bool taken;
start:
	do
	::
#ifndef BELL_READ_LATE
		STEP(heard = bell);
#endif
		STEP(taken = dirty; dirty = false);
		if
		:: taken ->
			STEP(	/* fireGroups */
				n = 0;
				do
				:: n == PLAYERS -> break
				:: else -> signal[n] = signal[n] || watching[n]; n++
				od)
		:: else
		fi;
#ifdef BELL_READ_LATE
		STEP(heard = bell);
#endif
		STEP(asleep = bell == heard; heard = 0; taken = false);	/* futexWait */
end_sleeps:
		WAIT(!asleep, skip)
	od;
dead:
	atomic { heard = 0; taken = false; asleep = false; turning-- };
end_dead:
	atomic { alive[1] -> turning--; goto start }
}
#undef SLOT

/* --- keeper.go ----------------------------------------------------------- */

#define KEEP(...) if :: atomic { !turning -> __VA_ARGS__ } :: atomic { keeper_kills > 0 && !turning -> keeper_kills--; goto dead } fi

inline ring_all() {
#ifdef CLOSE_WITHOUT_RINGING
	skip
#else
	if
	:: is_open(1) -> RING(KEEP)
	:: else
	fi
#endif
}

/* It does what there is to do, in any order, and so does its successor. */
proctype keeper() {
start:
	do
	:: atomic { !turning && !alive[0] && is_open(0) -> epoch[0]++ };	/* CloseSlot */
		ring_all()
	:: atomic { !turning && !alive[1] && is_open(1) -> epoch[1]++ };
		ring_all()
	:: atomic { !turning && !is_open(0) -> epoch[0]++; alive[0] = true; turning = 1 }	/* OpenSlot, and a new process */
	:: !is_open(1) ->
		KEEP(interest = false);
		KEEP(dirty = false);
		KEEP(epoch[1]++; alive[1] = true; turning = PLAYERS + 1)
	:: atomic { timeout -> goto rest }
	od;
dead:	/* The next keeper closes every slot that is free, open or not. */
	ring_all();
	goto start;
rest:
	atomic {
		n = 0;
		do
		:: n == PLAYERS -> break
		:: else ->
			must(nobody_waits_for_a_name_that_is_held, !waits[n] || !effective(holder));
			must(nobody_waits_for_the_end_of_what_has_ended, !waits[n] || !saw_the_dead[n]);
			n++
		od;
		n = 0
	}
}

/* --- deaths -------------------------------------------------------------- */

proctype killer() {
end:
	do
	:: atomic { kills > 0 && !turning && alive[0] -> kills--; alive[0] = false; turning = 1 }
	:: atomic { kills > 0 && !turning && alive[1] -> kills--; alive[1] = false; turning = PLAYERS + 1;
		/* Nobody reads the rest: have fewer states. */
		n = 0;
		do
		:: n == PLAYERS -> break
		:: else -> watching[n] = false; n++
		od;
		watched = 0; n = 0 }
	od
}

init {
	atomic {
		run publisher();
		n = 0;
		do
		:: n == PLAYERS -> break
		:: else -> run player(n); n++
		od;
		n = 0;
		run listener();
		run keeper();
		run killer()
	}
}
