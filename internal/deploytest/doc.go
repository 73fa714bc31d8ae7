// Package deploytest runs what deploy/ and the release ship with the real tools: the image in a container, the unit in a booted systemd, the package in a
// test root, manifests and compositions through their own checkers. It has only tests; they need root, as `make test` says.
package deploytest
