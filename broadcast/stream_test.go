package broadcast

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Each piece of a body arrives before the next is sent, in both directions at once.
func TestProxyStreamsPieces(t *testing.T) {
	for _, length := range []int64{-1, 5 * int64(len("piece 0\n"))} {
		url := proxyTo(t, ProxyOptions{Timeout: 200 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			_ = rc.EnableFullDuplex()
			if length >= 0 {
				w.Header().Set("Content-Length", fmt.Sprint(length))
			}
			_ = rc.Flush()
			in := bufio.NewReader(r.Body)
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					time.Sleep(300 * time.Millisecond) // as below, and nobody sends either
					return
				}
				_, _ = io.WriteString(w, line)
				_ = rc.Flush()
			}
		})
		keeping := &http.Transport{} // a connection that is kept is not full-duplex by itself
		t.Cleanup(keeping.CloseIdleConnections)
		out, in := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", out)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := keeping.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		lines := bufio.NewReader(resp.Body)
		for i := range 5 {
			if i == 3 {
				time.Sleep(300 * time.Millisecond) // longer than the worker may be silent before its answer begins
			}
			want := fmt.Sprintf("piece %d\n", i)
			if _, err := io.WriteString(in, want); err != nil {
				t.Fatal(err)
			}
			if got, err := lines.ReadString('\n'); err != nil || got != want {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
		}
		_ = in.Close()
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			t.Errorf("at the end: %q, %v", rest, err)
		}
	}
}

// A client that takes its time to send a body is not taken for a silent worker.
func TestProxyWaitsForClient(t *testing.T) {
	const timeout = 100 * time.Millisecond
	url := proxyTo(t, ProxyOptions{Timeout: timeout}, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	})
	out, in := io.Pipe()
	go func() {
		_, _ = io.WriteString(in, "a")
		time.Sleep(4 * timeout)
		_, _ = io.WriteString(in, "b")
		_ = in.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", out)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := plainTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || string(body) != "2" || err != nil {
		t.Errorf("%d %q %v", resp.StatusCode, body, err)
	}
}

// When the client goes, before the answer has begun or after, the worker's request ends.
func TestProxyClientGone(t *testing.T) {
	for _, begun := range []bool{false, true} {
		reached, ended := make(chan struct{}), make(chan struct{})
		url := proxyTo(t, ProxyOptions{}, func(w http.ResponseWriter, r *http.Request) {
			if begun {
				_ = http.NewResponseController(w).Flush()
			}
			close(reached)
			<-r.Context().Done()
			close(ended)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-reached; cancel() }()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := plainTransport.RoundTrip(r); err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatalf("begun %v: the worker's request goes on", begun)
		}
	}
}

// An answer that a worker's death breaks off does not look whole.
func TestProxyWorkerDies(t *testing.T) {
	peer, process := startProcess(t, 0, "stream")
	g := newGroup(t, Options{}, peer)
	body := begin(t, front(t, g.Proxy(0, ProxyOptions{})))
	signal(t, process, syscall.SIGKILL)
	if rest, err := io.ReadAll(body); err == nil || len(rest) != 0 {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

// Close breaks off what is under way.
func TestProxyGroupCloses(t *testing.T) {
	peer := serve(t, 0, modes["stream"])
	g := New(func() []Peer { return []Peer{peer} }, Options{})
	body := begin(t, front(t, g.Proxy(0, ProxyOptions{})))
	g.Close()
	if rest, err := io.ReadAll(body); err == nil || len(rest) != 0 {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

// begin asks for a stream, reads its first piece, and returns the rest.
func begin(t *testing.T, url string) io.Reader {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := plainTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	first := make([]byte, len("begun"))
	if _, err := io.ReadFull(resp.Body, first); err != nil || resp.StatusCode != http.StatusOK || string(first) != "begun" {
		t.Fatalf("%d %q, %v", resp.StatusCode, first, err)
	}
	return resp.Body
}

// A body that ends with its connection comes through without a mark of a good end: nobody knows that it is whole.
func TestProxyBodyEndsWithConnection(t *testing.T) {
	url := proxyTo(t, ProxyOptions{}, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\nFLV")
			_ = conn.Close()
		}
	})
	conn := dialFront(t, url)
	_, _ = io.WriteString(conn, "GET /workers/3/ HTTP/1.1\r\nHost: x\r\n\r\n")
	all, err := io.ReadAll(conn)
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	if err != nil || body != "FLV" || strings.Contains(head, "Transfer-Encoding") || !strings.Contains(head, "Connection: close") || !strings.Contains(head, "video/x-flv") {
		t.Errorf("%q, %v", all, err)
	}
}

func dialFront(t *testing.T, url string) net.Conn {
	t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func TestProxyTrailersHeadAndInformation(t *testing.T) {
	url := proxyTo(t, ProxyOptions{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</x>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Method", r.Method)
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, "body")
		}
		w.Header().Set("X-Sum", "42")
	})
	var early []int
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		early = append(early, code)
		return nil
	}})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := plainTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "body" || resp.Trailer.Get("X-Sum") != "42" || !slices.Equal(early, []int{103}) {
		t.Errorf("%q %v, trailer %v, informed of %v", body, err, resp.Trailer, early)
	}
	if a := get(t, "HEAD", url+"/", ""); a.status != 200 || a.body != "" || a.header.Get("X-Method") != "HEAD" {
		t.Errorf("HEAD: %+v", a)
	}
}

// A connection that changes its protocol is a pipe from then on, as long as client, worker and group last.
func TestProxyUpgrades(t *testing.T) {
	echoes := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" {
			http.Error(w, "no", http.StatusUpgradeRequired)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(conn, rw)
	}
	peer := serve(t, 3, echoes)
	g := New(func() []Peer { return []Peer{peer} }, Options{})
	t.Cleanup(g.Close)
	url := front(t, g.Proxy(3, ProxyOptions{Prefix: "/workers/3", Timeout: 200 * time.Millisecond}))
	open := func() (net.Conn, *bufio.Reader) {
		conn := dialFront(t, url)
		_, _ = io.WriteString(conn, "GET /workers/3/ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n")
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != "echo" {
			t.Fatalf("%+v, %v", resp, err)
		}
		for _, word := range []string{"one\n", "two\n"} {
			_, _ = io.WriteString(conn, word)
			if got, err := in.ReadString('\n'); got != word {
				t.Fatalf("%q, %v", got, err)
			}
		}
		return conn, in
	}
	conn, _ := open()
	conn.Close()
	wait(t, "the client's leaving", func() bool { return g.proxied.Load() == 0 })
	_, in := open()
	time.Sleep(300 * time.Millisecond) // longer than a worker may be silent before its answer
	if g.proxied.Load() != 1 {
		t.Error("the connection is not counted")
	}
	g.Close()
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("at the end: %q, %v", rest, err)
	}
	wait(t, "the end", func() bool { return g.proxied.Load() == 0 })
	if a := get(t, "GET", url+"/workers/3/", ""); a.status != 503 {
		t.Errorf("after Close: %+v", a)
	}
}
