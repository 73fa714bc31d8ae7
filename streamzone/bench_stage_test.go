package streamzone_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
	"golang.org/x/sys/unix"
)

// benchClock is CLOCK_MONOTONIC in nanoseconds, which is the same in all processes,
// at the price of Go's own clock: no system call.
var benchClock = newMonotonic()

type monotonic struct {
	base time.Time
	at   int64
}

func newMonotonic() monotonic {
	var ts unix.Timespec
	base := time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // it takes a wrong number of a clock
	}
	return monotonic{base: base, at: ts.Nano()}
}

func (c monotonic) now() int64          { return c.at + int64(time.Since(c.base)) }
func (c monotonic) sleepUntil(at int64) { time.Sleep(time.Duration(at - c.now())) }

// The words of a book, which parent and children share. One cache line each.
const (
	bookWon   = 8 * iota // when somebody won the fight last
	bookDone             // when anybody's call in the fight ended last
	bookHeld             // 1 while somebody owns the name that is fought for
	bookArmed            // how often the waiter got ready to wait
	bookSent             // when it was called
	bookWords
)

// A stage is a rival with 10,000 names in it, and child processes that use it.
type stage struct {
	b        *testing.B
	address  string // of the rival: what the children are told
	k        *streamzone.Keeper
	mine     rival
	book     []atomic.Uint64
	files    []*os.File // for the children: the book and, for fcntl, the table
	children []*child
}

func newStage(b *testing.B, kind string) *stage {
	b.Helper()
	s := &stage{b: b, address: kind}
	k, z := newZone(b, streamzone.Config{Streams: benchLive + benchRoom})
	s.k = k
	s.book = mapZone(b, s.memory(bookWords*8))
	var err error
	switch kind {
	case "zone":
		s.mine = &zoneRival{z: z}
	case "fcntl":
		var m *lockRival
		m, err = openLockRival(s.memory(lockTableSize))
		if err == nil {
			b.Cleanup(func() { _ = m.close() })
		}
		s.mine = m
	case "redis":
		socket := startRedis(b)
		s.address += ":" + socket
		var r *redisRival
		r, err = dialRedis(socket)
		if err == nil {
			b.Cleanup(func() { _ = r.conn.Close() })
		}
		s.mine = r
	}
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchLive {
		if won, err := s.mine.claim(benchName("live", i)); !won || err != nil {
			b.Fatal(won, err)
		}
	}
	return s
}

// memory makes another file for the children.
func (s *stage) memory(size uint64) *os.File {
	s.b.Helper()
	f, err := streamzone.NewMemfd(size)
	if err != nil {
		s.b.Fatal(err)
	}
	s.b.Cleanup(func() { _ = f.Close() })
	s.files = append(s.files, f)
	return f
}

// hire starts children that use the rival.
func (s *stage) hire(n int) {
	s.b.Helper()
	for slot := range n {
		s.children = append(s.children, spawn(s.b, s.k, "bench", slot+1, s.files...))
	}
	orderAll(s.children, "use "+s.address)
}

// dismiss waits for the children to end.
func (s *stage) dismiss() {
	s.b.Helper()
	for _, c := range s.children {
		c.finish()
	}
}

// orderAll gives the same order to children and then waits for their answers.
func orderAll(children []*child, order string, args ...any) []string {
	for _, c := range children {
		c.order(order, args...)
	}
	answers := make([]string, len(children))
	for i, c := range children {
		answers[i] = c.line()
	}
	return answers
}

func (c *child) order(order string, args ...any) {
	c.tb.Helper()
	if _, err := fmt.Fprintf(c.in, order+"\n", args...); err != nil {
		c.tb.Fatalf("slot %d: %s: %v", c.slot, order, err)
	}
}

// benchRole obeys orders, one in a line, and answers each with a line.
func benchRole(z *streamzone.Zone) error {
	words, _, err := streamzone.MapWords(os.NewFile(4, "book")) // mapped to the end
	if err != nil {
		return err
	}
	go exitWithParent()
	w := &benchWorker{z: z, book: words, in: bufio.NewScanner(os.Stdin)}
	for w.in.Scan() {
		var verb, text string
		var a, b int64
		_, _ = fmt.Sscan(w.in.Text(), &verb, &text, &a, &b) // most have fewer
		answer, err := w.obey(verb, text, a, b)
		if err != nil {
			return fmt.Errorf("%s: %w", verb, err)
		}
		fmt.Println(answer)
	}
	return w.in.Err()
}

// exitWithParent is for those that are not reading then.
func exitWithParent() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(time.Second)
	}
	os.Exit(1)
}

type benchWorker struct {
	z       *streamzone.Zone
	book    []atomic.Uint64
	in      *bufio.Scanner
	rival   rival
	live    []string // names that exist
	own     []string // names that nobody else claims
	toiler  toiler
	ballast []byte
}

func (w *benchWorker) obey(verb, text string, a, b int64) (any, error) {
	switch verb {
	case "use":
		return "used", w.use(text)
	case "lookup", "hot", "claim":
		return w.work(verb, a, b)
	case "fight":
		return fight(w.rival, w.book, a, b)
	case "listen":
		return w.listen(int(a))
	case "hear":
		return w.hear(int(a))
	case "grow":
		return w.grow(int(a)), nil
	case "fill":
		return "filled", w.fill(text, int(a))
	case "inherit":
		return w.inherit(text, int(a))
	case "follow":
		return "followed", w.follow(text)
	case "toil":
		w.toiler.start(&zoneRival{z: w.z}, benchNames("toil", benchRoom))
		return "toiling", nil
	case "rest":
		return w.toiler.end()
	}
	return nil, errors.New("no such order")
}
