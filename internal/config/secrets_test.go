package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSecretFileContent: what is in the file is the secret, less the end of its line.
func TestSecretFileContent(t *testing.T) {
	t.Parallel()
	const bytes16 = "0123456789abcdef"
	for _, test := range []struct{ name, text, want, says string }{
		{"alone", bytes16, bytes16, ""},
		{"a line", bytes16 + "\n", bytes16, ""},
		{"a line of DOS", bytes16 + "\r\n", bytes16, ""},
		{"spaces", " " + bytes16 + " \n", " " + bytes16 + " ", ""},
		{"what YAML would misread", "*a: #b, [c {d 'e'", "*a: #b, [c {d 'e'", ""},
		{"not ASCII", "schlüsselschlüssel", "schlüsselschlüssel", ""},
		{"the most", strings.Repeat("x", 64<<10), strings.Repeat("x", 64<<10), ""},
		{"too much", strings.Repeat("x", 64<<10) + "\n", "", "has more than 65536 bytes: write the path of a file that holds the secret alone"},
		{"empty", "", "", "is empty: write a secret into it, such as openssl rand -hex 32 prints"},
		{"an empty line", "\r\n", "", "is empty: write a secret into it, such as openssl rand -hex 32 prints"},
		{"short", bytes16[1:] + "\n", "", "has 15 bytes, so few that it could be guessed: write at least 16 random ones, such as openssl rand -hex 32 prints"},
		{"two lines", bytes16 + "\n" + bytes16, "", "has a line break in it, or is no text: write one line, such as openssl rand -hex 32 prints"},
		{"an empty line more", bytes16 + "\n\n", "", "has a line break in it, or is no text: write one line, such as openssl rand -hex 32 prints"},
		{"a carriage return alone", bytes16 + "\r", "", "has a line break in it, or is no text: write one line, such as openssl rand -hex 32 prints"},
		{"NUL", bytes16 + "\x00", "", "has a line break in it, or is no text: write one line, such as openssl rand -hex 32 prints"},
		{"random bytes", bytes16 + "\xff\xfe", "", "has a line break in it, or is no text: write one line, such as openssl rand -hex 32 prints"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := secretFile(t, test.text)
			c, err := load(writeConfig(t, "apps: [{name: a, play_secret_file: "+file+"}]"), []string{"RTMPEDGE_HTTP_TOKEN_FILE=" + file})
			if test.says == "" {
				if err != nil || c.HTTP.Token != test.want || c.Apps[0].PlaySecret != test.want || c.Apps[0].PublishSecret != "" {
					t.Errorf("%+v, %v", c, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("no error, but %+v", c)
			}
			text := err.Error()
			if !strings.Contains(text, "c.yml:1: apps[0].play_secret_file: "+file+" "+test.says) ||
				!strings.Contains(text, "\nRTMPEDGE_HTTP_TOKEN_FILE: http.token_file: "+file+" "+test.says) || strings.Contains(text, "0123") {
				t.Errorf("error %s", text)
			}
		})
	}
}

// TestSecretFileIsAFile: what is none is refused at once, and not opened.
func TestSecretFileIsAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		syscall.Mkfifo(at("fifo"), 0o600),
		os.Mkdir(at("folder"), 0o700),
		os.WriteFile(at("file"), []byte("0123456789abcdef\n"), 0o600),
		os.Symlink("file", at("link")),
		os.Symlink(at("link"), at("link of a link")),
		os.Symlink("none", at("dangling")),
		os.Symlink("fifo", at("link of the fifo")),
		os.Symlink("loop", at("loop")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const advice = ": write the path of a file that the server's user may read"
	for path, says := range map[string]string{
		at("file"):             "",
		at("link"):             "",
		at("link of a link"):   "",
		at("none"):             ": no such file or directory" + advice,
		at("dangling"):         ": no such file or directory" + advice,
		at("file/below"):       ": not a directory" + advice,
		at("loop"):             ": too many levels of symbolic links" + advice,
		at("folder"):           ": not a regular file" + advice,
		at("fifo"):             ": not a regular file" + advice,
		at("link of the fifo"): ": not a regular file" + advice,
		"/dev/zero":            ": not a regular file" + advice,
	} {
		c, err := load("", []string{"RTMPEDGE_HTTP_TOKEN_FILE=" + path})
		switch {
		case says == "" && (err != nil || c.HTTP.Token != "0123456789abcdef"):
			t.Errorf("%s: %+v, %v", path, c, err)
		case says != "" && (err == nil || err.Error() != "RTMPEDGE_HTTP_TOKEN_FILE: http.token_file: "+path+says):
			t.Errorf("%s: error %v, want %s", path, err, says)
		}
	}
}

// TestSecretFileBecomesAFIFO: between the look at a path and its opening. It must not hang.
func TestSecretFileBecomesAFIFO(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := readOpened(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%q, %v", data, err)
	}
}

func TestSecretTwice(t *testing.T) {
	t.Parallel()
	file := secretFile(t, "0123456789abcdef")
	const token = "token in the file"
	for _, test := range []struct{ text, env, want string }{
		{"http:\n  token: " + token + "\n  token_file: " + file, "", `PATH:3: http.token_file: is given beside http.token: leave one of the two out, or write "" for it`},
		{
			"http: {token: " + token + "}", "RTMPEDGE_HTTP_TOKEN_FILE=" + file,
			`RTMPEDGE_HTTP_TOKEN_FILE: http.token_file: is given beside http.token: leave one of the two out, or write "" for it`,
		},
		{
			"http: {token_file: " + file + "}", "RTMPEDGE_HTTP_TOKEN=" + token,
			`PATH:1: http.token_file: is given beside http.token: leave one of the two out, or write "" for it; http.token comes from RTMPEDGE_HTTP_TOKEN`,
		},
		{"http: {token: " + token + "}", "RTMPEDGE_HTTP_TOKEN=\"\"\nRTMPEDGE_HTTP_TOKEN_FILE=" + file, ""},
		{"http: {token: '', token_file: " + file + "}", "", ""},
		{"http: {token: " + token + ", token_file: ''}", "RTMPEDGE_HTTP_TOKEN=0123456789abcdef", ""},
		{
			"apps:\n- name: a\n- name: b\n  publish_secret_file: " + file + "\n  publish_secret: " + token, "RTMPEDGE_HTTP_TOKEN=0123456789abcdef",
			`PATH:4: apps[1].publish_secret_file: is given beside apps[1].publish_secret: leave one of the two out, or write "" for it`,
		},
	} {
		path := writeConfig(t, test.text)
		c, err := load(path, environ(test.env))
		switch {
		case test.want == "" && (err != nil || c.HTTP.Token != "0123456789abcdef"):
			t.Errorf("%s: %+v, %v", test.text, c, err)
		case test.want != "" && (err == nil || err.Error() != strings.ReplaceAll(test.want, "PATH", path)):
			t.Errorf("%s: error %v", test.text, err)
		}
	}
}

// TestSecretFileChanges: what is loaded the next time differs in the key that the file stands for.
func TestSecretFileChanges(t *testing.T) {
	t.Parallel()
	file, other := secretFile(t, "0123456789abcdef\n"), secretFile(t, "another of 16 bytes")
	path := writeConfig(t, "{http: {token_file: "+file+"}, apps: [{name: a, publish_secret_file: "+file+"}]}")
	before := mustLoad(t, path)
	for _, test := range []struct {
		text, env string
		want      []string
	}{
		{"0123456789abcdef", "", nil},
		{"fedcba9876543210", "", []string{"apps[0].publish_secret", "http.token"}},
		{"0123456789abcdef", "RTMPEDGE_HTTP_TOKEN_FILE=" + other, []string{"http.token", "http.token_file"}},
		{"0123456789abcdef", `RTMPEDGE_HTTP_TOKEN_FILE=""`, []string{"http.token", "http.token_file"}},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		after, err := load(path, environ(test.env))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, Diff(before, after)); diff != "" {
			t.Errorf("%+v: -want +got\n%s", test, diff)
		}
		for _, key := range test.want {
			if NeedsRestart(key) {
				t.Errorf("%s needs a restart", key)
			}
		}
	}
}

