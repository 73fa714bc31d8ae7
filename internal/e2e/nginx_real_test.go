package e2e

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A nginx is the program itself, with its RTMP module (Debian: libnginx-mod-rtmp).
type nginx struct {
	*process
	rtmp, http int // ports
}

// nginxModule is where Debian has it.
const nginxModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

func startNginx(t testing.TB) *nginx {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not in everybody's PATH
	}
	const attempts = 5
	for range attempts {
		dir, base := t.TempDir(), freePorts(t, 2)
		config := fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
load_module %[2]s;
events {}
rtmp { server { listen 127.0.0.1:%[3]d; application live { live on; } application other { live on; } } }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server { listen 127.0.0.1:%[4]d; location /stat { rtmp_stat all; } location /control { rtmp_control all; } }
}
`, dir, nginxModule, base, base+1)
		file := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		n := &nginx{run(t, program, "-p", dir, "-e", "stderr", "-c", file), base, base + 1}
		ready := waitUntil(soon, func() string {
			if _, err := n.get("/stat"); err != nil && !n.hasEnded() {
				return err.Error()
			}
			return ""
		})
		if ready == "" && !n.hasEnded() {
			return n
		}
		if !strings.Contains(n.out.String(), "Address already in use") {
			t.Fatalf("nginx does not start: %s", n.out.String())
		}
	}
	t.Fatalf("no free ports after %d attempts", attempts)
	return nil
}

func (n *nginx) url(stream string) string {
	return fmt.Sprintf("rtmp://127.0.0.1:%d/%s", n.rtmp, stream)
}

// get returns what a path answers, and its status if that is not 200.
func (n *nginx) get(path string) (string, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", n.http, path), http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}

// A valueKind is what a value looks like. What is a whole number in nginx's document must be one in ours: programs stop at anything else.
type valueKind struct {
	name    string
	pattern *regexp.Regexp
}

var valueKinds = []valueKind{
	{"nothing", regexp.MustCompile(`^$`)},
	{"integer", regexp.MustCompile(`^-?\d+$`)},
	{"decimal", regexp.MustCompile(`^\d+\.\d$`)},
	{"address", regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)},
	{"date", regexp.MustCompile(`^[A-Z][a-z]{2} [ \d]\d \d{4} \d\d:\d\d:\d\d$`)},
	{"text", regexp.MustCompile(``)},
}

// An outline is what a document consists of.
type outline struct {
	kinds map[string]string  // of the value of the first element of each path
	order map[[2]string]bool // which paths come before which others, below the same element
}

func outlineOf(t *testing.T, document string) outline {
	t.Helper()
	o := outline{map[string]string{}, map[[2]string]bool{}}
	dec := xml.NewDecoder(strings.NewReader(document))
	var path []string
	before := [][]string{nil} // of each open element, those below it
	var text string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return o
		}
		if err != nil {
			t.Fatalf("%v: %s", err, document)
		}
		switch token := token.(type) {
		case xml.StartElement:
			path, text = append(path, token.Name.Local), ""
			p, level := strings.Join(path, "/"), len(before)-1
			for _, earlier := range before[level] {
				o.order[[2]string{earlier, p}] = true
			}
			before[level] = append(before[level], p)
			before = append(before, nil)
		case xml.CharData:
			text += string(token)
		case xml.EndElement:
			if p := strings.Join(path, "/"); o.kinds[p] == "" {
				i := slices.IndexFunc(valueKinds, func(k valueKind) bool { return k.pattern.MatchString(strings.TrimSpace(text)) })
				o.kinds[p] = valueKinds[i].name
			}
			path, before, text = path[:len(path)-1], before[:len(before)-1], ""
		}
	}
}

// The same publishers and players on nginx-rtmp itself and on ours: every element of nginx's document is in ours, in the same order, with a value
// of the same kind; and those that describe the stream have the same value.
func TestNginxStatIsThatOfNginx(t *testing.T) {
	t.Parallel()
	n, s := startNginx(t), start(t, options{})
	for _, url := range []string{n.url("live/a"), s.rtmpURL(0, "live/a")} {
		ffmpegPublish(t, url)
	}
	s.awaitClients(t, "a", 1, 0)
	for i, url := range []string{n.url("live/"), s.rtmpURL(1, "live/")} {
		run(t, "ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-i", url+"a", "-c", "copy", "-f", "null", "-")
		for _, stream := range []string{"a", "wait"} {
			run(t, "rtmpdump", "--quiet", "--live", "--rtmp", url+stream, "--pageUrl", "http://site.example/page", "--swfUrl", "http://site.example/player.swf",
				"--flv", filepath.Join(t.TempDir(), fmt.Sprint(i, stream)))
		}
	}
	var theirs, ours string
	same := []string{
		"address", "pageurl", "swfurl", "width", "height", "frame_rate", "codec", "profile", "compat", "level", "channels", "sample_rate", "nclients",
	}
	waitFor(t, 2*soon, "both documents to be alike", func() string {
		var err error
		if theirs, err = n.get("/stat"); err != nil {
			return err.Error()
		}
		_, ours = s.nginxStat(t, 2)
		for _, name := range same {
			if x, y := values(theirs, name), values(ours, name); x != y {
				return fmt.Sprintf("%s: %s in nginx's\n%s\n%s in ours\n%s", name, x, theirs, y, ours)
			}
		}
		return ""
	})
	want, got := outlineOf(t, theirs), outlineOf(t, ours)
	if len(want.kinds) < 40 || !strings.Contains(theirs, "<pageurl>") {
		t.Errorf("only %d elements in nginx's document: %s", len(want.kinds), theirs)
	}
	for p, kind := range want.kinds {
		if got.kinds[p] != kind && p != "rtmp/nginx_version" && p != "rtmp/nginx_rtmp_version" { // ours are names
			t.Errorf("%s is %s in nginx's document, %q in ours", p, kind, got.kinds[p])
		}
	}
	for pair := range want.order {
		if pair[0] != pair[1] && got.order[[2]string{pair[1], pair[0]}] {
			t.Errorf("%s comes before %s in nginx's document, but not in ours", pair[0], pair[1])
		}
	}
}

// values counts the values of an element, wherever in the document it is.
func values(document, name string) string {
	found := map[string]int{}
	for _, m := range regexp.MustCompile("<"+name+">([^<]*)</"+name+">").FindAllStringSubmatch(document, -1) {
		found[m[1]]++
	}
	if name == "nclients" {
		delete(found, "0") // nginx lists apps without streams, too
	}
	return fmt.Sprint(found)
}

// The same calls on nginx-rtmp itself and on ours have the same answers, and what they do shows in both documents.
func TestNginxAnswersAreThoseOfNginx(t *testing.T) {
	t.Parallel()
	n, s := startNginx(t), start(t, options{})
	for _, url := range []func(stream string) string{n.url, func(stream string) string { return s.rtmpURL(1, stream) }} {
		publish(t, url("live/a")).goLive()
		publish(t, url("live/b")).goLive()
		for _, stream := range []string{"live/a", "live/a", "live/b", "live/wait"} {
			play(t, url(stream), func(p *player) { p.unchecked = true })
		}
	}
	streams := []string{"a", "b", "c", "wait"}
	alike := func(call string) {
		t.Helper()
		waitFor(t, soon, "both to have the same clients after "+call, func() string {
			theirs, err := n.get("/stat")
			if err != nil {
				return err.Error()
			}
			_, ours := s.nginxStat(t, 0)
			for _, stream := range streams {
				if x, y := clientsIn(theirs, stream), clientsIn(ours, stream); x != y {
					return fmt.Sprintf("%s: %s in nginx's document, %s in ours", stream, x, y)
				}
			}
			return ""
		})
	}
	waitFor(t, soon, "all clients of nginx", func() string {
		theirs, err := n.get("/stat")
		if err != nil || clientsIn(theirs, "a") != "1+2" || clientsIn(theirs, "b") != "1+1" || clientsIn(theirs, "wait") != "0+1" {
			return fmt.Sprint(theirs, err)
		}
		return ""
	})
	alike("the beginning")
	for _, call := range []string{
		"drop/client?app=nothing", "drop/client?name=nobody", "drop/publisher?name=wait", "drop/client?addr=192.0.2.1",
		"redirect/subscriber?app=live&name=nobody&newname=b", "redirect/subscriber?app=live&name=a&newname=b", "redirect/publisher?app=live&name=a&newname=c",
		"drop/subscriber?app=live&name=wait&addr=127.0.0.1", "drop/nobody", "drop/client?srv=7", "redirect/client?name=b", "nothing/client",
		"drop/publisher?name=c", "drop/client?srv=0&app=live&name=b",
	} {
		theirs, err := n.get("/control/" + call)
		status, ours, ourErr := s.call(3, http.MethodGet, "/control/"+call)
		switch {
		case ourErr != nil:
			t.Fatal(ourErr)
		case err != nil && status == http.StatusOK:
			t.Errorf("%s: nginx answers %v, ours %s", call, err, ours)
		case err == nil && (status != http.StatusOK || string(ours) != theirs):
			t.Errorf("%s: nginx answers %s, ours %d %s", call, theirs, status, ours)
		}
		alike(call)
	}
}

// clientsIn counts the publishers and players of a stream.
func clientsIn(document, stream string) string {
	var stat nginxStat
	if err := xml.Unmarshal([]byte(document), &stat); err != nil {
		return err.Error()
	}
	publishers, players := stat.clients(stream)
	return fmt.Sprintf("%d+%d", publishers, players)
}
