package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// envToken marks the process in which the network has an address that is not a loopback one.
const envToken = "RTMP_EDGE_E2E_TOKEN"

// On an address that others reach, control calls need the token, over HTTP of any worker. The network is a namespace, made for this test.
func TestControlToken(t *testing.T) {
	if os.Getenv(envToken) == "" {
		t.Parallel()
		again(t, syscall.CLONE_NEWNET, envToken+"=own")
		return
	}
	const near, token = "192.0.2.7", "sesame-sesame-sesame" // RFC 5737: nobody's address
	loopbackUp(t)
	if out, err := exec.Command("ip", "address", "add", near+"/32", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var outside string
	s := startOn(t, options{workers: 2, http: "token: " + token + ", hosts: [edge.example]"}, 2, func(base int, opt *options) {
		outside = fmt.Sprintf("%s:%d", near, base)
		opt.multiListen = []string{fmt.Sprintf("listen: %q, serves: http", outside)}
	})
	ask := func(url string, header ...string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
			if header[i] == "Host" {
				request.Host = header[i+1]
			}
		}
		response, err := httpClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if challenged := len(response.Header.Values("WWW-Authenticate")) == 2; challenged != (response.StatusCode == http.StatusUnauthorized) {
			t.Errorf("%s: status %d, %v", url, response.StatusCode, response.Header)
		}
		return response.StatusCode
	}
	there, here := "http://"+outside, s.httpURL(shared, "")
	for _, c := range []struct {
		url    string
		header []string
		want   int
	}{
		{there + "/api/v1/workers", nil, 401},
		{there + "/api/v1/workers", []string{"Authorization", "Bearer " + token + "x"}, 401},
		{there + "/api/v1/workers", []string{"Authorization", "Bearer " + token}, 200},
		{there + "/api/v1/workers", []string{"Authorization", "Bearer " + token, "Host", "edge.example"}, 200},
		{there + "/api/v1/workers", []string{"Authorization", "Bearer " + token, "Host", "evil.example"}, 403},
		{"http://somebody:" + token + "@" + outside + "/api/v1/streams", nil, 200},
		{there + "/healthz", nil, 200},
		{there + "/metrics", nil, 200},
		{here + "/api/v1/workers", nil, 200},
		{here + "/api/v1/workers", []string{"X-Forwarded-For", "198.51.100.1"}, 401},
		{here + "/api/v1/workers", []string{"X-Forwarded-For", "198.51.100.1", "Authorization", "Bearer " + token}, 200},
	} {
		if got := ask(c.url, c.header...); got != c.want {
			t.Errorf("%s with %q: %d, want %d", c.url, c.header, got, c.want)
		}
	}
	if lines := s.log.find(token); len(lines) > 0 {
		t.Errorf("the token is in the log: %s", lines[0])
	}
	s.log.wait(t, soon, "control call with a wrong token", 1)
}