// TestSecretsReachWorkers, who read no files: a configuration holds what was in them, and is not taken for whole without.
func TestSecretsReachWorkers(t *testing.T) {
	t.Parallel()
	loaded := mustLoad(t, "testdata/secret_files.good.yml")
	data, err := json.Marshal(loaded)
	if err != nil {
		t.Fatal(err)
	}
	got := new(Config)
	if err := json.Unmarshal(data, got); err != nil {
		t.Fatal(err)
	}
	if got.HTTP.Token != "token in a file of its own" || got.App("live").PlaySecret != "secret for players" {
		t.Errorf("%+v", got)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	parsed, err := Parse("", []byte(read(t, "testdata/secret_files.good.yml")))
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Validate(); err == nil || !strings.Contains(err.Error(), "apps[0].play_secret_file: has not been read") {
		t.Errorf("error %v", err)
	}
}

// TestEverySecretCanBeInAFile: each key that ends in _file stands for the one without, and is read.
func TestEverySecretCanBeInAFile(t *testing.T) {
	t.Parallel()
	var want, got []string
	all := leaves(reflect.ValueOf(*Default()), "")
	for key := range all {
		if secret, ok := strings.CutSuffix(key, "_file"); ok {
			if _, ok := all[secret]; !ok {
				t.Errorf("%s has no %s", key, secret)
			}
			want = append(want, secret)
		}
	}
	c := &Config{HTTP: HTTPServer{TokenFile: "a"}, Apps: []App{{PublishSecretFile: "b", PlaySecretFile: "c"}}}
	for _, s := range c.secrets() {
		got = append(got, strings.ReplaceAll(s.key, "[0]", "[]"))
		*s.value = s.file + "!"
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) || c.HTTP.Token != "a!" || c.Apps[0].PublishSecret != "b!" || c.Apps[0].PlaySecret != "c!" {
		t.Errorf("%q, want %q; %+v", got, want, c)
	}
}
