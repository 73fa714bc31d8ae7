package config

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
)

// Diff returns the paths of the keys that two configurations have different values for, in the order of the shipped file:
// "stream_zone.streams", "rtmp.listen", "apps[2].play_secret". A list of single values is one key; of a list of mappings,
// each entry that only one of the two has is one key. No values are told: they may be secrets.
func Diff(a, b *Config) []string {
	return diff(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem(), "", nil)
}

// diff appends the paths at and below key where a and b, of one type, differ.
func diff(a, b reflect.Value, key string, paths []string) []string {
	switch {
	case isMapping(a.Type()):
		for i := range a.NumField() {
			name := a.Type().Field(i).Tag.Get("yaml")
			paths = diff(a.Field(i), b.Field(i), strings.TrimPrefix(key+"."+name, "."), paths)
		}
		return paths
	case a.Kind() == reflect.Slice && isMapping(a.Type().Elem()):
		for i := range max(a.Len(), b.Len()) {
			item := key + "[" + strconv.Itoa(i) + "]"
			if i >= a.Len() || i >= b.Len() {
				paths = append(paths, item)
				continue
			}
			paths = diff(a.Index(i), b.Index(i), item, paths)
		}
		return paths
	case !same(a, b):
		return append(paths, key)
	}
	return paths
}

// isMapping tells whether a value of type t is a mapping in the file: the other structs have a text.
func isMapping(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// same compares single values, and lists of them. No list is the same as an empty one.
func same(a, b reflect.Value) bool {
	if a.Kind() != reflect.Slice {
		return a.Equal(b)
	}
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !a.Index(i).Equal(b.Index(i)) {
			return false
		}
	}
	return true
}
