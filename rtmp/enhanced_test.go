package rtmp

import (
	"errors"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// capabilityVectors are command objects of `connect`, and what they announce.
var capabilityVectors = []struct {
	name       string
	properties amf0.Object
	want       Capabilities
}{
	{"nothing", amf0.Object{{Key: "app", Value: "live"}}, Capabilities{}},
	{
		"ffmpeg",
		amf0.Object{{Key: keyFourCCs, Value: amf0.StrictArray{"hvc1", "av01", "vp09"}}},
		Capabilities{FourCCs: []string{"hvc1", "av01", "vp09"}},
	},
	{"everything", (&Capabilities{
		FourCCs: []string{"*"},
		Video:   map[string]FourCCInfo{"*": CanForward, "vp09": CanDecode | CanEncode},
		Audio:   map[string]FourCCInfo{"Opus": CanDecode, ".mp3": CanEncode},
		Ex:      CapsExReconnect | CapsExMultitrack | CapsExModEx | CapsExTimestampNanoOffset,
	}).properties(), Capabilities{
		FourCCs: []string{"*"},
		Video:   map[string]FourCCInfo{"*": CanForward, "vp09": CanDecode | CanEncode},
		Audio:   map[string]FourCCInfo{"Opus": CanDecode, ".mp3": CanEncode},
		Ex:      0x0f,
	}},
	{
		"maps as ECMA arrays",
		amf0.Object{{Key: keyVideo, Value: amf0.ECMAArray{{Key: "av01", Value: 1.0}}}},
		Capabilities{Video: map[string]FourCCInfo{"av01": CanDecode}},
	},
	{
		"flags that nobody knows yet",
		amf0.Object{{Key: keyCapsEx, Value: float64(math.MaxUint32)}},
		Capabilities{Ex: math.MaxUint32},
	},
	{"of wrong types", amf0.Object{
		{Key: keyFourCCs, Value: "hvc1"}, {Key: keyVideo, Value: amf0.StrictArray{"hvc1"}}, {Key: keyAudio, Value: 7.0}, {Key: keyCapsEx, Value: "1"},
	}, Capabilities{}},
	{"elements of wrong types", amf0.Object{
		{Key: keyFourCCs, Value: amf0.StrictArray{1.0, amf0.Null{}, "hvc1"}},
		{Key: keyVideo, Value: amf0.Object{{Key: "hvc1", Value: "1"}, {Key: "av01", Value: amf0.Null{}}, {Key: "vp09", Value: 4.0}}},
	}, Capabilities{FourCCs: []string{"hvc1"}, Video: map[string]FourCCInfo{"vp09": CanForward}}},
	{"no FourCCs", amf0.Object{
		{Key: keyFourCCs, Value: amf0.StrictArray{"", "hvc", "hvc11", "**", "a\x00bc", "a\nbc", "\xff\xfe\xfd\xfc", "é1", "*"}},
		{Key: keyAudio, Value: amf0.Object{{Key: "", Value: 1.0}, {Key: "mp3", Value: 1.0}, {Key: "\x1b[2J", Value: 1.0}}},
	}, Capabilities{FourCCs: []string{"*"}}},
	{"no flags", amf0.Object{
		{Key: keyVideo, Value: amf0.Object{
			{Key: "aaaa", Value: math.NaN()}, {Key: "bbbb", Value: -1.0}, {Key: "cccc", Value: math.Inf(1)}, {Key: "dddd", Value: float64(1 << 32)},
		}},
		{Key: keyCapsEx, Value: math.NaN()},
	}, Capabilities{}},
	{"too many", amf0.Object{
		{Key: keyFourCCs, Value: manyFourCCs(1000)}, {Key: keyVideo, Value: manyFourCCInfos(1000)}, {Key: keyAudio, Value: manyFourCCInfos(1000)},
	}, Capabilities{FourCCs: fourCCs(64), Video: fourCCInfos(64), Audio: fourCCInfos(64)}},
}

func fourCCs(n int) (codes []string) {
	for i := range n {
		codes = append(codes, fmt.Sprintf("%04d", i))
	}
	return codes
}

func fourCCInfos(n int) map[string]FourCCInfo {
	info := map[string]FourCCInfo{}
	for _, code := range fourCCs(n) {
		info[code] = CanForward
	}
	return info
}

func manyFourCCs(n int) (list amf0.StrictArray) {
	for _, code := range fourCCs(n) {
		list = append(list, code)
	}
	return list
}

func manyFourCCInfos(n int) (o amf0.Object) {
	for _, code := range fourCCs(n) {
		o = append(o, amf0.Property{Key: code, Value: 4.0})
	}
	return o
}

func TestCapabilities(t *testing.T) {
	for _, tt := range capabilityVectors {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, connectRequestFrom(tt.properties).Enhanced, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEnhancedConnect: a client that announces anything hears what the server
// can do, in both objects of the answer; any other hears what it always did,
// to which TestReplyVectors holds it.
func TestEnhancedConnect(t *testing.T) {
	own := amf0.Object{
		{Key: "fourCcList", Value: amf0.StrictArray{"*"}},
		{Key: "videoFourCcInfoMap", Value: amf0.Object{{Key: "*", Value: 4.0}}},
		{Key: "audioFourCcInfoMap", Value: amf0.Object{{Key: "*", Value: 4.0}}},
		{Key: "capsEx", Value: 7.0},
	}
	plain := []amf0.Object{
		{{Key: "fmsVer", Value: "FMS/3,0,1,123"}, {Key: "capabilities", Value: 31.0}},
		{
			{Key: "level", Value: "status"},
			{Key: "code", Value: CodeConnectSuccess},
			{Key: "description", Value: "Connection succeeded."},
			{Key: "objectEncoding", Value: 0.0},
		},
	}
	for _, tt := range []struct {
		name      string
		announced amf0.Object
		want      amf0.Object
	}{
		{"nothing", nil, nil},
		{"fourCcList", amf0.Object{{Key: keyFourCCs, Value: amf0.StrictArray{"hvc1"}}}, own},
		{"a map", amf0.Object{{Key: keyAudio, Value: amf0.Object{{Key: "Opus", Value: 1.0}}}}, own},
		{"no flag set", amf0.Object{{Key: keyCapsEx, Value: 0.0}}, own},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			serve(t, server, nil)
			p := newPeer(t, client)
			p.write(frame(cmd(0, "connect", 1, append(amf0.Object{{Key: "app", Value: "live"}}, tt.announced...))))
			values := p.expectCommand("_result")
			for i, object := range plain {
				want := append(append(amf0.Object{}, object...), tt.want...)
				if diff := cmp.Diff(any(want), values[1+i]); diff != "" {
					t.Errorf("object %d: %s", i, diff)
				}
			}
			p.finish()
		})
	}
}

// TestClientAnnounces: what a client is given to announce arrives.
func TestClientAnnounces(t *testing.T) {
	want := Capabilities{
		FourCCs: []string{"hvc1", "Opus"}, Video: map[string]FourCCInfo{"hvc1": CanDecode}, Audio: map[string]FourCCInfo{"*": CanForward}, Ex: CapsExReconnect,
	}
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	c, err := NewClient(t.Context(), client, ConnectRequest{App: "live", Enhanced: want}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.conn.ConnectRequest().Enhanced); diff != "" {
		t.Error(diff)
	}
	_ = c.Close()
	_ = s.end(t)
}

func TestReconnectRequest(t *testing.T) {
	status := amf0.Object{
		{Key: "level", Value: "status"},
		{Key: "code", Value: "NetConnection.Connect.ReconnectRequest"},
		{Key: "description", Value: "The streaming server is undergoing updates."},
	}
	for _, tt := range []struct {
		name, tcURL string
		announced   amf0.Object
		want        any // nil: nothing is sent
	}{
		{"to the same server", "", amf0.Object{{Key: keyCapsEx, Value: 1.0}}, status},
		{"to another", "rtmp://other/live", amf0.Object{{Key: keyCapsEx, Value: 15.0}}, append(status[:3:3], amf0.Property{Key: "tcUrl", Value: "rtmp://other/live"})},
		{"without the flag", "", amf0.Object{{Key: keyCapsEx, Value: 14.0}, {Key: keyFourCCs, Value: amf0.StrictArray{"*"}}}, nil},
		{"of a client that knows none", "", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			p := newPeer(t, client)
			p.write(frame(cmd(0, "connect", 1, append(amf0.Object{{Key: "app", Value: "live"}}, tt.announced...))))
			p.expectCommand("_result")
			<-s.accepted
			if err := s.conn.WriteReconnectRequest(tt.tcURL, "The streaming server is undergoing updates."); err != nil {
				t.Fatal(err)
			}
			if tt.want != nil {
				m := p.read()
				want := []any{"onStatus", 0.0, amf0.Null{}, tt.want}
				if diff := cmp.Diff(want, decodeAll(t, m.Payload)); diff != "" || m.Type != TypeCommand || m.StreamID != 0 {
					t.Errorf("message of type %d on stream %d: %s", m.Type, m.StreamID, diff)
				}
			}
			p.fence()
			p.finish()
			if err := s.end(t); !errors.Is(err, io.EOF) {
				t.Errorf("ended with %v", err)
			}
		})
	}
	early := &ServerConn{request: ConnectRequest{Enhanced: Capabilities{Ex: CapsExReconnect}}}
	if err := early.WriteReconnectRequest("", ""); !errors.Is(err, ErrNotConnected) {
		t.Errorf("before AcceptConnect: %v", err)
	}
}
