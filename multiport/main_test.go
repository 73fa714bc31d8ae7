package multiport

import (
	"fmt"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// workerEnv makes a worker process of this test binary: it accepts on the socket it inherits as descriptor 3.
const workerEnv = "MULTIPORT_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		if err := worker(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// worker tells every connection its process id, until it is killed or the test is gone.
func worker() error {
	f := os.NewFile(3, "inherited")
	l, err := Listener(f)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	go func() { // the test holds the other end
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		if err := greet(c); err != nil {
			return err
		}
	}
}

func greet(c net.Conn) error {
	if _, err := fmt.Fprint(c, os.Getpid()); err != nil {
		return err
	}
	return c.Close()
}
