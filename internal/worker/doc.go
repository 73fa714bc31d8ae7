// Package worker is one worker process: it accepts on the sockets that the master handed over, and ties RTMP sessions, streams, the zone, the
// relays and the HTTP interface together.
package worker
