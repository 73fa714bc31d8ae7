package broadcast_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// startWorkers starts three workers, of which the last is dead already. Each has a list of its own at /list.
func startWorkers() (peers func() []broadcast.Peer, stop func()) {
	var list []broadcast.Peer
	var servers []*httptest.Server
	for n := range 3 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"worker_list": ["item of %d"], "count": %d}`, n, n+1)
		}))
		addr := s.Listener.Addr().String()
		servers = append(servers, s)
		list = append(list, broadcast.Peer{Worker: n, Addr: addr, Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr) // rtmp-edge uses unix sockets
		}})
	}
	servers[2].Close()
	return func() []broadcast.Peer { return list }, func() { servers[0].Close(); servers[1].Close() }
}

func show(handler http.Handler, method, target string) {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(method, target, http.NoBody))
	fmt.Println(w.Code, w.Header().Get(broadcast.HeaderAnswered), "of", w.Header().Get(broadcast.HeaderExpected), w.Header().Get(broadcast.HeaderErrors))
	fmt.Println(w.Body)
}

// One request goes to all workers; each answers, or its Err says why not.
func ExampleGroup_Do() {
	peers, stop := startWorkers()
	defer stop()
	group := broadcast.New(peers, broadcast.Options{})
	defer group.Close()

	for _, a := range group.Do(context.Background(), broadcast.Request{Path: "/list"}) {
		if a.Err != nil {
			fmt.Println(a.Worker, broadcast.Reason(a.Err))
			continue
		}
		fmt.Println(a.Worker, a.Status, string(a.Body))
	}
	// Output:
	// 0 200 {"worker_list": ["item of 0"], "count": 1}
	// 1 200 {"worker_list": ["item of 1"], "count": 2}
	// 2 unreachable
}

// The handler answers for all workers, in the form that the client asks for.
func ExampleGroup_Handler() {
	peers, stop := startWorkers()
	defer stop()
	group := broadcast.New(peers, broadcast.Options{})
	defer group.Close()

	handler := group.Handler(broadcast.HandlerOptions{Prefix: "/broadcast"})
	show(handler, "GET", "/broadcast/list?as=concat")
	// Output:
	// 207 2 of 3 2=unreachable
	// {"worker_list": ["item of 0"], "count": 1}{"worker_list": ["item of 1"], "count": 2}
}

// The proxy passes requests to one worker.
func ExampleGroup_Proxy() {
	peers, stop := startWorkers()
	defer stop()
	group := broadcast.New(peers, broadcast.Options{})
	defer group.Close()

	edge := httptest.NewServer(group.Proxy(1, broadcast.ProxyOptions{Prefix: "/workers/1"}))
	defer edge.Close()
	resp, err := http.Get(edge.URL + "/workers/1/list")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)
	// Output:
	// 200 {"worker_list": ["item of 1"], "count": 2} <nil>
}

// Arrays are concatenated, objects merged; all else is told by worker.
func ExampleRenderJSON() {
	out := broadcast.RenderJSON([]broadcast.Answer{
		{Worker: 0, Status: 200, Body: []byte(`{"streams": ["live/a"], "limits": {"names": ["x"]}, "uptime": 12}`)},
		{Worker: 1, Status: 200, Body: []byte(`{"streams": ["live/b"], "limits": null, "uptime": 12}`)},
		{Worker: 2, Err: broadcast.ErrTimeout},
	})
	fmt.Println(out.Status)
	fmt.Println(string(out.Body))
	// Output:
	// 207
	// {"workers_expected":3,"workers_answered":2,"errors":[{"worker":2,"reason":"timeout","detail":"no answer in time"}],"merged":{"limits":{"names":["x"]},"streams":["live/a","live/b"],"uptime":[{"worker":0,"value":12},{"worker":1,"value":12}]}}
}

// Every worker has its place in the list, with what it said or why it said nothing.
func ExampleRenderList() {
	out := broadcast.RenderList([]broadcast.Answer{
		{Worker: 0, Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"a": 1}`)},
		{Worker: 1, Status: 404, Body: []byte("no such thing")},
		{Worker: 2, Err: broadcast.ErrUnreachable},
	})
	fmt.Print(string(out.Body))
	// Output:
	// [{"worker":0,"status":200,"content_type":"application/json","body":{"a":1}},{"worker":1,"status":404,"body":"no such thing","error":"answered with status 404","reason":"status"},{"worker":2,"error":"cannot be reached","reason":"unreachable"}]
}

// Nothing stands between the bodies; the header and the status say that one is missing.
func ExampleRenderConcat() {
	out := broadcast.RenderConcat([]broadcast.Answer{
		{Worker: 0, Status: 200, Body: []byte("one\n")},
		{Worker: 1, Err: broadcast.ErrTimeout},
		{Worker: 2, Status: 200, Body: []byte("two\n")},
	})
	fmt.Print(out.Status, " ", out.Header.Get(broadcast.HeaderErrors), "\n", string(out.Body))
	// Output:
	// 207 1=timeout
	// one
	// two
}

// A request that came in is turned into one for all workers, without the client's credentials.
func ExampleFromRequest() {
	in := httptest.NewRequest(http.MethodDelete, "http://edge.example/sessions/7?force=1", http.NoBody)
	in.Header.Set("Authorization", "Bearer secret")
	in.Header.Set("Accept", "application/json")
	r, err := broadcast.FromRequest(in, broadcast.DefaultMaxBody)
	if err != nil {
		fmt.Println(broadcast.StatusOf(err), err)
		return
	}
	fmt.Println(r.Method, r.Path, r.RawQuery, r.Header.Get("Authorization") == "", r.Header.Get("Accept"))
	// Output:
	// DELETE /sessions/7 force=1 true application/json
}
