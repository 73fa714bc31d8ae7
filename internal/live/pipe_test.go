package live

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func nothing() uint64 { return 0 }

// noise is n random bytes.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// TestPipe: all that goes in comes out, in order, by Next or by Read, and never more is held than may be.
func TestPipe(t *testing.T) {
	t.Parallel()
	const limit = 3*pieceSize + 100
	for name, takeOut := range map[string]func(*Pipe) ([]byte, error){
		"Next": func(p *Pipe) (all []byte, err error) {
			for {
				b, err := p.Next()
				if err != nil {
					return all, err
				}
				if len(b) == 0 || len(b) > pieceSize {
					t.Errorf("a piece of %d bytes", len(b))
				}
				all = append(all, b...)
			}
		},
		"Read": func(p *Pipe) ([]byte, error) {
			var all bytes.Buffer
			_, err := io.CopyBuffer(struct{ io.Writer }{&all}, p, make([]byte, 1000))
			if err == nil {
				err = io.EOF
			}
			return all.Bytes(), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, want := NewPipe(limit, nothing), noise(8<<20)
			rnd := rand.New(rand.NewPCG(1, 2))
			full := 0
			type result struct {
				all []byte
				err error
			}
			out := make(chan result)
			begin := func() {
				all, err := takeOut(p)
				out <- result{all, err}
			}
			for left := want; len(left) > 0; {
				size := min(len(left), rnd.IntN(100_000))
				cut := rnd.IntN(size + 1)
				n, err := p.TryWritev([][]byte{left[:cut], nil, left[cut:size]})
				if err != nil {
					t.Fatal(err)
				}
				if p.mu.Lock(); p.held > limit {
					t.Errorf("%d bytes are held", p.held)
				}
				p.mu.Unlock()
				if left = left[n:]; n < size {
					if full++; full == 1 {
						go begin()
					}
					if err := p.WaitWritable(time.Now().Add(20 * time.Second)); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.End()
			got := <-out
			if !errors.Is(got.err, io.EOF) || !bytes.Equal(got.all, want) {
				t.Errorf("%d bytes came out, the same: %v; %v", len(got.all), bytes.Equal(got.all, want), got.err)
			}
			if p.held != 0 || len(p.pieces) != 0 || p.lent != nil {
				t.Error("the empty pipe has memory")
			}
		})
	}
}

// TestPipeWaits: for room, of which there must be a good part; for bytes; and until it is closed.
func TestPipeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPipe(8*pieceSize, nothing)
		if n, err := p.TryWritev([][]byte{noise(9 * pieceSize)}); n != 8*pieceSize || err != nil {
			t.Fatal(n, err)
		}
		begun := time.Now()
		room := make(chan error)
		wait := func() { room <- p.WaitWritable(begun.Add(time.Minute)) }
		go wait()
		if err := <-room; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("waited %v: %v", time.Since(begun), err)
		}
		begun = time.Now()
		go wait()
		for range 2 {
			synctest.Wait()
			select {
			case err := <-room:
				t.Fatalf("room too soon: %v", err)
			default:
			}
			if _, err := p.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-room; err != nil {
			t.Error(err)
		}
		for range 6 {
			if _, err := p.Next(); err != nil {
				t.Fatal(err)
			}
		}
		came := make(chan error)
		next := func() {
			_, err := p.Next()
			came <- err
		}
		go next()
		synctest.Wait()
		if n, err := p.TryWritev([][]byte{{1}}); n != 1 || err != nil {
			t.Error(n, err)
		}
		if err := <-came; err != nil {
			t.Error(err)
		}
		go next()
		synctest.Wait()
		_, _ = p.TryWritev([][]byte{noise(8 * pieceSize)})
		if err := <-came; err != nil {
			t.Error(err)
		}
		_, _ = p.TryWritev([][]byte{noise(8 * pieceSize)})
		go wait()
		synctest.Wait()
		p.Close()
		if err := <-room; !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		go next()
		if err := <-came; !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		if n, err := p.TryWritev([][]byte{{1}}); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
			t.Error(n, err)
		}
		p.Close() // again
	})
}

// TestPipeClosedWhileEmpty: who waits for bytes learns the end, of either kind.
func TestPipeClosedWhileEmpty(t *testing.T) {
	for want, end := range map[error]func(*Pipe){io.EOF: (*Pipe).End, io.ErrClosedPipe: (*Pipe).Close} {
		synctest.Test(t, func(t *testing.T) {
			p := NewPipe(pieceSize, nothing)
			came := make(chan error)
			go func() {
				_, err := p.Next()
				came <- err
			}()
			synctest.Wait()
			end(p)
			if err := <-came; !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}

// TestPlayerOfPipe: a player whose pipe nobody empties is stalled, one whose peer takes a byte now and then isn't, and one that lags misses whole GOPs.
func TestPlayerOfPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		var acquired atomic.Uint64
		p := NewPipe(100, acquired.Load)
		v := play(t, h, newPipeSink(0), func(o *PlayOptions) { o.Sink, o.Format = p, FormatFLV })
		feedAll(t, f, key(0))
		for range 10 {
			time.Sleep(testOptions().StallTimeout - time.Second)
			acquired.Add(1)
		}
		synctest.Wait()
		select {
		case r := <-v.ended:
			t.Fatalf("ended by %q", r)
		default:
		}
		begun := time.Now()
		if r, waited := <-v.ended, time.Since(begun); r != EndStalled || waited > 2*testOptions().StallTimeout {
			t.Errorf("ended by %q after %v", r, waited)
		}
		if n := p.Unacknowledged(); n != 100-10 {
			t.Errorf("%d bytes unacknowledged", n)
		}
	})
}

// TestPlayerOfSlowPipe: what comes out of a pipe that is emptied slowly is a file, too, which misses whole GOPs.
func TestPlayerOfSlowPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		begin(t, f)
		p := NewPipe(300, nothing)
		play(t, h, newPipeSink(0), func(o *PlayOptions) { o.Sink, o.Format = p, FormatFLV })
		for ts := uint32(0); ts < 9000; ts += 1000 { // a GOP a second, in a log of five
			feedAll(t, f, key(ts), inter(ts+500))
			time.Sleep(time.Second)
		}
		count.want(t, nil)
		var file pipeSink
		for range 100 {
			p.mu.Lock()
			empty := p.held == 0
			p.mu.Unlock()
			if empty {
				break
			}
			b, err := p.Next()
			if err != nil {
				t.Fatal(err)
			}
			file.got.Write(b)
			synctest.Wait()
		}
		_, tags := file.file(t)
		got := describeAll(tags)
		want := []string{"data header@0", "video header@0", "audio header@0", "video key@0", "video key@8000", "video@8500"}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		count.want(t, map[string]int{string(DropLag): 15}) // video@500 to video@7500
	})
}
