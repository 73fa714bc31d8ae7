package live

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

func asFLV(o *PlayOptions) { o.Format = FormatFLV }

// file reads what a player of FLV got so far: the flags of the file's header, and the whole tags, as messages.
func (s *pipeSink) file(t *testing.T) (flags byte, tags []rtmp.Message) {
	t.Helper()
	s.mu.Lock()
	b := bytes.Clone(s.got.Bytes())
	s.mu.Unlock()
	if len(b) < 13 {
		return 0, nil
	}
	if flags = b[4]; !bytes.Equal(b[:13], flvHeader(flags)) {
		t.Fatalf("the file begins with %x", b[:13])
	}
	for b = b[13:]; len(b) >= tagHeaderSize; {
		size := int(binary.BigEndian.Uint32(b) & 0xffffff)
		whole := tagHeaderSize + size
		if len(b) < whole+tagBackSize {
			break
		}
		if back := binary.BigEndian.Uint32(b[whole:]); int(back) != whole || !bytes.Equal(b[8:11], []byte{0, 0, 0}) {
			t.Fatalf("tag %d is damaged: %x … %d", len(tags), b[:tagHeaderSize], back)
		}
		tags = append(tags, rtmp.Message{
			Type: rtmp.MessageType(b[0]), Timestamp: binary.BigEndian.Uint32(b[3:])&0xffffff | uint32(b[7])<<24,
			Payload: b[tagHeaderSize:whole],
		})
		b = b[whole+tagBackSize:]
	}
	return flags, tags
}

func wantTags(t *testing.T, v *viewer, want ...string) {
	t.Helper()
	synctest.Wait()
	_, tags := v.sink.file(t)
	if d := cmp.Diff(append([]string{}, want...), describeAll(tags)); d != "" {
		t.Errorf("the player got (-want +got)\n%s", d)
	}
}

// later moves messages on by so many milliseconds.
func later(by uint32, ms ...*rtmp.Message) []*rtmp.Message {
	for _, m := range ms {
		m.Timestamp += by
	}
	return ms
}

// TestFLVBeginsAtZero, whatever the publisher's clock shows, and however long timestamps are in the log: up to 2²⁴, extended, and about to wrap.
func TestFLVBeginsAtZero(t *testing.T) {
	for _, begin := range []uint32{0, 5000, extendedMark - 100, 1<<31 - 50, 1<<32 - 90} {
		t.Run(fmt.Sprint(begin), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTestHub(t, testOptions())
				early := play(t, h, newPipeSink(endless), asFLV)
				f := publish(t, h, "1")
				feedAll(t, f, metadata(), videoHeader(), audioHeader())
				feedAll(t, f, later(begin, key(20), audio(3), inter(60), audio(26), key(100), audio(90), inter(140))...)
				wantTags(t, early, "data header@0", "video header@0", "audio header@0",
					"video key@0", "audio@0", "video@40", "audio@6", "video key@80", "audio@70", "video@120")
				late := play(t, h, newPipeSink(endless), asFLV)
				feedAll(t, f, later(begin, audio(113), inter(180))...)
				wantTags(t, late, "data header@0", "video header@0", "audio header@0",
					"video key@10", "audio@0", "video@50", "audio@23", "video@90")
			})
		})
	}
}

func TestFLVFlags(t *testing.T) {
	for name, c := range map[string]struct {
		messages []*rtmp.Message
		want     byte
	}{
		"audio and video":      {[]*rtmp.Message{videoHeader(), audioHeader(), key(0)}, flvAudio | flvVideo},
		"video":                {[]*rtmp.Message{videoHeader(), key(0)}, flvVideo},
		"audio":                {[]*rtmp.Message{audioHeader(), audio(0)}, flvAudio},
		"audio, no header":     {[]*rtmp.Message{{Type: rtmp.TypeAudio, Payload: []byte{0x2f, 1, 2}}}, flvAudio},
		"nothing is known yet": {[]*rtmp.Message{metadata()}, flvAudio | flvVideo},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTestHub(t, testOptions())
				f := publish(t, h, "1")
				feedAll(t, f, c.messages...)
				v := play(t, h, newPipeSink(endless), asFLV)
				synctest.Wait()
				if flags, _ := v.sink.file(t); flags != c.want {
					t.Errorf("flags %#x, want %#x", flags, c.want)
				}
			})
		})
	}
}

