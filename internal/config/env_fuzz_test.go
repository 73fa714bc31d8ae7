package config

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// FuzzEnvironment: no variable makes it panic; what it accepts is valid, what it refuses it explains, without telling secrets.
func FuzzEnvironment(f *testing.F) {
	for key, value := range leaves(reflect.ValueOf(*Default()), "") {
		f.Add(strings.TrimPrefix(variable(key), envPrefix), value)
	}
	for _, text := range []string{
		"", "~", `""`, "''", `"`, "[", "[]", "{", "%", "<<", "*a", "&a [*a]", "? a", "!!binary x", "a: b", "- 1\n- 2", "- - -", "\x00", "\xff",
		"[[::1]:1935]", "[::1]:1935, 2", "1,,2", "[{name: a, flush: {max: 9ms}}]",
		"null", "2024-01-01", "0x10", "1_000", "-.inf", "9999999999999999999", "1e9", "-1s",
	} {
		for _, name := range []string{
			"RTMP_LISTEN", "WORKERS", "LIVE_GOP_CACHE", "METRICS_STREAMS", "HTTP_TOKEN", "HTTP_HOSTS", "APPS", "MULTI_LISTEN", "RELAY_VIA", "", "RTMP", "X",
		} {
			f.Add(name, text)
		}
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		if strings.Contains(name, "FILE") || strings.Contains(text, "_file") {
			return // of this machine
		}
		_ = explained(t, []string{envPrefix + name + "=" + text})

		const hidden = "Zq7hidden"
		secret := text + hidden
		apps, err := json.Marshal([]App{{Name: name, PublishSecret: secret}, {Name: "a", PlaySecret: secret}})
		if err != nil {
			t.Fatal(err)
		}
		for _, env := range []string{"HTTP_TOKEN=" + secret, "HTTP_TOKEN=" + hidden + text, "APPS=" + string(apps)} {
			if err := explained(t, []string{envPrefix + env}); err != nil && strings.Contains(err.Error(), hidden) {
				t.Errorf("%q: %v", env, err)
			}
		}
	})
}

// explained loads the defaults with one variable, and checks that the error is good.
func explained(t *testing.T, environ []string) error {
	t.Helper()
	c, err := load("", append(environ, "RTMPEDGE_WORKERS=2")) // what auto stands for takes time to find out
	if err == nil {
		if err := c.Validate(); err != nil {
			t.Errorf("%q is accepted, but %v", environ, err)
		}
		return nil
	}
	var all Errors
	if !errors.As(err, &all) || len(all) == 0 {
		t.Fatalf("%q: error %#v", environ, err)
	}
	for _, e := range all {
		if e.Variable == "" || e.Text == "" || e.File != "" || e.Line != 0 {
			t.Errorf("%q: %#v", environ, e)
		}
	}
	return err
}
