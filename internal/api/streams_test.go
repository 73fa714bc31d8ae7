package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStreamsMerged(t *testing.T) {
	c := newCluster(t, 3)
	c.locals[1].streams = []LocalStream{
		{
			App: "live", Name: "b", Role: RolePublisher, Owner: 11, Players: 2, RelayPlayers: 1, BytesIn: 1000, BytesOut: 5000,
			PlayersBy: map[string]int{"rtmp": 2}, BitrateIn: 1e6, BitrateOut: 3e6, VideoCodec: "h264", AudioCodec: "aac", Since: epoch,
			Publisher: &PublisherInfo{Session: "1-0-1", Protocol: "rtmp", Address: "192.0.2.1:5000", Since: epoch, FlashVer: "FMLE/3.0"},
		},
		{App: "live", Name: "a", Role: RoleWaiting, Owner: -1, Players: 1, PlayersBy: map[string]int{"rtmp": 1}, Since: epoch},
	}
	c.locals[2].streams = []LocalStream{
		{
			App: "live", Name: "b", Role: RoleRelay, Owner: 11, Players: 3, PlayersBy: map[string]int{"rtmp": 1, "http_flv": 2},
			BytesIn: 900, BytesOut: 2700, BitrateIn: 9e5, BitrateOut: 4e6, VideoCodec: "h264", Since: epoch.Add(time.Second),
		},
	}
	c.locals[0].streams = []LocalStream{
		{App: "live", Name: "a", Role: RoleWaiting, Owner: -1, Players: 4, PlayersBy: map[string]int{"rtmp": 3, "ws_flv": 1}, Since: epoch},
		{App: "Live", Name: "z", Role: RolePublisher, Owner: 10, Since: epoch},
	}
	var got StreamsAnswer
	c.call(t, "GET", "/api/v1/streams").into(t, 200, &got)
	want := StreamsAnswer{
		Coverage: Coverage{Expected: 3, Answered: 3},
		Streams: []Stream{
			{
				App: "Live", Name: "z", State: StateLive, OwnerSlot: new(10), OwnerWorker: new(0), Since: &epoch, PlayersBy: map[string]int{},
				Relays: []int{}, BytesIn: new(uint64(0)), Media: &StreamMedia{Worker: 0, Role: RolePublisher},
				Workers: []StreamPart{{Worker: 0, Slot: 10, Role: RolePublisher, PlayersBy: map[string]int{}, Since: epoch}},
			},
			{
				App: "live", Name: "a", State: StateWaiting, Players: 5, PlayersBy: map[string]int{"rtmp": 4, "ws_flv": 1}, Relays: []int{},
				Workers: []StreamPart{
					{Worker: 0, Slot: 10, Role: RoleWaiting, Players: 4, PlayersBy: map[string]int{"rtmp": 3, "ws_flv": 1}, Since: epoch},
					{Worker: 1, Slot: 11, Role: RoleWaiting, Players: 1, PlayersBy: map[string]int{"rtmp": 1}, Since: epoch},
				},
			},
			{
				App: "live", Name: "b", State: StateLive, OwnerSlot: new(11), OwnerWorker: new(1), Since: &epoch, Players: 5, Relays: []int{2},
				PlayersBy: map[string]int{"rtmp": 3, "http_flv": 2}, BitrateOut: 7e6, Media: &StreamMedia{Worker: 1, Role: RolePublisher, BitrateIn: 1e6},
				Publisher: &PublisherInfo{Session: "1-0-1", Protocol: "rtmp", Address: "192.0.2.1:5000", Since: epoch, FlashVer: "FMLE/3.0"},
				BytesIn:   new(uint64(1000)), BytesOut: 7700, VideoCodec: "h264", AudioCodec: "aac",
				Workers: []StreamPart{
					{
						Worker: 1, Slot: 11, Role: RolePublisher, Players: 2, PlayersBy: map[string]int{"rtmp": 2}, RelayPlayers: 1,
						BytesIn: 1000, BytesOut: 5000, BitrateOut: 3e6, Since: epoch,
					},
					{
						Worker: 2, Slot: 12, Role: RoleRelay, Players: 3, PlayersBy: map[string]int{"rtmp": 1, "http_flv": 2},
						BytesIn: 900, BytesOut: 2700, BitrateOut: 4e6, Since: epoch.Add(time.Second),
					},
				},
			},
		},
	}
	for i := range got.Streams {
		s := &got.Streams[i]
		if (s.Uptime == nil) != (s.Since == nil) || s.Uptime != nil && *s.Uptime < 1000 {
			t.Errorf("%s/%s: since %v, uptime %v", s.App, s.Name, s.Since, s.Uptime)
		}
		s.Uptime = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Nothing is an empty list, not null; what isn't known is null, not nothing.
func TestStreamsNullAndEmpty(t *testing.T) {
	c := newCluster(t, 1)
	if got := string(c.call(t, "GET", "/api/v1/streams").body); got != `{"workers_expected":1,"workers_answered":1,"streams":[]}`+"\n" {
		t.Error(got)
	}
	c.locals[0].streams = []LocalStream{{App: "a", Name: "<b>", Role: RoleWaiting}}
	var got struct{ Streams []map[string]any }
	if err := json.Unmarshal(c.call(t, "GET", "/api/v1/streams").body, &got); err != nil {
		t.Fatal(err)
	}
	s := got.Streams[0]
	for _, key := range []string{"owner_slot", "owner_worker", "publisher", "bytes_in", "since", "uptime", "media"} {
		if v, there := s[key]; v != nil || !there {
			t.Errorf("%s is %v, %v", key, v, there)
		}
	}
	if relays, isList := s["relays"].([]any); !isList || len(relays) != 0 {
		t.Errorf("relays is %v", s["relays"])
	}
}

// A relay whose owner can't be asked shows a live stream with an unknown publisher. One whose owner answers without the
// stream shows a stream that has just ended.
func TestStreamOfSilentOwner(t *testing.T) {
	c := newCluster(t, 3)
	c.locals[0].streams = []LocalStream{{App: "live", Name: "x", Role: RoleRelay, Owner: 11, Players: 1, BitrateIn: 5e5, VideoCodec: "av1"}}
	c.locals[2].streams = []LocalStream{{App: "live", Name: "x", Role: RoleWaiting, Players: 1}}

	var got StreamsAnswer
	c.call(t, "GET", "/api/v1/streams").into(t, 200, &got)
	if s := got.Streams[0]; s.State != StateWaiting || s.OwnerSlot != nil || s.Players != 2 {
		t.Errorf("the owner ended it: %+v", s)
	}
	c.replace(1, stopped(t))
	got = StreamsAnswer{}
	c.call(t, "GET", "/api/v1/streams").into(t, 200, &got)
	if got.summary() != "2/3 1:timeout" {
		t.Error(got.summary())
	}
	if s := got.Streams[0]; s.State != StateLive || *s.OwnerSlot != 11 || s.OwnerWorker != nil || s.Publisher != nil || s.BytesIn != nil || s.VideoCodec != "av1" {
		t.Errorf("the owner is silent: %+v", s)
	}
	if m := got.Streams[0].Media; m.Worker != 0 || m.Role != RoleRelay || m.BitrateIn != 5e5 {
		t.Errorf("whose view: %+v", m)
	}
}

// Snapshots of two moments may show a publish that moved on both workers: the newer counts.
func TestStreamThatMoved(t *testing.T) {
	older := LocalStream{App: "live", Name: "x", Role: RolePublisher, Owner: 10, Since: epoch, BytesIn: 1}
	newer := LocalStream{App: "live", Name: "x", Role: RolePublisher, Owner: 11, Since: epoch.Add(time.Second), BytesIn: 2}
	for _, order := range [][2]LocalStream{{older, newer}, {newer, older}} {
		got := mergeStreams([]said[[]LocalStream]{
			{worker: 0, slot: 10, data: order[:1]},
			{worker: 1, slot: 11, data: order[1:]},
		})
		if len(got) != 1 || *got[0].OwnerSlot != 11 || *got[0].BytesIn != 2 || len(got[0].Workers) != 2 {
			t.Errorf("%+v", got)
		}
	}
}

// Names are joined by both parts: app "a/b" with name "c" is not app "a" with name "b/c".
func TestStreamNamesAreNotGlued(t *testing.T) {
	got := mergeStreams([]said[[]LocalStream]{{data: []LocalStream{{App: "a/b", Name: "c"}, {App: "a", Name: "b/c"}}}})
	if len(got) != 2 || got[0].App != "a" {
		t.Errorf("%+v", got)
	}
}
