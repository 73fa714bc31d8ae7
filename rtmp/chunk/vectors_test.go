package chunk

// A vector is a byte stream, the messages in it, and how it ends (io.EOF if
// err is nil).
type vector struct {
	name   string
	limits Limits
	wire   []byte
	want   []Message
	err    error
}

// readVectors are the byte streams that a Reader must understand, numbered by
// subject: vectors 1 to 11. They also seed the fuzz tests.
func readVectors() []vector {
	return concat(timestampVectors(), idVectors(), controlVectors(), formatVectors(), limitVectors())
}

func concat(groups ...[]vector) (all []vector) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func timestampVectors() []vector {
	p160, p300 := fill(160), fill(300)
	return []vector{
		{
			name: "vector 1: extended timestamp repeated on fmt 3",
			wire: join(x("06ffffff0000a009 01000000 01000000"), p160[:128], x("c6 01000000"), p160[128:]),
			want: []Message{video(16777216, p160)},
		},
		{
			name: "vector 2: extended timestamp left out on fmt 3",
			wire: join(x("06ffffff0000a009 01000000 01000000"), p160[:128], x("c6"), p160[128:]),
			want: []Message{video(16777216, p160)},
		},
		{
			name: "vector 2: left out, the rest of the message is shorter than the field",
			wire: join(x("06ffffff00008209 01000000 01000000"), fill(128), x("c6 0100")),
			want: []Message{video(16777216, join(fill(128), x("0100")))},
		},
		{
			name: "vector 2: left out, payload starts like the field",
			wire: join(x("06ffffff00008409 01000000 01000000"), fill(128), x("c6 01000001")),
			want: []Message{video(16777216, join(fill(128), x("01000001")))},
		},
		{
			name: "vector 2: no field on fmt 3 if the header had none",
			wire: join(x("0600000000008409 01000000"), fill(128), x("c6 00000000")),
			want: []Message{video(0, join(fill(128), x("00000000")))},
		},
		{
			name: "vector 2: a new message by fmt 3 repeats the field",
			wire: join(x("06ffffff00000209 01000000 01000000 aaaa"), x("c6 01000000 bbbb"), x("c6 cccc")),
			want: []Message{video(0x1000000, x("aaaa")), video(0x2000000, x("bbbb")), video(0x3000000, x("cccc"))},
		},
		{
			name: "vector 2: the field is that of the last header of the chunk stream",
			wire: join(
				x("06ffffff00000109 01000000 01000000 aa"),
				x("86000028 bb"), // fmt 2 without the field: fmt 3 has none either
				x("c6 01"), x("c6 01"),
			),
			want: []Message{
				video(0x1000000, x("aa")), video(0x1000028, x("bb")),
				video(0x1000050, x("01")), video(0x1000078, x("01")),
			},
		},
		{
			name: "vector 2: interleaved, with and without the field",
			wire: join(
				x("06ffffff00012c09 01000000 01000000"), p300[:128],
				x("04ffffff00012c08 01000000 01000001"), p300[:128],
				x("c6 01000000"), p300[128:256], x("c4"), p300[128:256],
				x("c4"), p300[256:], x("c6 01000000"), p300[256:],
			),
			want: []Message{audio(0x1000001, p300), video(0x1000000, p300)},
		},
		{
			name: "vector 3: exactly 0xFFFFFF",
			wire: x("06ffffff00000109 01000000 00ffffff aa"),
			want: []Message{video(0xffffff, x("aa"))},
		},
		{
			name: "vector 3: 0xFFFFFE needs no field",
			wire: x("06fffffe00000109 01000000 aa"),
			want: []Message{video(0xfffffe, x("aa"))},
		},
		{
			name: "vector 3: a delta of 0xFFFFFFF6 goes back",
			wire: join(x("060003e800000109 01000000 aa"), x("86ffffff fffffff6 bb")),
			want: []Message{video(1000, x("aa")), video(990, x("bb"))},
		},
		{
			name: "vector 3: wrap",
			wire: join(x("06ffffff00000109 01000000 fffffff0 aa"), x("46000020 00000109 bb")),
			want: []Message{video(0xfffffff0, x("aa")), video(0x10, x("bb"))},
		},
		{
			name: "vector 4: fmt 3 behind fmt 0 adds its timestamp",
			wire: join(x("0600001a00000109 01000000 aa"), x("c6 bb")),
			want: []Message{video(26, x("aa")), video(52, x("bb"))},
		},
		{
			name: "vector 4: fmt 3 repeats the last delta",
			wire: join(x("0600000a00000109 01000000 aa"), x("46000028 00000109 bb"), x("c6 cc"), x("c6 dd")),
			want: []Message{video(10, x("aa")), video(50, x("bb")), video(90, x("cc")), video(130, x("dd"))},
		},
		{
			name: "vector 4: fmt 3 inside a message adds nothing",
			wire: join(
				x("0600000a0000a009 01000000"), p160[:128], x("c6"), p160[128:],
				x("86000028"), p160[:128], x("c6"), p160[128:],
			),
			want: []Message{video(10, p160), video(50, p160)},
		},
	}
}

