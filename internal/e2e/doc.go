// Package e2e holds the end-to-end tests: they start the real binary with several workers and publish and play with
// real clients (ffmpeg, rtmpdump, GStreamer, VLC, OBS, go-rtmp) and with a client of our own that checks every message it
// gets. Attackers are processes of their own: the test binary, started again.
//
// The server is built once per test run; with RTMP_EDGE_E2E_RACE=1 by the race detector, and then the largest loads
// are scaled down. What a server under test logged is printed when its test fails.
//
//	go test ./internal/e2e
//	RTMP_EDGE_E2E_RACE=1 go test -run TestKillOwner ./internal/e2e
//
// Packages that need a server, its ports or a client in their own tests do not import this one: it has no API.
package e2e
