package deploytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMigrationExample runs nginx and the server with the two configurations of the document's example, and has both decide the same.
func TestMigrationExample(t *testing.T) {
	t.Parallel()
	d := readDocument(t, migration)
	servers := []migrated{nginxOfExample(t, d.in("nginx")[0].text), oursOfExample(t, d.in("yaml")[0].text)}
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			publish(t, s.rtmp+s.permitted("live/cam"))
			publish(t, s.rtmp+"open/anybody")
			s.awaitStream(t, "cam")
			s.awaitStream(t, "anybody")
			plays(t, s.rtmp+"live/cam")
			plays(t, s.rtmp+"open/anybody")
			for _, stream := range []string{"live/intruder", "undeclared/anybody"} {
				if err := publishBriefly(t, s.rtmp+stream); err == nil {
					t.Errorf("%s could be published", stream)
				}
			}
			for _, stream := range []string{"open/absent", "undeclared/anybody"} {
				if out, err := tryPlay(t, s.rtmp+stream); err == nil {
					t.Errorf("%s could be played: %s", stream, out)
				}
			}
		})
	}
}

// migrated is one of the two servers.
type migrated struct {
	name      string
	rtmp      string // URL, up to the app
	http      string
	permitted func(stream string) string // the stream as somebody publishes it who may
}

// nginxOfExample starts nginx with its configuration, on other ports, and the web server that it asks.
func nginxOfExample(t *testing.T, config string) migrated {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("may") != "yes" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	rtmpPort, httpPort := freePort(t), freePort(t)
	config = replaced(t, config,
		"worker_processes auto;", "worker_processes 1;", // with more, players are told now and then that a stream which the other worker has is not there
		"rtmp_socket_dir /run/nginx;", "rtmp_socket_dir "+dir+";",
		"listen 1935;", fmt.Sprintf("listen 127.0.0.1:%d;", rtmpPort),
		"listen 8080;", fmt.Sprintf("listen 127.0.0.1:%d;", httpPort),
		"http://127.0.0.1:9000/may-publish", web.URL+"/may-publish",
		"http {", fmt.Sprintf("http {\naccess_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;", dir),
		"rtmp {", "rtmp { access_log off;",
	)
	config = fmt.Sprintf("daemon off; pid %s/pid; load_module %s; events {}\n", dir, nginxModule) + config
	if os.Geteuid() == 0 {
		config = "user root;\n" + config
	}
	file := filepath.Join(dir, "nginx.conf")
	write(t, file, config)
	run(t, dir, nginxProgram(), "-p", dir, "-e", "stderr", "-t", "-c", file)
	serve(t, exec.Command(nginxProgram(), "-p", dir, "-e", "stderr", "-c", file))
	return migrated{
		name: "nginx", rtmp: fmt.Sprintf("rtmp://127.0.0.1:%d/", rtmpPort), http: fmt.Sprintf("http://127.0.0.1:%d", httpPort),
		permitted: func(stream string) string { return stream + "?may=yes" },
	}
}

// oursOfExample starts the server with its configuration, on other ports.
func oursOfExample(t *testing.T, config string) migrated {
	t.Helper()
	dir := t.TempDir()
	rtmpPort, httpPort := freePort(t), freePort(t)
	config = replaced(t, config,
		"run_dir: /run/rtmp-edge", "run_dir: "+filepath.Join(dir, "run"),
		"listen: [1935]", fmt.Sprintf(`listen: ["127.0.0.1:%d"]`, rtmpPort),
		"listen: [8080]", fmt.Sprintf(`listen: ["127.0.0.1:%d"]`, httpPort),
	)
	file := filepath.Join(dir, "rtmp-edge.yml")
	write(t, file, config)
	serve(t, exec.Command(binary(t), "run", "-c", file))
	return migrated{
		name: "rtmp-edge", rtmp: fmt.Sprintf("rtmp://127.0.0.1:%d/", rtmpPort), http: fmt.Sprintf("http://127.0.0.1:%d", httpPort),
		permitted: func(stream string) string {
			return stream + "?" + strings.TrimSpace(run(t, "", binary(t), "sign", "-c", file, "publish", stream, "--expires", "1h"))
		},
	}
}

// awaitStream waits until /stat shows a stream.
func (s migrated) awaitStream(t *testing.T, name string) {
	t.Helper()
	await(t, s.name+" has "+name, func() bool { return strings.Contains(get(s.http+"/stat"), "<name>"+name+"</name>") })
}

// replaced returns text with each old replaced by the new behind it. Each must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%q is not in\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// get returns what a URL answers with status 200, or "".
func get(url string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return ""
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// serve starts a server, which is ended in order with the test.
func serve(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	wait, err := startKept(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		forced := time.AfterFunc(awaitTime, func() { _ = cmd.Process.Kill() })
		defer forced.Stop()
		wait()
		if t.Failed() {
			t.Logf("%s:\n%s", strings.Join(cmd.Args, " "), out.String())
		}
	})
}

// publishBriefly publishes a second of a picture; the error is that of a publisher who is refused.
func publishBriefly(t *testing.T, url string) error {
	t.Helper()
	_, err := try(t, "", "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-t", "3",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-f", "flv", url)
	return err
}

// tryPlay plays one picture.
func tryPlay(t *testing.T, url string) (string, error) {
	t.Helper()
	return try(t, "", "ffmpeg", "-nostdin", "-loglevel", "error", "-i", url, "-frames:v", "1", "-f", "null", "-")
}
