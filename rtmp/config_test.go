package rtmp

import "testing"

// TestComplete: what is complete is shared, what is not is left as it is.
func TestComplete(t *testing.T) {
	complete := (*Config)(nil).Complete()
	if complete.MaxStreams != DefaultMaxStreams || complete.ReuseBuffers || complete.IdleTimeout != 0 {
		t.Errorf("the defaults are %+v", complete)
	}
	if again := complete.Complete(); again != complete {
		t.Error("a complete Config is copied")
	}
	ours := &Config{MaxStreams: 3, ReuseBuffers: true}
	if full := ours.Complete(); full == ours || full.MaxStreams != 3 || !full.ReuseBuffers || full.ChunkSize != DefaultChunkSize {
		t.Errorf("%+v became %+v", ours, full)
	}
	if *ours != (Config{MaxStreams: 3, ReuseBuffers: true}) {
		t.Errorf("it was changed: %+v", ours)
	}
}
