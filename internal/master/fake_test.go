package master

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
)

// A fake worker serves nothing, but writes down what the master says. Worker 1 does something wrong.
const (
	fakeKind   = "RTMP_EDGE_TEST_FAKE" // what worker 1 does wrong
	fakeFolder = "RTMP_EDGE_TEST_FOLDER"

	refuses      = "refuses"
	isSilent     = "never answers"
	diesFirst    = "dies when it is to prepare"
	diesThen     = "dies when it is to commit" // once
	answersLate  = "answers only to what comes next"
	behavesWell  = "nothing"
	fakeRefusal  = "this worker wants another"
	fakeWorkerID = 1
)

// fakeWorker is the whole life of one.
func fakeWorker(kind string) (status int) {
	control, err := handover.Inherited()
	if err != nil {
		return 1
	}
	var start handover.Start
	files, err := control.Expect(handover.KindStart, &start)
	if err != nil {
		return 1
	}
	note := func(format string, args ...any) {
		name := filepath.Join(os.Getenv(fakeFolder), fmt.Sprint("worker.", start.Worker))
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			os.Exit(1)
		}
		defer f.Close()
		if _, err := fmt.Fprintf(f, format+"\n", args...); err != nil {
			os.Exit(1)
		}
	}
	note("start %d gop_cache=%v", len(files)-1, start.Config.Live.GOPCache)
	if err := control.Send(handover.KindReady, nil); err != nil {
		return 1
	}
	wrong := start.Worker == fakeWorkerID && start.Restarts == 0
	var owed []handover.Answer
	for {
		m, err := control.Receive()
		if err != nil {
			return 1
		}
		for _, f := range m.Files {
			f.Close()
		}
		var c handover.Change
		_ = json.Unmarshal(m.Body, &c) // all that is of interest has it
		answer := handover.Answer{Change: c.Change}
		switch m.Kind {
		case handover.KindStop:
			return 0
		case handover.KindZone:
			err = control.Send(handover.KindHeard, nil)
		case handover.KindReload:
			err = control.Send(handover.KindNoted, nil)
		case handover.KindPrepare:
			note("prepare %d", len(m.Files))
			switch {
			case wrong && kind == refuses:
				answer.Error = fakeRefusal
			case wrong && kind == diesFirst:
				return 3
			}
			owed = append(owed, answer)
		case handover.KindCommit:
			note("commit")
			if wrong && kind == diesThen {
				return 3
			}
			owed = append(owed, answer)
		case handover.KindAbort:
			note("abort")
			owed = append(owed, handover.Answer{Change: -c.Change})
		}
		for len(owed) > 0 && err == nil && (!wrong || kind != isSilent) && (!wrong || kind != answersLate || m.Kind == handover.KindAbort) {
			err = control.Send(handover.KindAnswer, owed[0])
			owed = owed[1:]
		}
		if err != nil {
			return 1
		}
	}
}

// newFakes makes a runner whose workers are fakes.
func newFakes(t *testing.T, kind string) *runner {
	t.Helper()
	r := newRunner(t, 7, 10)
	r.m.opts.Executable = filepath.Join(filepath.Dir(r.file), "fake")
	script := fmt.Sprintf("#!/bin/sh\n%s='%s' %s='%s' exec '%s' \"$@\"\n", fakeKind, kind, fakeFolder, filepath.Dir(r.file), os.Args[0])
	if err := os.WriteFile(r.m.opts.Executable, []byte(script), 0o700); err != nil { //nolint:gosec // it is to be executed
		t.Fatal(err)
	}
	r.run()
	r.awaitLog("msg=ready", 1)
	return r
}

// heard returns what a fake has written down.
func (r *runner) heard(worker int) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(r.file), fmt.Sprint("worker.", worker)))
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", ", ")
}

// awaitHeard waits until a fake has written that down.
func (r *runner) awaitHeard(worker int, want string) {
	r.t.Helper()
	r.await(fmt.Sprintf("worker %d to have heard %q", worker, want), func() bool {
		got := r.heard(worker)
		if len(got) > len(want) {
			r.t.Fatalf("worker %d has heard %q, want %q", worker, got, want)
		}
		return got == want
	})
}
