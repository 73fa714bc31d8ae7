package streamzone_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// redisRival is a Redis server over a unix socket: one connection, one command
// at a time.
type redisRival struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

// startRedis starts a server of our own, that writes nothing to the disk.
func startRedis(tb testing.TB) (socket string) {
	tb.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Skip("needs redis-server: apt-get install redis-server")
	}
	dir := tb.TempDir()
	socket = filepath.Join(dir, "s")
	server := exec.Command(program, "--port", "0", "--unixsocket", socket,
		"--save", "", "--appendonly", "no", "--dir", dir)
	if err := server.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // "signal: killed"
	})
	eventually(tb, "redis-server listens on "+socket, func() bool {
		r, err := dialRedis(socket)
		if err != nil {
			return false
		}
		defer r.conn.Close()
		_, err = r.call("PING")
		return err == nil
	})
	return socket
}

func dialRedis(socket string) (*redisRival, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return &redisRival{conn: conn, in: bufio.NewReader(conn)}, nil
}

// call sends a command and gives back the reply's first line. What follows it
// in a bulk string is read and dropped.
func (r *redisRival) call(args ...string) (string, error) {
	r.out = fmt.Appendf(r.out[:0], "*%d\r\n", len(args))
	for _, arg := range args {
		r.out = fmt.Appendf(r.out, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := r.conn.Write(r.out); err != nil {
		return "", err
	}
	line, err := r.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if bulk, ok := strings.CutPrefix(line, "$"); ok && bulk != "-1" {
		n, err := strconv.Atoi(bulk)
		if err != nil {
			return "", err
		}
		_, err = io.CopyN(io.Discard, r.in, int64(n)+2)
		return line, err
	}
	if strings.HasPrefix(line, "-") {
		return "", errors.New(line)
	}
	return line, nil
}

func (r *redisRival) lookup(name string) (bool, error) {
	reply, err := r.call("GET", name)
	return reply != "$-1", err
}

func (r *redisRival) claim(name string) (bool, error) {
	reply, err := r.call("SET", name, "1", "NX")
	return reply == "+OK", err
}

func (r *redisRival) release(name string) error {
	reply, err := r.call("DEL", name)
	if err == nil && reply != ":1" {
		return fmt.Errorf("%w: DEL %q: %s", errBench, name, reply)
	}
	return err
}
