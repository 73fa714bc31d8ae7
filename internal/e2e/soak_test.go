//go:build soak

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The soak: hours, if it is told, of everything that the other tests do for a moment. `make soak SOAK=1h`.

const (
	envSoak     = "RTMP_EDGE_E2E_SOAK"      // how long; 10m unless told
	envSoakSeed = "RTMP_EDGE_E2E_SOAK_SEED" // deals the rounds of an earlier soak again
)

// The configuration is unlike the default only where an attack would else take long, or many connections, to reach a limit.
const (
	soakIdle       = 5 * time.Second // rtmp.idle_timeout
	soakPerAddress = 200             // rtmp.limits.connections_per_address
	soakApp        = "over"          // its publishers take streams over
	soakSigned     = "signed"        // has soakSecret
	soakSecret     = "a secret to publish by"
)

const (
	soakExpendable  = workers - 1 // the worker that is killed: it has no bystander
	attacksPerRound = 3
)

// A soak is a server with bystanders, and all that is done to it.
type soak struct {
	*scene
	seed       uint64
	random     *rand.Rand
	began      time.Time
	until      time.Time
	round      int
	bystanders []*publisher
	lives      []*live
	baseline   []levels // by worker
	samples    [][]sample
	pause      time.Duration // the longest of a bystander's player

	attacks, publications, takeovers, kills, verified atomic.Int64
}

// Streams in real time, on several workers and relayed to each other, are published and played without a message missing,
// while attackers, publishers, players and one worker come and go; and a worker takes no more in the end than in the beginning.
func TestSoak(t *testing.T) {
	length := 10 * time.Minute
	if text := os.Getenv(envSoak); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(envSoakSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	sk := newSoak(t, seed)
	sk.until = sk.began.Add(length)
	fmt.Printf("soak: %v, %s=%d\n", length, envSoakSeed, seed)
	attacks, turns := deck{random: sk.random, all: soakAttacks()}, deck{random: sk.random, all: soakTurns()}
	said := time.Now()
	for sk.round = 1; time.Now().Before(sk.until); sk.round++ {
		sk.play(attacks.deal, turns.deal)
		if time.Since(said) >= time.Minute {
			said = time.Now()
			fmt.Println(sk.progress())
		}
	}
	sk.finish()
	fmt.Print(sk.summary(attacks.dealt, length))
	sk.judge()
}

// newSoak starts the server and its bystanders: a stream on each worker but the expendable, with a player on each of them.
func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	s := start(t, options{
		rtmp: fmt.Sprintf("idle_timeout: %v, limits: {connections_per_address: %d}", soakIdle, soakPerAddress),
		apps: fmt.Sprintf("{name: %s, on_conflict: takeover}, {name: %s, publish_secret: %s}", soakApp, soakSigned, soakSecret),
	})
	sk := &soak{scene: &scene{t: t, s: s, pids: s.pids(t)}, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), began: time.Now()}
	for worker := range soakExpendable {
		p, l := s.goLive(t, worker, soakBystander(worker))
		sk.bystanders, sk.lives = append(sk.bystanders, p), append(sk.lives, l)
		for place := range soakExpendable {
			viewer := play(t, s.rtmpURL(place, soakBystander(worker)))
			viewer.awaitRun(soon, p.source.run)
			sk.viewers = append(sk.viewers, viewer)
		}
	}
	sk.baseline = sk.levels()
	return sk
}

func soakBystander(worker int) string { return fmt.Sprintf("live/bystander%d", worker) }

// play plays a round: some attacks and something else, all at once; a worker is killed while nothing else happens. Then it
// waits until nothing is left.
func (sk *soak) play(attack, turn func() card) {
	sk.t.Helper()
	cards := []card{turn()}
	for range attacksPerRound {
		if !cards[0].alone {
			cards = append(cards, attack())
		}
	}
	names := make([]string, len(cards))
	for i := range cards {
		names[i] = cards[i].name
	}
	ok := sk.t.Run(fmt.Sprintf("round %d", sk.round), func(t *testing.T) {
		for i := range cards {
			k := &turnOf{soak: sk, number: i, random: rand.New(rand.NewPCG(sk.random.Uint64(), 0))}
			t.Run(cards[i].name, func(t *testing.T) {
				t.Parallel()
				cards[i].act(t, k)
			})
		}
	})
	problem := sk.disturbed()
	if problem == "" && ok {
		problem = sk.takeSample()
	}
	if problem != "" || !ok {
		sk.t.Fatalf("round %d of %s=%d (%s): %s", sk.round, envSoakSeed, sk.seed, strings.Join(names, ", "), problem)
	}
	sk.forget()
}

// disturbed says what happened to a bystander, or to a worker.
func (sk *soak) disturbed() string {
	for _, l := range sk.lives {
		select {
		case <-l.done:
			return fmt.Sprintf("a bystander was disturbed: %v", l.err)
		default:
		}
	}
	for _, viewer := range sk.viewers {
		if _, err := viewer.seen(); err != nil {
			return fmt.Sprintf("%s: %v", viewer.name, err)
		}
		select {
		case <-viewer.ended:
			return fmt.Sprintf("%s ended: %v", viewer.name, viewer.err)
		default:
		}
		pause := viewer.longestPause()
		if sk.pause = max(sk.pause, pause); pause > unharmed {
			return fmt.Sprintf("%s waited %v for a message", viewer.name, pause)
		}
	}
	if now := sk.s.pids(sk.t); !slices.Equal(now, sk.pids) {
		return fmt.Sprintf("workers died: pids were %v and are %v", sk.pids, now)
	}
	return ""
}

// forget takes what sessions logged out of the log, which would grow without end.
func (sk *soak) forget() {
	for _, line := range sk.s.log.remove(`level=DEBUG|msg="session ended"|msg=publishing `) {
		if strings.Contains(line, "panic") {
			sk.t.Errorf("round %d of %s=%d: the server logged %q", sk.round, envSoakSeed, sk.seed, line)
		}
	}
}

// finish ends the bystanders, and the server: the players have every message, and nothing is left.
func (sk *soak) finish() {
	sk.t.Helper()
	for i, p := range sk.bystanders {
		if err := sk.lives[i].stop(); err != nil {
			sk.t.Errorf("a bystander was disturbed: %v", err)
		}
		last := uint64(p.written() - len(p.source.headers()) - 1) // the source may be one ahead
		for _, viewer := range sk.viewers[i*soakExpendable : (i+1)*soakExpendable] {
			viewer.await(soon, "the bystander's last message", func(got seen) string {
				if got.last.number == last && got.messages == int(last-got.first.number)+1 {
					return ""
				}
				return fmt.Sprintf("at number %d of %d, with %d messages", got.last.number, last, got.messages)
			})
		}
		p.end()
	}
	for _, viewer := range sk.viewers {
		got, _ := viewer.seen()
		sk.verified.Add(int64(got.messages))
		viewer.close()
	}
	sk.baseline = make([]levels, workers) // nothing at all
	if left := waitUntil(2*soon, sk.unsettled); left != "" {
		sk.t.Errorf("left in the end: %s", left)
	}
	sk.s.stop()
}
