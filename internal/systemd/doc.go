// Package systemd is what a service says to systemd and gets from it, without a library of systemd's: sd_notify(3), sd_watchdog_enabled(3) and
// sd_listen_fds(3). Started by anybody else, nothing happens: nobody is told, no socket is there.
//
// It all comes in variables of the environment. [FromEnvironment] takes them out, so that processes that this one starts neither notify in its name nor take
// its descriptors for theirs.
package systemd
