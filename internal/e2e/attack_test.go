package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// The attack suite: everything that a hostile or broken RTMP peer may try, each tried by another process (this test binary, started again) against a
// real server, beside a stream whose players check every byte. docs/limits.md says what each is answered with.
//
//	go test ./internal/e2e -run Attack

// envAttack makes a process of this test binary an attacker: it holds an order in JSON.
const envAttack = "RTMP_EDGE_E2E_ATTACK"

// An order is what an attacker shall do.
type order struct {
	Attack  string   `json:"attack"`
	Targets []string `json:"targets"` // addresses, used in turn
	Count   int      `json:"count"`   // connections, unless the attack says otherwise; 8 when 0
	From    string   `json:"from"`    // source address
	App     string   `json:"app"`
	Name    string   `json:"name"` // of the stream; a connection's number is appended where each wants its own
	Text    []byte   `json:"text"` // whatever the attack puts into the field that it is about
	Run     uint32   `json:"run"`  // of the records that it publishes
	At      int64    `json:"at"`   // when to strike, Unix nanoseconds
}

// A report is what an attacker saw.
type report struct {
	Fates    []fate         `json:"fates"` // one for each connection that was kept account of
	Sent     int64          `json:"sent"`
	Received int64          `json:"received"`
	Seen     map[string]int `json:"seen"`  // what the attack counts
	Error    string         `json:"error"` // the attack could not be carried out

	cpu, took time.Duration
	logged    int // lines in the server's log before it
}

// A fate is what became of one connection.
type fate struct {
	Local    string        `json:"local"` // its own address: what the server logs as remote
	Sent     int64         `json:"sent"`
	Received int64         `json:"received"`
	Closed   bool          `json:"closed"` // by the server
	After    time.Duration `json:"after"`  // from the connect to the end
	Codes    []string      `json:"codes"`  // of statuses, in order
}

// An attacker is the process that attacks.
type attacker struct {
	order

	mu     sync.Mutex
	report report
}

// attack carries out the order that this process was started with.
func attack(text string) error {
	a := &attacker{report: report{Seen: map[string]int{}}}
	if err := json.Unmarshal([]byte(text), &a.order); err != nil {
		return err
	}
	if a.Count == 0 {
		a.Count = 8
	}
	script := scriptOf(a.Attack)
	if script == nil {
		return fmt.Errorf("no attack %q", a.Attack)
	}
	if err := script(a); err != nil {
		a.report.Error = err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(&a.report)
}

// saw counts something.
func (a *attacker) saw(what string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Seen[what] += n
}

// hold tells the test that the attack is at its height, or at some other point that matters, and waits there until the test lets go.
func (a *attacker) hold() {
	fmt.Fprint(os.Stderr, attackReady)
	_, _ = os.Stdin.Read(make([]byte, 1)) // the test's end is as good
}

const attackReady = "ready\n"

// An assault is an attacker that runs.
type assault struct {
	scene *scene
	order order
	cmd   *exec.Cmd
	stdin io.WriteCloser
	holds int // that were awaited
	lines int // in the server's log before it
	began time.Time
	out   lockedBuffer
	errs  lockedBuffer
	done  chan struct{}
	err   error
}

// assault starts an attacker. The test's end kills it when it still runs.
func (sc *scene) assault(t testing.TB, o order) *assault {
	t.Helper()
	if len(o.Targets) == 0 {
		o.Targets = []string{sc.s.rtmpAddr(sc.target)}
	}
	text, err := json.Marshal(&o)
	if err != nil {
		t.Fatal(err)
	}
	x := &assault{scene: sc, order: o, cmd: exec.Command(os.Args[0]), began: time.Now(), lines: sc.s.log.length(), done: make(chan struct{})}
	x.cmd.Env = append(os.Environ(), envAttack+"="+string(text))
	x.cmd.Stdout, x.cmd.Stderr = &x.out, &x.errs
	if x.stdin, err = x.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		x.err = x.cmd.Wait()
		close(x.done)
	}()
	t.Cleanup(func() {
		select {
		case <-x.done:
		default:
			_ = x.cmd.Process.Kill() // it may end of itself just now
			<-x.done
		}
	})
	return x
}

// awaitReady waits until the attacker holds.
func (x *assault) awaitReady(t testing.TB) {
	t.Helper()
	x.holds++
	waitFor(t, 2*soon, "attack "+x.order.Attack+" at its height", func() string {
		select {
		case <-x.done:
			t.Fatalf("attack %s ended: %v\n%s%s", x.order.Attack, x.err, x.out.String(), x.errs.String())
		default:
		}
		if x.errs.String() == strings.Repeat(attackReady, x.holds) {
			return ""
		}
		return "it says " + x.errs.String()
	})
}

// release ends a hold.
func (x *assault) release(t testing.TB) {
	t.Helper()
	if _, err := x.stdin.Write([]byte{'\n'}); err != nil {
		t.Fatalf("attack %s: %v", x.order.Attack, err)
	}
}

// patience is how long an attack may take.
const patience = 4 * time.Minute

// wait returns the report of an attack that came to its end.
func (x *assault) wait(t testing.TB) report {
	t.Helper()
	waitClosed(t, patience, "the end of attack "+x.order.Attack, x.done)
	var r report
	err := x.err
	if err == nil {
		err = json.Unmarshal([]byte(x.out.String()), &r)
	}
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		t.Fatalf("attack %s: %v\n%s", x.order.Attack, err, x.errs.String())
	}
	state := x.cmd.ProcessState
	r.logged = x.lines
	r.cpu, r.took = state.UserTime()+state.SystemTime(), time.Since(x.began)
	x.scene.account(&r)
	return r
}
