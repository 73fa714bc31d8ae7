package config

import (
	"net/netip"
	"testing"
)

func TestPrefix(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ prefix, canonical string }{
		"10.0.0.1":                 {"10.0.0.1/32", "10.0.0.1"},
		"10.0.0.1/32":              {"10.0.0.1/32", "10.0.0.1"},
		"10.0.0.0/8":               {"10.0.0.0/8", "10.0.0.0/8"},
		"0.0.0.0/0":                {"0.0.0.0/0", "0.0.0.0/0"},
		"0.0.0.0":                  {"0.0.0.0/32", "0.0.0.0"},
		"FD00::/8":                 {"fd00::/8", "fd00::/8"},
		"::1":                      {"::1/128", "::1"},
		"::/0":                     {"::/0", "::/0"},
		"::ffff:10.0.0.1":          {"10.0.0.1/32", "10.0.0.1"},
		"::ffff:10.0.0.0/104":      {"10.0.0.0/8", "10.0.0.0/8"},
		"::ffff:0:0/96":            {"0.0.0.0/0", "0.0.0.0/0"},
		"0:0:0:0:0:ffff:a00:1/128": {"10.0.0.1/32", "10.0.0.1"},
	} {
		var got Prefix
		if err := got.UnmarshalText([]byte(text)); err != nil || netip.Prefix(got) != netip.MustParsePrefix(want.prefix) {
			t.Errorf("%s is %v, %v", text, netip.Prefix(got), err)
		}
		if again, err := got.MarshalText(); err != nil || string(again) != want.canonical {
			t.Errorf("%s is written %s, %v", text, again, err)
		}
	}
	for _, text := range []string{
		"10", "10.0.0", "10.0.0.256", "*", "any", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.0/255.0.0.0", "::ffff:10.0.0.1/104",
		"::ffff:0:0/95", "::1/129", "fe80::1%1", "fe80::%1/64", "[::1]", "/8", " 10.0.0.1",
	} {
		got := Prefix(netip.MustParsePrefix("10.0.0.0/8"))
		if err := got.UnmarshalText([]byte(text)); err == nil || got.String() != "10.0.0.0/8" {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
	var got Prefix
	if err := got.UnmarshalText(nil); err != nil || got != (Prefix{}) || got.String() != "" {
		t.Errorf("no text is %s, %v", got, err)
	}
}
