// Package pid1 is what a server needs above itself when it is the first process of a container.
//
// The kernel gives the first process of a PID namespace two duties that no server has: it becomes the parent of every process whose own parent has ended,
// and has to reap it, or its place in the table of processes stays taken for ever; and no signal has an effect on it that it has not asked for. So the
// first process does only this, and runs the server as its child: it passes signals on, reaps whatever ends, and ends as the server does.
//
// There is no call of a shell and nothing to install, such as tini or dumb-init: the program starts itself again.
package pid1

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// passedOn are the signals that operators and container runtimes send to a server. SIGCHLD is ours; the others are of the kernel or of Go's runtime.
var passedOn = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// manySignals may wait while one is passed on. More of them are lost, as the kernel would merge them.
const manySignals = 64

// IsFirst tells whether this is the first process of its PID namespace.
func IsFirst() bool { return os.Getpid() == 1 }

// Run runs the program with these arguments and this process' environment, files and folder, until it ends, and returns the code to exit with: the
// program's own, or 128 plus the signal that ended it, as shells have it. It reaps every child that this process has, so nobody else here may wait for
// one. What still runs then is not waited for: the kernel ends it with the first process.
func Run(program string, args []string) (code int, err error) {
	// One signal of a child's end that waits is enough: all that have ended are reaped then. We ask for both before there is anything to miss.
	ended, signals := make(chan os.Signal, 1), make(chan os.Signal, manySignals)
	signal.Notify(ended, syscall.SIGCHLD)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(ended)
	defer signal.Stop(signals)
	server, err := start(program, args)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", program, err)
	}
	for {
		select {
		// Nobody but this goroutine reaps, so the server's pid is not another process' by now. It fails only for one that ends.
		case s := <-signals:
			_ = syscall.Kill(server, s.(syscall.Signal))
		case <-ended:
			if status, done, err := reap(server); done || err != nil {
				return exitCode(status), err
			}
		}
	}
}

// start starts the server in a process group of its own: a terminal's Ctrl-C is for the group of the first process, and would reach the server twice
// otherwise, which means to end at once. It needs no place in the foreground, because it reads nothing from the terminal.
func start(program string, args []string) (pid int, err error) {
	return syscall.ForkExec(program, args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2}, // sockets that a supervisor hands over, from 3 on, stay open by themselves
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
}

// reap reaps all children that have ended, up to the server.
func reap(server int) (status syscall.WaitStatus, done bool, err error) {
	for {
		switch pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil); {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, false, fmt.Errorf("wait for the server: %w", err)
		case pid == server:
			return status, true, nil
		case pid == 0:
			return 0, false, nil
		}
	}
}

func exitCode(status syscall.WaitStatus) int {
	const signaled = 128
	if status.Signaled() {
		return signaled + int(status.Signal())
	}
	return status.ExitStatus()
}
