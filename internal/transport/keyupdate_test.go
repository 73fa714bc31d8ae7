package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// A rekeyer writes a TLS 1.3 client's records by itself, because crypto/tls can't be made to ask for a key update.
type rekeyer struct {
	link
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// newRekeyer returns a connection whose client may read, but writes by the rekeyer only.
func newRekeyer(t *testing.T) *rekeyer {
	t.Helper()
	s, c := sockets(t)
	narrow(t, s, c)
	var keys strings.Builder
	r := &rekeyer{link: secure(t, s, c, func(c *tls.Config) { c.KeyLogWriter = &keys })}
	if suite := r.client.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("cipher suite %s: this test needs a machine with AES instructions", tls.CipherSuiteName(suite))
	}
	_, line, _ := strings.Cut(keys.String(), "CLIENT_TRAFFIC_SECRET_0 ")
	secret, err := hex.DecodeString(strings.Fields(line)[1])
	if err != nil {
		t.Fatal(err)
	}
	r.use(t, secret)
	return r
}

// use starts to write with the keys of a secret (RFC 8446 §7.3).
func (r *rekeyer) use(t *testing.T, secret []byte) {
	t.Helper()
	block, err := aes.NewCipher(expand(t, secret, "key", 16))
	if err != nil {
		t.Fatal(err)
	}
	if r.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	r.secret, r.iv, r.seq = secret, expand(t, secret, "iv", 12), 0
}

// expand is HKDF-Expand-Label (RFC 8446 §7.1).
func expand(t *testing.T, secret []byte, label string, length int) []byte {
	t.Helper()
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(append(append(info, byte(len(label))), label...), 0)
	b, err := hkdf.Expand(sha256.New, secret, string(info), length)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// record protects a record (RFC 8446 §5.2).
func (r *rekeyer) record(dst []byte, contentType byte, content ...byte) []byte {
	inner := append(bytes.Clone(content), contentType)
	header := []byte{23, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(inner)+r.aead.Overhead()))
	nonce := bytes.Clone(r.iv)
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(r.seq >> (8 * i))
	}
	r.seq++
	return r.aead.Seal(append(dst, header...), nonce, inner, header)
}

// update appends a request for new keys on both sides (RFC 8446 §4.6.3), and a byte of data under ours.
func (r *rekeyer) update(t *testing.T, dst []byte) []byte {
	t.Helper()
	dst = r.record(dst, 22, 24, 0, 0, 1, 1)
	r.use(t, expand(t, r.secret, "traffic upd", sha256.Size))
	return r.record(dst, 23, 'x')
}

// TestKeyUpdateWhilePlaying: the reading goroutine answers in the midst of what the player's writes.
func TestKeyUpdateWhilePlaying(t *testing.T) {
	t.Parallel()
	const updates = 10
	r := newRekeyer(t)
	go func() {
		for range updates {
			if _, err := r.socket.Write(r.update(t, nil)); err != nil {
				t.Error(err)
			}
		}
	}()
	p := playerOf(t, r.server)
	read := make(chan struct{})
	go func() {
		defer close(read)
		if _, err := io.ReadFull(r.server, make([]byte, updates)); err != nil {
			t.Error(err)
		}
	}()
	total, finished := 0, make(chan struct{})
	go func() {
		defer close(finished)
		defer func() { _ = r.server.Close() }()
		for done := false; !done || total < 5<<20; total += 7000 {
			select {
			case <-read:
				done = true
			default:
			}
			p.write(t, noise()[total%(1<<20):][:7000])
		}
		eventually(t, "there is room for the end", func() bool { return p.sink.Unacknowledged() == 0 })
	}()
	got, err := io.ReadAll(r.client)
	<-finished
	if err != nil || len(got) != total {
		t.Fatalf("the player got %d bytes of %d, %v", len(got), total, err)
	}
	for at := 0; at < total; at += 7000 {
		if !bytes.Equal(got[at:at+7000], noise()[at%(1<<20):][:7000]) {
			t.Fatalf("the player got something else at %d", at)
		}
	}
}

// TestKeyUpdateFlood: a peer that has itself answered, and reads nothing, neither blocks the reading goroutine nor piles up answers: the
// connection ends.
func TestKeyUpdateFlood(t *testing.T) {
	t.Parallel()
	r := newRekeyer(t)
	p := playerOf(t, r.server)
	p.fill(t, maxSealed) // it would take long with answers alone
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		for {
			var b []byte
			for range 100 {
				b = r.update(t, b)
			}
			if _, err := r.socket.Write(b); err != nil {
				return
			}
		}
	}()
	_ = r.server.SetReadDeadline(time.Now().Add(10 * patience))
	if n, err := io.Copy(io.Discard, r.server); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after %d: %v", n, err)
	}
	if n := r.server.wire.holds(); n < maxHeld-100 || n > maxHeld {
		t.Errorf("%d bytes are held", n)
	}
	go func() { _, _ = io.Copy(io.Discard, r.socket) }()
	eventually(t, "the player is given up", func() bool {
		_, err := p.sink.TryWritev([][]byte{make([]byte, 100)})
		return err != nil
	})
	_ = r.server.Close()
	<-sending
}

// TestKeyUpdateOfPublisher: an answer is not subject to the deadline that an earlier write left behind.
func TestKeyUpdateOfPublisher(t *testing.T) {
	t.Parallel()
	r := newRekeyer(t)
	_ = r.server.SetWriteDeadline(time.Unix(1, 0))
	if _, err := r.socket.Write(r.update(t, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = r.server.SetWriteDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(r.server, "hello"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(r.client, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}
