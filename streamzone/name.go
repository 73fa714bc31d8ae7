package streamzone

import "encoding/binary"

// A key is a name ready to be looked for.
type key struct {
	name   string
	hash   uint64
	bucket uint64
}

// key refuses a name that cannot be in the zone.
func (t *table) key(name string) (key, error) {
	if name == "" {
		return key{}, ErrNameEmpty
	}
	if uint64(len(name)) > t.nameMax {
		return key{}, ErrNameTooLong
	}
	h := t.hash(name)
	return key{name: name, hash: h, bucket: t.bucketOf(h)}, nil
}

// hash is the name's SipHash-1-3 under the zone's secret. A publisher chooses
// his names; he must not be able to choose which share a bucket, or he could
// fill somebody else's and make a name impossible to claim.
func (t *table) hash(name string) uint64 {
	return t.secret.sum(sipWordRounds, sipFinalRounds, name)
}

// matches tells whether node i holds k's name. The node may be changing: the
// answer counts only if the node's state is the same afterwards.
func (t *table) matches(i uint32, k *key) bool {
	if t.node(i, nodeHash).Load() != k.hash || aboutLen(t.node(i, nodeAbout).Load()) != len(k.name) {
		return false
	}
	for w := range nameWords(len(k.name)) {
		if t.nameWord(i, w).Load() != wordOf(k.name, w) {
			return false
		}
	}
	return true
}

// setName writes k's name into node i, which is private to the caller. The
// rest of the last word is zero.
func (t *table) setName(i uint32, k *key) {
	t.node(i, nodeHash).Store(k.hash)
	for w := range nameWords(len(k.name)) {
		t.nameWord(i, w).Store(wordOf(k.name, w))
	}
}

// name reads node i's name. ok is false if its length is impossible. As with
// matches, the node's state must be checked afterwards.
func (t *table) name(i uint32) (name string, ok bool) {
	length := aboutLen(t.node(i, nodeAbout).Load())
	if length == 0 || uint64(length) > t.nameMax {
		return "", false
	}
	b := make([]byte, 0, nameWords(length)*wordBytes)
	for w := range nameWords(length) {
		b = binary.LittleEndian.AppendUint64(b, t.nameWord(i, w).Load())
	}
	return string(b[:length]), true
}

// wordOf is word w of the name, filled up with zeros.
func wordOf(name string, w int) uint64 {
	s := name[w*wordBytes:]
	if len(s) >= wordBytes {
		return wholeWord(s)
	}
	var word uint64
	for i := range len(s) {
		word |= uint64(s[i]) << (8 * i)
	}
	return word
}

// wholeWord is the first eight bytes of s. The compiler makes one load of it.
func wholeWord(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
