package worker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// TestRTMPConfig: every setting arrives where it belongs.
func TestRTMPConfig(t *testing.T) {
	got := rtmpConfig(&config.RTMPServer{
		IdleTimeout: 1 * time.Second,
		Limits: config.Limits{
			HandshakeTimeout: 2 * time.Second, ConnectTimeout: 3 * time.Second, CommandTimeout: 4 * time.Second, WriteTimeout: 5 * time.Second,
			ChunkStreams: 6, MediaSize: 7, CommandSize: 8, DataSize: 9, InFlight: 10, IdleInFlight: 11,
			MessageStreams: 12, CommandRate: 13, CommandBurst: 14, StrayMessages: 15, AMFDepth: 16, AMFNodes: 17,
		},
	})
	want := (&rtmp.Config{
		IdleTimeout: 1 * time.Second, ReuseBuffers: true,
		HandshakeTimeout: 2 * time.Second, ConnectTimeout: 3 * time.Second, CommandTimeout: 4 * time.Second, WriteTimeout: 5 * time.Second,
		MaxChunkStreams: 6, MaxMediaSize: 7, MaxCommandSize: 8, MaxDataSize: 9, MaxInFlight: 10, MaxIdleInFlight: 11,
		MaxStreams: 12, CommandRate: 13, CommandBurst: 14, MaxStrayMessages: 15, MaxAMFDepth: 16, MaxAMFNodes: 17,
	}).Complete()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(rtmp.Config{}, "TLS"), cmpopts.IgnoreUnexported(rtmp.Config{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestDefaultsAgree: the server's defaults are those of package rtmp, so that its documentation is true of both.
func TestDefaultsAgree(t *testing.T) {
	got := rtmpConfig(&config.Default().RTMP)
	want := (&rtmp.Config{
		IdleTimeout: 15 * time.Second, ReuseBuffers: true,
		HandshakeTimeout: rtmp.DefaultHandshakeTimeout, ConnectTimeout: rtmp.DefaultConnectTimeout,
		CommandTimeout: rtmp.DefaultCommandTimeout, WriteTimeout: rtmp.DefaultWriteTimeout,
		MaxChunkStreams: rtmp.DefaultMaxChunkStreams, MaxMediaSize: rtmp.DefaultMaxMediaSize, MaxCommandSize: rtmp.DefaultMaxCommandSize,
		MaxDataSize: rtmp.DefaultMaxDataSize, MaxInFlight: rtmp.DefaultMaxInFlight, MaxIdleInFlight: rtmp.DefaultMaxIdleInFlight,
		MaxStreams: rtmp.DefaultMaxStreams, CommandRate: rtmp.DefaultCommandRate, CommandBurst: rtmp.DefaultCommandBurst,
		MaxStrayMessages: rtmp.DefaultMaxStrayMessages, MaxAMFDepth: rtmp.DefaultMaxAMFDepth, MaxAMFNodes: rtmp.DefaultMaxAMFNodes,
	}).Complete()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(rtmp.Config{}, "TLS"), cmpopts.IgnoreUnexported(rtmp.Config{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
