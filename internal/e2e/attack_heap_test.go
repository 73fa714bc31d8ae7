package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// heapProfile gets a worker's heap profile from its private socket, after a garbage collection, in the text format.
func (s *server) heapProfile(worker int) (text string, err error) {
	socket := filepath.Join(s.runDir, fmt.Sprintf("http.sock.%d", worker))
	client := http.Client{Timeout: soon, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://unix/debug/pprof/heap?debug=1&gc=1", http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET /debug/pprof/heap: status %d: %s", response.StatusCode, body)
	}
	return string(body), err
}

// A line of the profile, followed by a line for each frame of its stack:
//
//	heap profile: 3: 5120 [57: 9871] @ heap/1048576
//	1: 4096 [2: 8192] @ 0x4b5a21 …
//	#	0x4b5a20	github.com/rtmp-edge/rtmp-edge/rtmp/chunk.(*stream).space+0xe0	/…/stream.go:56
var (
	heapHead   = regexp.MustCompile(`^heap profile: .* @ heap/(\d+)$`)
	heapRecord = regexp.MustCompile(`^\d+: \d+ \[(\d+): (\d+)\] @`)
)

// allocated adds up what was ever allocated under functions whose name contains one of the given texts. The profile is a sample: an allocation of b bytes
// is in it with the probability 1-exp(-b/rate), as package runtime/pprof says.
func allocated(profile string, functions ...string) (bytes int64, err error) {
	var rate, objects, size float64
	counted := true
	for lines := bufio.NewScanner(strings.NewReader(profile)); lines.Scan(); {
		line := lines.Text()
		if m := heapHead.FindStringSubmatch(line); m != nil {
			rate = number(m[1]) / 2 // the head has twice the rate
		}
		if m := heapRecord.FindStringSubmatch(line); m != nil {
			objects, size, counted = number(m[1]), number(m[2]), false
		}
		if counted || !strings.HasPrefix(line, "#") {
			continue
		}
		for _, f := range functions {
			if strings.Contains(line, f) && !counted {
				counted = true
				bytes += int64(size / (1 - math.Exp(-size/objects/rate)))
			}
		}
	}
	if rate == 0 {
		return 0, errors.New("no heap profile")
	}
	return bytes, nil
}

func number(digits string) float64 {
	n, _ := strconv.ParseFloat(digits, 64)
	return n
}

// heap is what a worker's heap holds, after a garbage collection.
func (sc *scene) heap(t *testing.T, worker int) int64 {
	t.Helper()
	profile, err := sc.s.heapProfile(worker)
	if err != nil {
		t.Fatal(err)
	}
	m := heapAlloc.FindStringSubmatch(profile)
	if m == nil {
		t.Fatal("no HeapAlloc in the heap profile")
	}
	return int64(number(m[1]))
}

var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)

// claims publishes, and then claims as much as may be in flight, on few or many chunk streams, of which one chunk each arrives.
func claims(chunkStreams int) func(*attacker) error {
	const inFlight = 16<<20 - 1<<10 // leaves room for a ping
	return func(a *attacker) error {
		wires := make([]*wire, a.Count)
		for i := range wires {
			w, err := a.dial(i, 0)
			if err != nil {
				return err
			}
			go w.read()
			if err := w.publishing(); err != nil {
				return err
			}
			wires[i] = w
		}
		for _, w := range wires {
			for csid := range chunkStreams {
				w.send(full(10+csid, 0, inFlight/chunkStreams, typeVideo, 1), make([]byte, w.chunkSize))
			}
			a.saw("claimed", inFlight)
			if err := w.ping(1); err != nil { // all that was sent has been read
				return err
			}
		}
		a.hold()
		for _, w := range wires {
			w.leave()
			w.conclude()
		}
		return nil
	}
}

// Row 5: memory grows with what arrived, not with what was claimed. The proof is a heap profile: what was allocated for messages is less than a few
// times what was sent. (The resident memory is none: pages that are allocated and never written do not count.)
func TestAttackClaims(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	for _, attack := range []string{"few large claims", "many claims"} {
		t.Run(attack, func(t *testing.T) {
			worker, before := sc.observe(t, sc.target), sc.allocatedByRTMP(t)
			x := sc.assault(t, order{Attack: attack, App: attackApp, Name: "claims", Count: 32})
			x.awaitReady(t)
			grown := sc.allocatedByRTMP(t) - before
			x.release(t)
			r := x.wait(t)
			worker.within(t, bound{memory: memoryPerByte * r.Sent})
			t.Logf("%d bytes claimed, %d sent, %d allocated for them", r.Seen["claimed"], r.Sent, grown)
			if most := allocatedPerByte*r.Sent + heapSlack; grown > most {
				t.Errorf("%d bytes were allocated, more than %d", grown, most)
			}
			if int64(r.Seen["claimed"]) < 10*heapSlack {
				t.Errorf("%d bytes are no claim to speak of", r.Seen["claimed"])
			}
			sc.quiet(t, &r)
		})
	}
}

// heapSlack is for the bystander, and for the sampling: a sample stands for half a megabyte.
const heapSlack = 16 << 20

// allocatedPerByte is what may be allocated for each byte that arrived: buffers grow by doubling.
const allocatedPerByte = 3

// allocatedByRTMP is what chunk layer and AMF decoder of the attacked worker have allocated in its whole life: all that a claim could make larger.
func (sc *scene) allocatedByRTMP(t *testing.T) int64 {
	t.Helper()
	profile, err := sc.s.heapProfile(sc.target)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := allocated(profile, "/rtmp/chunk.", "/rtmp/amf0.")
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// The sum is over the right stacks, and scaled as package runtime/pprof says.
func TestAttackHeapProfile(t *testing.T) {
	t.Parallel()
	const profile = `heap profile: 1: 16777216 [3: 16786432] @ heap/1048576
1: 16777216 [1: 16777216] @ 0x1 0x2
#	0x1	github.com/rtmp-edge/rtmp-edge/rtmp/chunk.(*stream).space+0x1	/x/stream.go:1
#	0x2	github.com/rtmp-edge/rtmp-edge/rtmp/chunk.(*Reader).readPayload+0x1	/x/reader.go:1

0: 0 [2: 8192] @ 0x3
#	0x3	github.com/rtmp-edge/rtmp-edge/internal/live.frame+0x1	/x/packet.go:1

0: 0 [1: 4096] @ 0x1
#	0x1	github.com/rtmp-edge/rtmp-edge/rtmp/chunk.(*stream).space+0x1	/x/stream.go:1

# runtime.MemStats
# Alloc = 1
`
	got, err := allocated(profile, "/rtmp/chunk.")
	small := 4096 / (1 - math.Exp(-4096.0/(512<<10)))
	if want := int64(16777216) + int64(small); err != nil || got != want {
		t.Errorf("%d, %v, not %d", got, err, want)
	}
	if _, err := allocated("404 page not found", "x"); err == nil {
		t.Error("no error for what is no profile")
	}
}
