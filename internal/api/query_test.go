package api

import (
	"strings"
	"testing"
)

// Parameters with a slip of the pen are refused, by name: they would look as if they had found everything, or nothing.
func TestBadQueries(t *testing.T) {
	c := newCluster(t, 1)
	for path, why := range map[string]string{
		"/api/v1/workers?x=1":                                `no parameter "x": this takes none`,
		"/api/v1/zone?":                                      "",
		"/api/v1/sessions?aap=live":                          `no parameter "aap", only app, name, role`,
		"/api/v1/sessions?app=a&app=b":                       "app is given twice",
		"/api/v1/sessions?app=":                              "app is empty",
		"/api/v1/sessions?app":                               "app is empty",
		"/api/v1/sessions?app=a;name=b":                      "the query cannot be read",
		"/api/v1/sessions?app=%zz":                           "the query cannot be read",
		"/api/v1/sessions?role=viewer":                       "role must be one of publisher, relay, player, none",
		"/api/v1/sessions?protocol=RTMP":                     "protocol must be one of rtmp, rtmps",
		"/api/v1/sessions?state=live":                        "state must be one of handshake",
		"/api/v1/sessions?worker=one":                        "worker must be a number from 0 to 127",
		"/api/v1/sessions?worker=-1":                         "worker must be a number",
		"/api/v1/sessions?limit=0":                           "limit must be a number from 1 to 1000",
		"/api/v1/sessions?limit=1001":                        "limit must be a number",
		"/api/v1/sessions?limit=99999999999999999999":        "limit must be a number",
		"/api/v1/sessions?after=1":                           "after is no cursor",
		"/api/v1/sessions?after=0-0-1-2":                     "after is no cursor",
		"/api/v1/streams?limit=10001":                        "limit must be a number from 1 to 10000",
		"/api/v1/streams?after=%21":                          "after is no cursor",
		"/api/v1/streams?after=WyJhIl0":                      "after is no cursor", // ["a"]
		"/api/v1/streams?state=publishing":                   "state must be one of live, waiting",
		"/api/v1/workers/0?force=true":                       `no parameter "force"`,
		"/api/v1/streams/live/x?" + strings.Repeat("x", 200): "no parameter",
	} {
		r := c.call(t, "GET", path)
		if why == "" {
			if r.status != 200 {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
			continue
		}
		var got problemBody
		r.into(t, 400, &got)
		if !strings.Contains(got.Detail, why) || len(got.Detail) > 300 {
			t.Errorf("%s: %q, want %q", path, got.Detail, why)
		}
	}
	var got problemBody
	c.call(t, "PUT", "/api/v1/workers/0/drain?force=yes").into(t, 400, &got)
	if c.locals[0].sessionsSeen != 0 || len(c.locals[0].drains) != 0 {
		t.Error("a bad query was carried out")
	}
}

// A body is JSON of the right kind and not too long, or it is told why not.
func TestBadBodies(t *testing.T) {
	c := newCluster(t, 1)
	const kind = "application/json"
	for _, tt := range []struct {
		name, kind, body string
		status           int
		why              string
	}{
		{"good", kind, `{"level":"warn"}`, 200, ""},
		{"with charset", "Application/JSON; charset=utf-8", ` {"level":"warn"} ` + "\n", 200, ""},
		{"no kind", "", `{"level":"warn"}`, 415, "Content-Type: application/json"},
		{"form", "application/x-www-form-urlencoded", "level=warn", 415, "Content-Type: application/json"},
		{"text", "text/plain", `{"level":"warn"}`, 415, "Content-Type: application/json"},
		{"bad kind", "application/json; charset", `{"level":"warn"}`, 415, "Content-Type: application/json"},
		{"empty", kind, "", 400, "it is empty"},
		{"no JSON", kind, "level=warn", 400, "invalid character"},
		{"broken off", kind, `{"level":`, 400, "unexpected EOF"},
		{"more behind it", kind, `{"level":"warn"}{}`, 400, "something follows it"},
		{"rubbish behind it", kind, `{"level":"warn"}x`, 400, "invalid character"},
		{"unknown field", kind, `{"level":"warn","until":1}`, 400, `unknown field "until"`},
		{"wrong type", kind, `{"level":1}`, 400, "cannot unmarshal number"},
		{"wrong word", kind, `{"level":"loud"}`, 400, "level must be one of debug, error, info, warn"},
		{"other case", kind, `{"level":"WARN"}`, 400, "level must be one of"},
		{"no field", kind, `{}`, 400, "level must be one of"},
		{"null", kind, `null`, 400, "level must be one of"},
		{"too large", kind, `{"level":"` + strings.Repeat("x", 64<<10) + `"}`, 413, "64 KiB"},
		{"too large behind it", kind, `{"level":"warn"}` + strings.Repeat(" ", 64<<10), 413, "64 KiB"},
	} {
		c.locals[0].SetLogLevel(0)
		var header []string
		if tt.kind != "" {
			header = []string{"Content-Type", tt.kind}
		}
		r := c.send(t, "PUT", "/api/v1/log", tt.body, header...)
		if r.status != tt.status || !strings.Contains(string(r.body), strings.ReplaceAll(tt.why, `"`, `\"`)) {
			t.Errorf("%s: %d %s", tt.name, r.status, r.body)
		}
		if done := c.locals[0].LogLevel() != 0; done != (tt.status == 200) {
			t.Errorf("%s: carried out: %v", tt.name, done)
		}
	}
}
