package deploytest

import (
	"io"
	"net"
	"net/http"
	"strconv"
)

// at is the address of a port, by its name.
func (p *pod) at(port string) string {
	p.t.Helper()
	return net.JoinHostPort(podAddress, strconv.Itoa(p.spec.container().port(p.t, port)))
}

// forward has a port of the test's network lead to one of the pod's, as a Service does.
func (p *pod) forward(to string) (address string) {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	p.must(err)
	p.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(client, to)
		}
	}()
	return l.Addr().String()
}

func (p *pod) pass(client net.Conn, to string) {
	defer client.Close()
	server, err := p.net.dial(p.t.Context(), "tcp", to)
	if err != nil {
		return
	}
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, client)
	}()
	_, _ = io.Copy(client, server)
}

// call makes an HTTP request of the pod, by one of its names, and with a token if there is one.
func (p *pod) call(method, address, host, path, token string) (status int, body string) {
	p.t.Helper()
	client := http.Client{Timeout: awaitTime, Transport: &http.Transport{DialContext: p.net.dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+address+path, http.NoBody)
	p.must(err)
	request.Host = host
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	p.must(err)
	return response.StatusCode, string(text)
}
