package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkSessionsPage is what one worker of four does for a page of 100, when the server has 50,000 sessions. How it finds out what sessions there are
// is not in it.
func BenchmarkSessionsPage(b *testing.B) {
	l := &fakeLocal{}
	for n := range 12_500 {
		l.sessions = append(l.sessions, aSession(0, 0, n))
	}
	a := &API{opts: Options{Local: l}}
	for name, path := range map[string]string{
		"all": pathSessions + "?limit=101", "deep": pathSessions + "?limit=101&after=0-0-9000", "filtered": pathSessions + "?limit=101&app=live&role=publisher",
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				a.localSessions(w, r)
				if w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
