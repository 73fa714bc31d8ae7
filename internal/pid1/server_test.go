package pid1

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is the program below the first process. What it returns is its exit code.
func server(args []string) int {
	switch args[0] {
	case "exit":
		return number(args[1])
	case "die":
		must(syscall.Kill(os.Getpid(), syscall.Signal(number(args[1]))))
		select {}
	case "signals":
		return tellSignals()
	case "orphans":
		return makeOrphans()
	case "leave":
		fmt.Println(strings.TrimSpace(shell("(sleep 600 >/dev/null 2>&1 & echo $!)")))
		return 5
	}
	panic(args[0])
}

// tellSignals prints what comes, until nobody holds its input any more.
func tellSignals() int {
	got := make(chan os.Signal, 100)
	signal.Notify(got, passedOn...)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	fmt.Println("ready")
	for {
		select {
		case s := <-got:
			fmt.Println(s)
		case err := <-ended:
			must(err)
			return 0
		}
	}
}

// orphanPairs are so many orphans that have ended before their parent has, or about then, and as many that end later.
const orphanPairs = 50

// makeOrphans prints how many orphans it made have been reaped, all of them in the end. One that nobody reaps can still be sent a signal.
func makeOrphans() int {
	pids := strings.Fields(shell(fmt.Sprintf(
		`i=0; while [ $i -lt %d ]; do (true & echo $!); (sleep 0.2 >/dev/null 2>&1 & echo $!); i=$((i+1)); done`, orphanPairs)))
	reaped := 0
	for _, pid := range pids {
		for end := time.Now().Add(within); syscall.Kill(number(pid), 0) == nil; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				fmt.Println(reaped)
				return 1
			}
		}
		reaped++
	}
	fmt.Println(reaped)
	return 0
}

func shell(script string) string {
	out, err := exec.Command("sh", "-c", script).Output()
	must(err)
	return string(out)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	must(err)
	return n
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