func idVectors() []vector {
	const header = "000001 000001 09 01000000 aa"
	one := []Message{video(1, x("aa"))}
	vectors := []vector{
		{
			name: "vector 5: 64 in two and in three bytes is one chunk stream",
			wire: join(x("0000"+header), x("c10000 bb")),
			want: []Message{video(1, x("aa")), video(2, x("bb"))},
		},
		{
			name: "vector 5: 319 in two and in three bytes is one chunk stream",
			wire: join(x("00ff"+header), x("c1ff00 bb")),
			want: []Message{video(1, x("aa")), video(2, x("bb"))},
		},
		{
			name: "vector 5: the low byte comes first",
			wire: join(x("010001"+header), x("c10100 bb")),
			want: one,
			err:  ErrNoHeader,
		},
	}
	for _, id := range [][2]string{
		{"2", "02"}, {"63", "3f"}, {"64", "0000"}, {"64, long", "010000"}, {"319", "00ff"}, {"320", "010001"}, {"65599", "01ffff"},
	} {
		vectors = append(vectors, vector{name: "vector 5: id " + id[0], wire: x(id[1] + header), want: one})
	}
	return vectors
}

func controlVectors() []vector {
	p160, p300, p500 := fill(160), fill(300), fill(500)
	zero := vector{name: "vector 6: zero length on every type"}
	for t := range 256 {
		m := Message{Type: MessageType(t), StreamID: 1, Timestamp: 1}
		zero.wire = append(zero.wire, 0x06, 0, 0, 1, 0, 0, 0, byte(t), 1, 0, 0, 0)
		zero.wire = append(zero.wire, x("04 000001 000001 08 01000000 aa")...)
		zero.want = append(zero.want, m, audio(1, x("aa")))
	}
	return []vector{
		zero,
		{
			name: "vector 6: zero length by fmt 1, 2 and 3",
			wire: join(x("06 000001 000001 09 01000000 aa"), x("46 000001 000000 09"), x("86 000001"), x("c6"), x("46 000001 000001 09 bb")),
			want: []Message{video(1, x("aa")), video(2, nil), video(3, nil), video(4, nil), video(5, x("bb"))},
		},
		{
			name: "vector 7: interleaved chunk by chunk",
			wire: join(
				x("06 000001 00012c 09 01000000"), p300[:128], x("04 000002 0000a0 08 01000000"), p160[:128],
				x("c6"), p300[128:256], x("c4"), p160[128:],
				x("c6"), p300[256:],
			),
			want: []Message{audio(2, p160), video(1, p300)},
		},
		{
			name: "vector 7: SetChunkSize between another chunk stream's chunks",
			wire: join(
				x("06 000001 0001f4 09 01000000"), p500[:128],
				x("02 000000 000004 01 00000000 0000012c"), // 300
				x("c6"), p500[128:428],
				x("02 000000 000004 01 00000000 00000032"), // 50
				x("c6"), p500[428:478], x("c6"), p500[478:],
			),
			want: []Message{
				control(TypeSetChunkSize, x("0000012c")), control(TypeSetChunkSize, x("00000032")), video(1, p500),
			},
		},
		{
			name: "vector 8: abort of a partial message",
			wire: join(
				x("06 00000a 0000a0 09 01000000"), p160[:128],
				x("02 000000 000004 02 00000000 00000006"),
				x("46 000005 000001 09 aa"),
			),
			want: []Message{control(TypeAbort, x("00000006")), video(15, x("aa"))},
		},
		{
			name: "vector 8: an aborted message counts no longer at the end",
			wire: join(
				x("06 00000a 0000a0 09 01000000"), p160[:128],
				x("02 000000 000004 02 00000000 00000006"),
			),
			want: []Message{control(TypeAbort, x("00000006"))},
		},
		{
			name: "vector 8: abort of an unknown and of an idle chunk stream",
			wire: join(
				x("02 000000 000004 02 00000000 000003e7"), x("02 000000 000004 02 00000000 ffffffff"),
				x("06 00000a 000001 09 01000000 aa"), x("02 000000 000004 02 00000000 00000006"),
				x("c6 bb"),
			),
			want: []Message{
				control(TypeAbort, x("000003e7")), control(TypeAbort, x("ffffffff")),
				video(10, x("aa")), control(TypeAbort, x("00000006")), video(20, x("bb")),
			},
		},
		{
			name: "vector 8: abort with a short body",
			wire: join(
				x("06 00000a 0000a0 09 01000000"), p160[:128],
				x("02 000000 000003 02 00000000 000006"),
				x("c6"), p160[128:],
			),
			want: []Message{control(TypeAbort, x("000006")), video(10, p160)},
		},
	}
}