// TestFLVOfAudio: there is no frame yet when the player begins.
func TestFLVOfAudio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		f := publish(t, h, "1")
		feedAll(t, f, metadata())
		v := play(t, h, newPipeSink(endless), asFLV)
		synctest.Wait()
		feedAll(t, f, audioHeader(), audio(3<<30), audio(3<<30+23))
		wantTags(t, v, "data header@0", "audio header@0", "audio@0", "audio@23")
	})
}

// TestFLVByteByByte has every split of tags.
func TestFLVByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		feedAll(t, f, later(extendedMark, key(0), audio(0), inter(40))...)
		v := play(t, h, newPipeSink(0), asFLV)
		for range 1000 {
			v.sink.grow(1)
			synctest.Wait()
		}
		wantTags(t, v, "data header@0", "video header@0", "audio header@0", "video key@0", "audio@0", "video@40")
	})
}

// TestFLVAnySplit lets sockets take random amounts of packets of all sizes, and checks every byte; and those of a player of RTMP beside it.
func TestFLVAnySplit(t *testing.T) {
	noise := make([]byte, 201_000)
	for i := range noise {
		noise[i] = byte(i * i >> 7)
	}
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			h := newTestHub(t, testOptions())
			f := publish(t, h, "1")
			begin(t, f)
			asTags, asChunks := play(t, h, newPipeSink(0), asFLV), play(t, h, newPipeSink(0), nil)
			origin := uint32(seed%2) * extendedMark
			var want []rtmp.Message
			for i := range uint32(150) {
				m := inter(origin + i*40)
				if i%25 == 0 {
					m = key(origin + i*40)
				}
				m.Payload = append(m.Payload, noise[rnd.IntN(1000):][:rnd.IntN(1+rnd.IntN(200_000))]...)
				if err := f.Append(m); err != nil {
					t.Fatal(err)
				}
				want = append(want, *m)
				for _, v := range []*viewer{asTags, asChunks} {
					v.sink.grow(rnd.IntN(1 + rnd.IntN(200_000)))
				}
				if rnd.IntN(3) > 0 {
					synctest.Wait()
				}
			}
			asTags.sink.grow(endless)
			asChunks.sink.grow(endless)
			synctest.Wait()
			_, tags := asTags.sink.file(t)
			samePayloads(t, tags, want, origin)
			samePayloads(t, asChunks.sink.messages(t), want, 0)
		})
	}
}

func samePayloads(t *testing.T, got, want []rtmp.Message, origin uint32) {
	t.Helper()
	const headers = 3
	if len(got) != headers+len(want) {
		t.Fatalf("%d messages, want %d and %d headers", len(got), len(want), headers)
	}
	for i, m := range got[headers:] {
		if w := &want[i]; m.Type != w.Type || m.Timestamp != w.Timestamp-origin || !bytes.Equal(m.Payload, w.Payload) {
			t.Fatalf("message %d: type %d, %d ms, %d bytes; want %d, %d, %d",
				i, m.Type, m.Timestamp, len(m.Payload), w.Type, w.Timestamp-origin, len(w.Payload))
		}
	}
}

// TestFLVOfManyPackets: more than go into one write.
func TestFLVOfManyPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v := play(t, h, newPipeSink(100), asFLV)
		want := []string{"data header@0", "video header@0", "audio header@0", "video key@0"}
		feedAll(t, f, key(0))
		for ts := uint32(1); ts < 3*maxIovecs; ts++ {
			if err := f.Append(audio(ts)); err != nil {
				t.Fatal(err)
			}
			want = append(want, describe(*audio(ts)))
		}
		v.sink.grow(endless)
		wantTags(t, v, want...)
	})
}

