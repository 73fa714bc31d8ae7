package rtmp

import (
	"maps"
	"math"
	"slices"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// Capabilities are what one end of a connection announces in `connect` beyond
// RTMP 1.0 (Enhanced RTMP v2 "Enhancing NetConnection connect Command").
type Capabilities struct {
	FourCCs      []string              // fourCcList: codecs that it can receive
	Video, Audio map[string]FourCCInfo // videoFourCcInfoMap, audioFourCcInfoMap: by codec
	Ex           CapsEx                // capsEx
}

// AnyFourCC stands for every codec in Capabilities.
const AnyFourCC = "*"

// FourCCInfo are flags that say what an end can do with a codec (Enhanced RTMP
// v2, FourCcInfoMask).
type FourCCInfo uint32

// Flags of FourCCInfo.
const (
	CanDecode  FourCCInfo = 0x01
	CanEncode  FourCCInfo = 0x02
	CanForward FourCCInfo = 0x04
)

// CapsEx are flags of what an end understands (Enhanced RTMP v2, CapsExMask).
type CapsEx uint32

// Flags of CapsEx.
const (
	CapsExReconnect           CapsEx = 0x01 // as a client: WriteReconnectRequest
	CapsExMultitrack          CapsEx = 0x02
	CapsExModEx               CapsEx = 0x04
	CapsExTimestampNanoOffset CapsEx = 0x08
)

// The properties of `connect` that carry Capabilities.
const (
	keyFourCCs = "fourCcList"
	keyVideo   = "videoFourCcInfoMap"
	keyAudio   = "audioFourCcInfoMap"
	keyCapsEx  = "capsEx"
)

// maxFourCCs is how many codecs of each list are kept: several times as many
// as there are.
const maxFourCCs = 64

// ownCapabilities are what a server announces to a client that announces any:
// every codec is forwarded as it is, and the server may ask to reconnect. What
// it could forward as well, but older players of the stream could not read, it
// does not invite: CapsExTimestampNanoOffset.
var ownCapabilities = Capabilities{
	FourCCs: []string{AnyFourCC},
	Video:   map[string]FourCCInfo{AnyFourCC: CanForward},
	Audio:   map[string]FourCCInfo{AnyFourCC: CanForward},
	Ex:      CapsExReconnect | CapsExMultitrack | CapsExModEx,
}

// announces reports whether a command object of `connect` is that of a client
// that knows Enhanced RTMP.
func announces(properties amf0.Object) bool {
	for _, key := range [...]string{keyFourCCs, keyVideo, keyAudio, keyCapsEx} {
		if _, ok := properties.Get(key); ok {
			return true
		}
	}
	return false
}

// capabilitiesFrom reads what a command object of `connect` announces. What has
// the wrong shape is left out.
func capabilitiesFrom(properties amf0.Object) Capabilities {
	var c Capabilities
	list, _ := properties.Get(keyFourCCs)
	values, _ := list.(amf0.StrictArray)
	for _, v := range values {
		if code, ok := v.(string); ok && isFourCC(code) && len(c.FourCCs) < maxFourCCs {
			c.FourCCs = append(c.FourCCs, code)
		}
	}
	c.Video = fourCCInfoFrom(properties, keyVideo)
	c.Audio = fourCCInfoFrom(properties, keyAudio)
	ex, _ := properties.Get(keyCapsEx)
	c.Ex, _ = flags[CapsEx](ex)
	return c
}

func fourCCInfoFrom(properties amf0.Object, key string) map[string]FourCCInfo {
	v, _ := properties.Get(key)
	object, _ := asObject(v)
	var info map[string]FourCCInfo
	for _, p := range object {
		f, ok := flags[FourCCInfo](p.Value)
		if !ok || !isFourCC(p.Key) || len(info) >= maxFourCCs {
			continue
		}
		if info == nil {
			info = make(map[string]FourCCInfo)
		}
		info[p.Key] = f
	}
	return info
}

// isFourCC reports whether s is four characters of ASCII that can be printed
// (Enhanced RTMP v2 "Simple Data Types"), or stands for every codec.
func isFourCC(s string) bool {
	if s == AnyFourCC {
		return true
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) == 4
}

// flags reads a number that is a set of flags.
func flags[T ~uint32](v any) (T, bool) {
	n, ok := v.(float64)
	if !ok || !(n >= 0 && n <= math.MaxUint32) { // NaN is neither
		return 0, false
	}
	return T(n), true
}

// properties returns c as it goes over the wire.
func (c *Capabilities) properties() amf0.Object {
	var o amf0.Object
	if len(c.FourCCs) > 0 {
		var list amf0.StrictArray
		for _, code := range c.FourCCs {
			list = append(list, code)
		}
		o = append(o, amf0.Property{Key: keyFourCCs, Value: list})
	}
	for _, m := range [...]struct {
		key  string
		info map[string]FourCCInfo
	}{{keyVideo, c.Video}, {keyAudio, c.Audio}} {
		if len(m.info) > 0 {
			o = append(o, amf0.Property{Key: m.key, Value: fourCCInfoObject(m.info)})
		}
	}
	if c.Ex != 0 {
		o = append(o, amf0.Property{Key: keyCapsEx, Value: float64(c.Ex)})
	}
	return o
}

func fourCCInfoObject(info map[string]FourCCInfo) amf0.Object {
	var o amf0.Object
	for _, code := range slices.Sorted(maps.Keys(info)) {
		o = append(o, amf0.Property{Key: code, Value: float64(info[code])})
	}
	return o
}

// WriteReconnectRequest asks a client to connect again, when it is ready, and
// then to leave: to tcURL, or to where it is connected now if that is empty
// (Enhanced RTMP v2 "Reconnect Request"). It does nothing if the client has not
// announced CapsExReconnect.
func (c *ServerConn) WriteReconnectRequest(tcURL, description string) error {
	if c.request.Enhanced.Ex&CapsExReconnect == 0 {
		return nil
	}
	if !c.isConnected() {
		return ErrNotConnected
	}
	info := (&Status{Code: CodeConnectReconnectRequest, Description: description}).object()
	if tcURL != "" {
		info = append(info, amf0.Property{Key: "tcUrl", Value: tcURL})
	}
	request, err := newCommand(CSIDCommand, 0, "onStatus", 0, amf0.Null{}, info)
	if err != nil {
		return err
	}
	return c.send(request)
}
