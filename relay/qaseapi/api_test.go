package qaseapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"qaserelay/rules"
)

// TestNoAnswerShowsTheToken asks servers that repeat the token where the client does not expect it.
func TestNoAnswerShowsTheToken(t *testing.T) {
	const token = "t0ken-of-qase"
	for name, answer := range map[string]string{
		"garbage":      "%s\r\n\r\n",
		"a status":     "HTTP/1.1 500 %s\r\nContent-Length: 0\r\n\r\n",
		"a header":     "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"a length":     "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
		"a redirect":   "HTTP/1.1 302 Found\r\nLocation: http://[%s\r\nContent-Length: 0\r\n\r\n",
		"another type": "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"status\":true,\"result\":{\"name\":{\"%s\":1}}}",
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = fmt.Fprintf(conn, answer, r.Header.Get("Token"))
				_ = conn.Close()
			}))
			defer s.Close()
			var log strings.Builder
			secret := token
			c := NewClient(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			_, err := c.askPerson(t.Context(), request{source: &rules.Source{Name: "qase", APIURL: s.URL, Token: &secret}}, 40)
			c.Close()
			if (err == nil) != (name == "another type") || strings.Contains(fmt.Sprint(err, log.String()), token) {
				t.Errorf("got %v, logged %s", err, log.String())
			}
		})
	}
}
