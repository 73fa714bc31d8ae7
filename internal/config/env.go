package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// envPrefix begins the names of the variables that override keys.
const envPrefix = "RTMPEDGE_"

// variable returns the name of the environment variable that overrides a key: RTMPEDGE_RTMP_LISTEN for rtmp.listen.
func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// A setting is a key with a value that a variable can override. A list is one setting.
type setting struct {
	key   string
	value reflect.Value // addressable
}

// settings returns all those of c, in the order of the shipped file.
func (c *Config) settings() []setting { return settings(reflect.ValueOf(c).Elem(), "") }

func settings(v reflect.Value, key string) (all []setting) {
	if !isMapping(v.Type()) {
		return []setting{{key, v}}
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		all = append(all, settings(v.Field(i), strings.TrimPrefix(key+"."+name, "."))...)
	}
	return all
}

// environment reads the variables that are ours over what the file says. One that names no key is an error, as a key is that there is not.
func (r *reading) environment(environ []string) {
	given := make(map[string]string)
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if _, again := given[name]; !again && strings.HasPrefix(name, envPrefix) { // of two the first one counts, as in os.Getenv
			given[name] = text
		}
	}
	all := r.config.settings()
	for _, s := range all {
		name := variable(s.key)
		if text, ok := given[name]; ok {
			r.override(name, s, text)
			delete(given, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		r.problems = append(r.problems, Error{Variable: name, Text: noVariable(name, all)})
	}
}

// override reads the text of a variable into a key. An empty one is as a key without a value is in the file: it overrides nothing.
func (r *reading) override(name string, s setting, text string) {
	n, problem := envNode(text, s.value.Type())
	switch {
	case problem != "":
		r.problems = append(r.problems, Error{Variable: name, Key: s.key, Text: problem})
	case !isNull(n):
		r.forget(s.key)
		r.places[s.key] = place{variable: name}
		r.variable = name
		r.decode(n, s.key, s.value.Addr().Interface())
		r.variable = ""
	}
}

// forget drops where the file gives what is in the list at key.
func (r *reading) forget(key string) {
	maps.DeleteFunc(r.places, func(k string, _ place) bool { return strings.HasPrefix(k, key+"[") })
}

// noVariable says what a variable that names no key may have been meant to be.
func noVariable(name string, all []setting) string {
	var known, tails []string
	asked := strings.ToLower(strings.TrimPrefix(name, envPrefix))
	for _, s := range all {
		k := strings.ReplaceAll(s.key, ".", "_")
		isList := s.value.Kind() == reflect.Slice
		switch {
		case strings.HasPrefix(k, asked+"_"):
			return "names a group of keys: set each by itself, such as " + variable(s.key)
		case isList && strings.HasPrefix(asked, k+"_"):
			return "names a part of a list, which can only be set as a whole: write all of it in " + variable(s.key)
		case strings.HasSuffix(k, "_"+asked):
			tails = append(tails, variable(s.key))
		}
		known = append(known, k)
	}
	best := nearest(asked, known)
	switch {
	case best != "":
		return "names no key: did you mean " + variable(best) + "?"
	case len(tails) > 0:
		return "names no key: did you mean " + strings.Join(tails, " or ") + "?"
	case strings.HasPrefix(asked, "service_"), asked == "port", strings.HasPrefix(asked, "port_"):
		return "names no key; Kubernetes sets it for a service called rtmpedge: write enableServiceLinks: false in the pod's spec"
	}
	return "names no key: remove it; the variable of a key is " + envPrefix + " and its path, such as " + variable("rtmp.listen") + " for rtmp.listen"
}