func formatVectors() []vector {
	begun := join(x("06 000001 0000a0 09 01000000"), fill(128))
	setChunkSize := func(name, body string, rest []byte, err error, want ...Message) vector {
		v := vector{name: "vector 10: " + name, err: err}
		v.wire = join(x("02 000000 0000"), []byte{byte(len(body) / 2)}, x("01 00000000"+body), rest)
		if err == nil {
			v.want = append([]Message{control(TypeSetChunkSize, x(body))}, want...)
		}
		return v
	}
	return []vector{
		{name: "vector 9: fmt 0 inside a message", wire: join(begun, begun), err: ErrHeaderInMessage},
		{name: "vector 9: fmt 1 inside a message", wire: join(begun, x("46 000001 0000a0 09")), err: ErrHeaderInMessage},
		{name: "vector 9: fmt 2 inside a message", wire: join(begun, x("86 000001")), err: ErrHeaderInMessage},
		{
			name: "vector 9: fmt 1 on a new chunk stream",
			wire: x("42 000005 000006 04 0007 00000001"),
			want: []Message{{Type: TypeUserControl, Timestamp: 5, Payload: x("0007 00000001")}},
		},
		{name: "vector 9: fmt 2 on a new chunk stream", wire: x("86 000001 aa"), err: ErrNoHeader},
		{name: "vector 9: fmt 3 on a new chunk stream", wire: x("c6 aa"), err: ErrNoHeader},
		setChunkSize("0", "00000000", nil, ErrChunkSize),
		setChunkSize("bit 31", "80000080", nil, ErrChunkSize),
		setChunkSize("all bits", "ffffffff", nil, ErrChunkSize),
		setChunkSize("cut short", "000010", nil, ErrChunkSize),
		setChunkSize("1", "00000001", x("06 000001 000003 09 01000000 aa c6 bb c6 cc"), nil, video(1, x("aabbcc"))),
		setChunkSize("0x7fffffff", "7fffffff", join(x("06 000001 01117009 01000000"), fill(70000)), nil, video(1, fill(70000))),
		setChunkSize("more than four bytes", "0000000203", x("06 000001 000003 09 01000000 aabb c6 cc"), nil, video(1, x("aabbcc"))),
	}
}

func limitVectors() []vector {
	small := Limits{MaxChunkStreams: 2, MaxMediaSize: 200, MaxDataSize: 100, MaxCommandSize: 50, MaxInFlight: 300}
	v := func(name, wire string, err error, want ...Message) vector {
		return vector{name: "vector 11: " + name, limits: small, wire: x(wire), err: err, want: want}
	}
	longest := func(t MessageType, n int) vector {
		return vector{
			name: "vector 11: longest " + t.String(), limits: small,
			wire: AppendMessage(nil, 5, InitialChunkSize, &Message{Type: t, Payload: fill(n)}),
			want: []Message{{Type: t, Payload: fill(n)}},
		}
	}
	const one = " 000001 000001 09 01000000 aa "
	return []vector{
		v("chunk streams", "04"+one+"06"+one+"04"+one+"05"+one, ErrChunkStreams,
			video(1, x("aa")), video(1, x("aa")), video(1, x("aa"))),
		longest(TypeAudio, 200), longest(TypeVideo, 200), longest(TypeAggregate, 200),
		longest(TypeData, 100), longest(TypeDataAMF3, 100), longest(TypeSharedObject, 100),
		longest(TypeCommand, 50), longest(TypeCommandAMF3, 50), longest(TypeUserControl, 50), longest(99, 50),
		v("audio + 1", "04 000001 0000c9 08 01000000", ErrMessageSize),
		v("video + 1", "06 000001 0000c9 09 01000000", ErrMessageSize),
		v("data + 1", "06 000001 000065 12 01000000", ErrMessageSize),
		v("command + 1", "03 000001 000033 14 01000000", ErrMessageSize),
		v("set chunk size + 1", "02 000001 000033 01 00000000", ErrMessageSize),
		v("unknown type + 1", "03 000001 000033 63 01000000", ErrMessageSize),
		v("type changed, length kept", "04 000001 000000 09 01000000 44 000001 0000c9 08", ErrMessageSize, video(1, nil)),
		{
			name: "vector 11: in flight", limits: small, err: ErrInFlight,
			wire: join(x("04 000001 0000c8 08 01000000"), fill(128), x("06 000001 000065 09 01000000")),
		},
		{
			name: "vector 11: in flight up to the limit, then ended", limits: small,
			wire: join(
				x("04 000001 0000c8 08 01000000"), fill(200)[:128], x("06 000001 000064 09 01000000"), fill(100),
				x("c4"), fill(200)[128:], x("06 000001 0000c8 09 01000000"), fill(200)[:128], x("c6"), fill(200)[128:],
			),
			want: []Message{video(1, fill(100)), audio(1, fill(200)), video(1, fill(200))},
		},
		{
			name: "vector 11: an aborted message is in flight no longer",
			// The abort itself has four bytes in flight.
			limits: Limits{MaxInFlight: 204},
			wire: join(
				x("04 000001 0000c8 08 01000000"), fill(128), x("02 000000 000004 02 00000000 00000004"),
				x("06 000001 0000c8 09 01000000"), fill(200)[:128], x("c6"), fill(200)[128:],
			),
			want: []Message{control(TypeAbort, x("00000004")), video(1, fill(200))},
		},
	}
}
