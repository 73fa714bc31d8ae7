package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// awaitEndOfSession waits until no process of a session is left.
func awaitEndOfSession(t testing.TB, session int) {
	t.Helper()
	if left := waitUntil(soon, func() string { return strings.Join(processesOf(session), ", ") }); left != "" {
		t.Errorf("processes of the browser are left: %s", left)
	}
}

// processesOf lists the living processes of a session.
func processesOf(session int) []string {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var found []string
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state ppid pgrp session …
		pid, rest, _ := bytes.Cut(stat, []byte(" "))
		fields := strings.Fields(string(rest[bytes.LastIndexByte(rest, ')')+1:]))
		if len(fields) > 3 && fields[0] != "Z" && fields[3] == strconv.Itoa(session) {
			found = append(found, string(pid))
		}
	}
	return found
}
