package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

func TestListens(t *testing.T) {
	c := Default()
	want := []Listen{
		{"rtmp.listen[0]", addr(t, "1935"), RTMP, Shared},
		{"http.listen[0]", addr(t, "127.0.0.1:8080"), HTTP, Shared},
	}
	check := func() {
		t.Helper()
		if diff := cmp.Diff(want, c.Listens()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	check()

	c.RunDir = "/run/x/" // the master has made one
	via := Listen{"run_dir", addr(t, "unix:/run/x/rtmp.sock"), RTMP, Private}
	control := Listen{"run_dir", addr(t, "unix:/run/x/http.sock"), HTTP, Private}
	want = append(want, via, control)
	check()

	// Entries that name the private sockets add nothing. One with their path and another protocol does: it is refused.
	c.MultiListen = []MultiListen{
		{addr(t, "19350"), RTMP},
		{via.Addr, RTMP},
		{control.Addr, HTTP},
	}
	perWorker := Listen{"multi_listen[0].listen", addr(t, "19350"), RTMP, PerWorker}
	want = []Listen{want[0], want[1], perWorker, via, control}
	check()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.MultiListen[2].Serves = RTMP
	if err := c.Validate(); err == nil {
		t.Error("rtmp on the private HTTP sockets is valid")
	}
	c.MultiListen[2].Serves = HTTP

	c.Relay.Via = addr(t, "127.0.0.1:19900")
	fromRunDir := Listen{"multi_listen[1].listen", via.Addr, RTMP, PerWorker} // no longer private
	via = Listen{"relay.via", addr(t, "127.0.0.1:19900"), RTMP, Private}
	want = []Listen{want[0], want[1], perWorker, fromRunDir, via, control}
	check()

	if got := perWorker.Range(4); got != (multiport.Range{Base: perWorker.Addr, Workers: 4}) {
		t.Errorf("a range of multi_listen: %s", got)
	}
	if got := via.Range(4); got != (multiport.Range{Base: via.Addr, Workers: 128}) {
		t.Errorf("a private range: %s", got)
	}
	if got := want[0].Range(4); got != (multiport.Range{Base: want[0].Addr}) {
		t.Errorf("a shared address: %s", got)
	}
}

// TestListensTLS: the addresses of RTMPS are listened on only with a certificate; a range of it is never a private one.
func TestListensTLS(t *testing.T) {
	c := Default()
	c.RTMP.TLS.Listen = addrs(t, "1936", "unix:/run/t")
	c.RTMP.TLS.Cert, c.RTMP.TLS.Key = "/c.pem", "/k.pem"
	c.MultiListen = []MultiListen{{addr(t, "19350"), RTMPS}}
	want := []Listen{
		{"rtmp.listen[0]", addr(t, "1935"), RTMP, Shared},
		{"rtmp.tls.listen[0]", addr(t, "1936"), RTMPS, Shared},
		{"rtmp.tls.listen[1]", addr(t, "unix:/run/t"), RTMPS, Shared},
		{"http.listen[0]", addr(t, "127.0.0.1:8080"), HTTP, Shared},
		{"multi_listen[0].listen", addr(t, "19350"), RTMPS, PerWorker},
	}
	if diff := cmp.Diff(want, c.Listens()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	c.RTMP.TLS.Cert, c.RTMP.TLS.Key, c.MultiListen = "", "", nil
	if diff := cmp.Diff([]Listen{want[0], want[3]}, c.Listens()); diff != "" {
		t.Errorf("without a certificate: -want +got\n%s", diff)
	}
}

// TestRunDirBounds: what is said to be the longest folder is.
func TestRunDirBounds(t *testing.T) {
	for length, valid := range map[int]bool{93: true, 94: false} {
		c := Default()
		c.RunDir = "/" + xs(length-1)
		if err := c.Validate(); (err == nil) != valid {
			t.Errorf("a folder of %d bytes: %v", length, err)
		}
	}
}
