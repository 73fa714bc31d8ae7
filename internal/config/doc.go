// Package config reads what rtmp-edge is configured with: one YAML file, and environment variables over it.
//
// [Default] is the configuration of a server started without a file. [Load] reads a file over it: a key that is not
// there, or has no value, keeps its default. Then come the variables, RTMPEDGE_RTMP_LISTEN for rtmp.listen and so on for
// every key, and at last the files that secrets are in. Loading is strict: an unknown or repeated key, a value of the wrong
// kind, two addresses that collide are errors, each with file and line, or variable, key and what to do; all of them are
// reported at once. No error tells a secret. [Config.CheckFiles] then looks into the other files that a configuration names.
// [RunDir] is for who only wants to find the server.
//
// deploy/rtmp-edge.yml is the reference of all keys; tests hold it, and docs/configuration.md, to this package.
package config
