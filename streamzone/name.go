package streamzone

import "encoding/binary"

// A key is a name ready to be looked for.
type key struct {
	name   string
	tail   uint64 // the bytes after its last whole word, filled up with zeros
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
	hash, tail := t.secret.sum(name)
	return key{name: name, tail: tail, hash: hash, bucket: t.bucketOf(hash)}, nil
}

// hash is the name's SipHash-1-3 under the zone's secret. A publisher chooses
// his names; he must not be able to choose which share a bucket, or he could
// fill somebody else's and make a name impossible to claim.
func (t *table) hash(name string) uint64 {
	hash, _ := t.secret.sum(name)
	return hash
}

// matches tells whether node i holds k's name. The node may be changing: the
// answer counts only if the node's state is the same afterwards.
func (t *table) matches(i uint32, k *key) bool {
	return t.node(i, nodeHash).Load() == k.hash && t.about(i).length() == len(k.name) && t.holds(i, k.name, k.tail)
}

// holds compares the name, whose tail is given, with that of node i, which is
// of the same length.
func (t *table) holds(i uint32, name string, tail uint64) bool {
	for at := 0; at < len(name)-7; at += wordBytes {
		if t.nameWord(i, at/wordBytes).Load() != wholeWord(name[at:]) {
			return false
		}
	}
	return len(name)%wordBytes == 0 || t.nameWord(i, len(name)/wordBytes).Load() == tail
}

// setName writes k's name into node i, which is private to the caller.
func (t *table) setName(i uint32, k *key) {
	t.node(i, nodeHash).Store(k.hash)
	crash(atHalfFilled)
	for at := 0; at < len(k.name)-7; at += wordBytes {
		t.nameWord(i, at/wordBytes).Store(wholeWord(k.name[at:]))
	}
	if n := len(k.name); n%wordBytes != 0 {
		t.nameWord(i, n/wordBytes).Store(k.tail)
	}
}

// name reads node i's name. ok is false if its length is impossible, or if the
// bytes that fill up the last word are not zero. As with
// matches, the node's state must be checked afterwards.
func (t *table) name(i uint32) (name string, ok bool) {
	length := t.about(i).length()
	if length == 0 || uint64(length) > t.nameMax {
		return "", false
	}
	b := make([]byte, 0, nameWords(length)*wordBytes)
	for w := range nameWords(length) {
		b = binary.LittleEndian.AppendUint64(b, t.nameWord(i, w).Load())
	}
	for _, c := range b[length:] {
		if c != 0 {
			return "", false // no search would find it
		}
	}
	return string(b[:length]), true
}
