package pid1

import (
	"os"
	"strconv"
)

// Adopt makes what a supervisor handed to the first process this process' own, if that is its parent: sockets (LISTEN_PID, see sd_listen_fds(3)) and
// the watchdog (WATCHDOG_PID, see sd_watchdog_enabled(3)) are for the process with that pid only. Outside of a container nobody hands process 1 anything
// in our environment. Who notifies (NOTIFY_SOCKET) is not said there: a container runtime takes it from every process in the container.
func Adopt() error {
	if os.Getppid() != 1 {
		return nil
	}
	for _, name := range []string{"LISTEN_PID", "WATCHDOG_PID"} {
		if os.Getenv(name) != "1" {
			continue
		}
		if err := os.Setenv(name, strconv.Itoa(os.Getpid())); err != nil {
			return err
		}
	}
	return nil
}
