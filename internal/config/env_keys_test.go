package config

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// TestVariablesAreDistinct: no two keys, and no key and group of keys, have the same variable, or ones that a list's entry could be taken for.
func TestVariablesAreDistinct(t *testing.T) {
	t.Parallel()
	of := make(map[string]string)
	for key := range leaves(reflect.ValueOf(*Default()), "") {
		for ; key != ""; key = parentKey(key) {
			key = strings.TrimSuffix(key, "[]")
			name := variable(key)
			if of[name] != "" && of[name] != key {
				t.Errorf("%s is of %s and %s", name, of[name], key)
			}
			of[name] = key
		}
	}
	if of["RTMPEDGE_RTMP_LIMITS_ACCEPT_RATE"] != "rtmp.limits.accept_rate" || of["RTMPEDGE_APPS"] != "apps" {
		t.Errorf("%v", of)
	}
}

// TestEnvironmentTakesShippedValues: a variable with the value that the shipped file has changes nothing.
func TestEnvironmentTakesShippedValues(t *testing.T) {
	t.Parallel()
	keys := fileKeys(t, read(t, shippedFile))
	want, err := load(shippedFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	every := leaves(reflect.ValueOf(*want), "")
	for _, s := range want.settings() {
		maps.DeleteFunc(every, func(key, _ string) bool { return key == s.key || strings.HasPrefix(key, s.key+"[]") })
		all = append(all, variable(s.key)+"="+keys[s.key].value)
	}
	if len(every) > 0 {
		t.Errorf("no variable is for %v", every)
	}
	for _, env := range append(all, strings.Join(all, "\n")) {
		got, err := load(shippedFile, strings.Split(env, "\n"))
		if err != nil {
			t.Errorf("%s: %v", env, err)
		} else if diff := cmp.Diff(want, got, comparePrefixes, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: -want +got\n%s", env, diff)
		}
	}
}

// TestEnvironmentOverridesEveryKey: a variable with another value changes its key, and nothing else, whether the key is in the file or not.
func TestEnvironmentOverridesEveryKey(t *testing.T) {
	t.Parallel()
	file := writeConfig(t, `
rtmp: {tls: {cert: /cert.pem, key: /key.pem}}
http: {hosts: [a.example]}
apps: [{name: a}]
`)
	for path, base := range map[string]*Config{"": mustLoad(t, ""), file: mustLoad(t, file), shippedFile: mustLoad(t, shippedFile)} {
		for _, s := range base.settings() {
			if path != file && strings.HasPrefix(s.key, "rtmp.tls.") && s.value.Kind() == reflect.String && s.key != "rtmp.tls.min_version" {
				continue // of no use alone
			}
			want := []string{s.key}
			if key, ok := strings.CutSuffix(s.key, "_file"); ok { // and what is in it
				want = []string{key, s.key}
			}
			changed, tried := overridden(t, path, base, s)
			for i := range changed {
				changed[i], _, _ = strings.Cut(changed[i], "[")
			}
			if changed = slices.Compact(changed); !slices.Equal(changed, want) {
				t.Errorf("file %q: %s changes %q; tried %q", path, variable(s.key), changed, tried)
			}
		}
	}
}

func mustLoad(t *testing.T, path string) *Config {
	t.Helper()
	c, err := load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// overridden returns the keys that the first of the values tried that is valid has changed.
func overridden(t *testing.T, path string, base *Config, s setting) (changed, tried []string) {
	t.Helper()
	for _, text := range otherValues(t, s) {
		got, err := load(path, []string{variable(s.key) + "=" + text})
		if err == nil {
			return Diff(base, got), []string{text}
		}
		tried = append(tried, text, err.Error())
	}
	return nil, tried
}

// otherValues returns values of the kind that s is of, one of which is valid whatever s depends on.
func otherValues(t *testing.T, s setting) []string {
	t.Helper()
	switch x := s.value.Interface().(type) {
	case Workers:
		return []string{"17"}
	case bool:
		return []string{strconv.FormatBool(!x)}
	case int:
		return []string{strconv.Itoa(x + 1)}
	case Size:
		return []string{(2 * x).String(), (x / 2).String()}
	case time.Duration:
		return []string{(x + time.Second).String(), (x + time.Millisecond).String(), (x - time.Second).String()}
	case multiport.Addr:
		return []string{"127.0.0.1:9000"}
	case []multiport.Addr:
		return []string{"[::1]:9000, unix:/run/x"}
	case []Prefix:
		return []string{"192.0.2.1, fd00::/8"}
	case []App:
		return []string{`[{name: x, on_conflict: takeover}, {name: y}]`}
	case []MultiListen:
		return []string{`[{listen: 9000, serves: http}]`}
	}
	texts := map[string]string{
		"run_dir": "/run/x", "rtmp.tls.cert": "/x.pem", "rtmp.tls.key": "x.pem", "rtmp.tls.min_version": "1.3",
		"http.token": "0123456789abcdef", "http.token_file": secretFile(t, "0123456789abcdef"),
		"http.hosts": "x.example,y.example", "http.cors_origins": "http://x.example",
		"log.level": "debug", "log.format": "json",
	}
	if texts[s.key] == "" {
		t.Fatalf("which value can %s have?", s.key)
	}
	return []string{texts[s.key]}
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
