// Package config reads the one YAML file that rtmp-edge is configured with.
//
// [Default] is the configuration of a server started without a file. [Load] reads a file over it: a key that is not
// there, or has no value, keeps its default. Loading is strict: an unknown or repeated key, a value of the wrong kind,
// two addresses that collide are errors, each with file, line, key and what to do; all of them are reported at once.
// [Config.CheckFiles] then looks into the files that a configuration names.
//
// deploy/rtmp-edge.yml is the reference of all keys; tests hold it, and docs/configuration.md, to this package.
package config