func TestFLVLagging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		begin(t, f)
		slow, fast := play(t, h, newPipeSink(500), asFLV), play(t, h, newPipeSink(endless), nil)
		want := []string{"data header@0", "video header@1000", "audio header@1000"}
		for ts := uint32(1000); ts < 9000; ts += 1000 { // a GOP a second, in a log of five
			feedAll(t, f, key(ts), inter(ts+500))
			want = append(want, describe(*key(ts)), describe(*inter(ts + 500)))
			time.Sleep(time.Second)
		}
		wantMessages(t, fast, want...)
		header := audioHeader()
		header.Timestamp, header.Payload = 8600, append(header.Payload, 1)
		feedAll(t, f, header, key(9000))
		slow.sink.grow(endless)
		synctest.Wait()
		_, tags := slow.sink.file(t)
		got := describeAll(tags)
		if d := cmp.Diff([]string{"data header@0", "video header@0", "audio header@0", "video key@0"}, got[:min(4, len(got))]); d != "" {
			t.Fatalf("the slow player got %q", got)
		}
		count.want(t, map[string]int{string(DropLag): 15}) // inter@2000 to the header
		rest := got[4:]                                    // what was begun, then, from the newest keyframe on, what is needed there
		if d := cmp.Diff([]string{"video@500", "data header@0", "video header@8000", "audio header@8000", "video key@8000"}, rest); d != "" {
			t.Errorf("then (-want +got)\n%s", d)
		}
	})
}

// TestFLVRepublish: the file goes on, and its timestamps do too.
func TestFLVRepublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v := play(t, h, newPipeSink(endless), asFLV)
		feedAll(t, f, key(7000), audio(7010), inter(7040))
		f.Detach()
		time.Sleep(time.Second)
		f = publish(t, h, "2")
		begin(t, f)
		feedAll(t, f, key(0), audio(3), inter(40))
		_, tags := v.sink.file(t)
		got := describeAll(tags)
		want := []string{
			"data header@0", "video header@0", "audio header@0", "video key@0", "audio@10", "video@40",
			"data header@0", "video header@140", "audio header@140", "video key@140", "audio@143", "video@180",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		f.Detach()
		if r := <-v.ended; r != EndUnpublished {
			t.Errorf("ended by %q", r)
		}
	})
}

// TestFLVWords: words come before the file, or instead of it, never behind it.
func TestFLVWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		talk := func() (*pipeSink, chan EndReason) {
			var p *Player
			sink, ended := newPipeSink(endless), make(chan EndReason, 1)
			p = NewPlayer(PlayOptions{
				Sink: sink, Format: FormatFLV,
				Opening:  func() []byte { return []byte("hello ") },
				Farewell: func(EndReason) { _ = p.Control([]byte("goodbye")) },
				Ended:    func(r EndReason) { ended <- r },
			})
			if err := h.Play("live/x", p); err != nil {
				t.Fatal(err)
			}
			return sink, ended
		}
		got := func(s *pipeSink) string {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.got.String()
		}
		vain, ended := talk()
		if r := <-ended; r != EndNotFound || got(vain) != "goodbye" {
			t.Errorf("who waited in vain got %q, and ended by %q", got(vain), r)
		}
		f := publish(t, h, "1")
		begin(t, f)
		v, ended := talk()
		if s := got(v); s != "" {
			t.Errorf("before the first frame: %q", s)
		}
		feedAll(t, f, key(0))
		before := got(v)
		if !bytes.HasPrefix([]byte(before), append([]byte("hello "), flvHeader(flvAudio|flvVideo)...)) {
			t.Errorf("the file begins with %q", before)
		}
		f.Detach()
		if r := <-ended; r != EndUnpublished || got(v) != before {
			t.Errorf("ended by %q, with %q", r, got(v)[len(before):])
		}
	})
}

// TestFLVBound: who is told to end gets all that was there by then, also the tag that is begun.
func TestFLVBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v := play(t, h, newPipeSink(200), asFLV)
		feedAll(t, f, key(0), inter(40))
		v.finish(EndShutdown)
		feedAll(t, f, inter(80))
		v.sink.grow(endless)
		if r := <-v.ended; r != EndShutdown {
			t.Errorf("ended by %q", r)
		}
		wantTags(t, v, "data header@0", "video header@0", "audio header@0", "video key@0", "video@40")
	})
}
