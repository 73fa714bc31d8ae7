package fmp4

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Sizes of the parts of an FLV file (Video File Format Specification 10.1 §E.2, §E.3, §E.4.1).
const (
	fileHeaderSize = 9
	tagHeaderSize  = 11
	tagBackSize    = 4       // PreviousTagSize
	maxFileHeader  = 1 << 10 // what is claimed beyond is nonsense
)

// Bits of the type flags of an FLV file (FLV §E.2).
const (
	flagVideo = 1 << 0
	flagAudio = 1 << 2
)

// Types of tags (FLV §E.4.1).
const (
	tagAudio = 8
	tagVideo = 9
)

const (
	readBuffer   = 4 << 10  // how much of headers is read at once
	firstPayload = 32 << 10 // what is allocated for a payload before it is there
)

// An flvReader reads tags.
type flvReader struct {
	r    *bufio.Reader
	head [tagHeaderSize]byte
}

// A tag is one of audio or video.
type tag struct {
	video     bool
	timestamp uint32
	payload   []byte
}

func newFLVReader(src io.Reader) *flvReader {
	return &flvReader{r: bufio.NewReaderSize(src, readBuffer)}
}

// header reads the file's header, and returns its type flags.
//
//	| "FLV" | version 1 (1) | type flags (1) | size of the header (4) | PreviousTagSize0 (4) |
func (r *flvReader) header() (flags byte, err error) {
	h := r.head[:fileHeaderSize]
	if _, err := io.ReadFull(r.r, h); err != nil {
		return 0, fmt.Errorf("header of FLV: %w", endless(err))
	}
	size := binary.BigEndian.Uint32(h[5:])
	if string(h[:3]) != "FLV" || size < fileHeaderSize || size > maxFileHeader {
		return 0, ErrFormat
	}
	flags = h[4]
	if _, err := r.r.Discard(int(size) - fileHeaderSize + tagBackSize); err != nil {
		return 0, fmt.Errorf("header of FLV: %w", endless(err))
	}
	return flags, nil
}

// next reads the next tag of audio or video; io.EOF says that the file has ended where it may.
//
//	| type (1) | size (3) | timestamp (3), its upper bits (1) | stream id 0 (3) | payload | PreviousTagSize (4) |
func (r *flvReader) next() (t tag, err error) {
	for {
		if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
			return t, err // io.EOF: nothing of a tag
		}
		h := r.head
		size := int(h[1])<<16 | int(h[2])<<8 | int(h[3])
		if h[0] != tagAudio && h[0] != tagVideo { // data, or nothing that is known
			if _, err := r.r.Discard(size + tagBackSize); err != nil {
				return t, endless(err)
			}
			continue
		}
		t.video = h[0] == tagVideo
		t.timestamp = uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6])
		if t.payload, err = r.read(size); err != nil {
			return t, endless(err)
		}
		// What is whole counts, whether or not its size comes behind it.
		if _, err := r.r.Discard(tagBackSize); err != nil && !errors.Is(err, io.EOF) {
			return t, err
		}
		return t, nil
	}
}

// read reads n bytes. What it allocates grows with what has come, not with n.
func (r *flvReader) read(n int) ([]byte, error) {
	buf := make([]byte, 0, min(n, firstPayload))
	for {
		m, err := io.ReadFull(r.r, buf[len(buf):min(n, cap(buf))])
		buf = buf[:len(buf)+m]
		if err != nil || len(buf) == n {
			return buf, err
		}
		buf = slices.Grow(buf, min(n-len(buf), len(buf)))
	}
}

// endless is an error where the source must not end.
func endless(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
