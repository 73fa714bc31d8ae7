package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// BenchmarkResize measures how long publishers have to wait while a zone with so many streams gets other sizes.
//
//	go test ./internal/e2e -run '^$' -bench Resize -benchtime 50x
func BenchmarkResize(b *testing.B) {
	for _, streams := range []int{0, 1000, 10000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			s := start(b, options{rtmp: "idle_timeout: 0s, limits: {message_streams: 1024, command_rate: 1000000, command_burst: 1000000}"})
			s.fill(b, streams)
			s.resize(b, sizes{10009, 10001})
			before := len(s.freezes(b))
			for i := range b.N {
				s.configureZone(b, sizes{20011 - i%2, 20000})
				s.reload(b, fmt.Sprintf("%s.* live=%d ", resized, streams))
			}
			waits := s.freezes(b)[before:]
			slices.Sort(waits)
			b.ReportMetric(0, "ns/op") // that of the test's polling
			b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(waits[len(waits)-1].Microseconds())/1000, "ms-max")
		})
	}
}

// fill publishes so many streams, spread over the workers.
func (s *server) fill(b *testing.B, streams int) {
	b.Helper()
	const perConnection = 250
	ctx, cancel := context.WithTimeout(context.Background(), 4*soon)
	defer cancel()
	for first := 0; first < streams; first += perConnection {
		conn, _, err := rtmp.Dial(ctx, s.rtmpURL(first/perConnection%s.opt.workers, "live/many"), &rtmp.Config{MaxStreams: 1024, CommandRate: 1e6, CommandBurst: 1e6})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		for i := range min(perConnection, streams-first) {
			if _, err := conn.Publish(ctx, fmt.Sprintf("many%d", first+i)); err != nil {
				b.Fatal(err)
			}
		}
		go s.keepAlive(conn)
	}
}

// keepAlive answers what the server asks, until the connection's end.
func (s *server) keepAlive(conn *rtmp.ClientConn) {
	for {
		if _, err := conn.Next(); err != nil {
			return
		}
	}
}
