package logging

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
)

// logged returns what a logger writes to a file that JOURNAL_STREAM says is the journal's, or not.
func logged(t *testing.T, format string, journal bool) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	inode := st.Ino
	if !journal {
		inode++ // of another file: somebody has sent standard error elsewhere
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, inode))
	log := New(f, config.Log{Format: format}, slog.LevelDebug).With(Worker, 3).WithGroup("g")
	noTime := func(l slog.Level, text string) {
		if err := log.Handler().Handle(t.Context(), slog.Record{Level: l, Message: text}); err != nil {
			t.Fatal(err)
		}
	}
	noTime(slog.LevelDebug, "d")
	noTime(slog.LevelInfo, "i")
	noTime(slog.LevelWarn, "w")
	noTime(slog.LevelError, "e\nsecond line")
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestJournal(t *testing.T) {
	for _, tt := range []struct {
		format  string
		journal bool
		want    string
	}{
		{"text", false, "level=DEBUG msg=d worker=3\nlevel=INFO msg=i worker=3\nlevel=WARN msg=w worker=3\nlevel=ERROR msg=\"e\\nsecond line\" worker=3\n"},
		{"text", true, "<7>level=DEBUG msg=d worker=3\n<6>level=INFO msg=i worker=3\n<4>level=WARN msg=w worker=3\n<3>level=ERROR msg=\"e\\nsecond line\" worker=3\n"},
		{"json", true, `<7>{"level":"DEBUG","msg":"d","worker":3}` + "\n" + `<6>{"level":"INFO","msg":"i","worker":3}` + "\n" +
			`<4>{"level":"WARN","msg":"w","worker":3}` + "\n" + `<3>{"level":"ERROR","msg":"e\nsecond line","worker":3}` + "\n"},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.format, tt.journal), func(t *testing.T) {
			if got := logged(t, tt.format, tt.journal); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestJournalLevel(t *testing.T) {
	j := newJournal(io.Discard, func(w io.Writer) slog.Handler {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn})
	})
	for l, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelWarn: true, slog.LevelError: true} {
		if got := j.Enabled(t.Context(), l); got != want {
			t.Errorf("%v is logged: %v", l, got)
		}
	}
}
