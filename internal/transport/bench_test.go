package transport

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
)

// benchConn returns a connection whose client takes everything, and does not decrypt it.
func benchConn(b *testing.B, kind string) *Conn {
	b.Helper()
	s, c := sockets(b)
	conn := Wrap(s, false, testOptions(b))
	if kind == "tls" {
		conn = secure(b, s, c, nil).server
	}
	go func() { _, _ = io.Copy(io.Discard, c) }()
	return conn
}

// threadTime is the CPU time that this thread has used: ours, and not the reader's.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSink is a mebibyte to one player, in writes of one message each and, as to one that catches up, of 16 messages.
func BenchmarkSink(b *testing.B) {
	const total = 1 << 20
	for _, kind := range []string{"plain", "tls"} {
		for _, size := range []int{512, 4 << 10, 32 << 10} {
			for _, together := range []int{1, 16} {
				b.Run(fmt.Sprintf("%s/message=%d/together=%d", kind, size, together), func(b *testing.B) {
					p := playerOf(b, benchConn(b, kind))
					message, iov := make([]byte, size), make([][]byte, 0, together)
					b.SetBytes(total)
					b.ReportAllocs()
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					begun, done := threadTime(b), 0
					for b.Loop() {
						for sent := 0; sent < total; sent += size * together {
							p.left = iov
							for range together {
								p.left = append(p.left, message)
							}
							p.write(b)
						}
						done++
					}
					b.ReportMetric(float64((threadTime(b)-begun).Microseconds())/float64(done), "cpu-µs/op")
				})
			}
		}
	}
}

// BenchmarkFanout is one message from the feed to all players, through the kernel.
func BenchmarkFanout(b *testing.B) {
	const players = 20
	for _, kind := range []string{"plain", "tls"} {
		for _, size := range []int{1 << 10, 16 << 10} {
			b.Run(fmt.Sprintf("%s/message=%d", kind, size), func(b *testing.B) {
				h := newHub(b, func(o *live.Options) { o.LogBytes = 16 << 20 })
				f := publish(b, h)
				var viewers []*viewer
				for range players {
					viewers = append(viewers, play(b, h, benchConn(b, kind)))
				}
				sent := feed(b, f, keyframe(0, size))
				for _, v := range viewers {
					v.get(b, sent)
				}
				b.SetBytes(int64(players * size))
				b.ReportAllocs()
				for at := uint32(40); b.Loop(); at += 40 {
					sent += feed(b, f, keyframe(at, size))
					for _, v := range viewers {
						for v.Sent() < uint64(sent) {
							runtime.Gosched()
						}
					}
				}
			})
		}
	}
}
