package http

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
)

func httpChannel() channel {
	return channel{
		name:    "http",
		secrets: []string{testSigning, testPath, testBearer, "querys3cret"},
		answers: slices.Concat(httpStatuses(), httpPatience(), httpBodies()),
		at: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return testHTTP(t, "http://"+addr, func(c *Config) { c.Timeout = timeout })
		},
		accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return testHTTP(t, server(t, func(_ http.ResponseWriter, r *http.Request) { seen(r.Header.Get("webhook-id")) }))
		},
	}
}

// httpStatuses are answers that say all by their status.
func httpStatuses() []answerCase {
	var answers []answerCase
	add := func(want string, codes ...int) {
		for _, code := range codes {
			answers = append(answers, answerCase{name: fmt.Sprint(code), want: want, make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, server(t, echo(code, nil)))
			}})
		}
	}
	add("delivered", 200, 201, 202, 204, 299)
	add("never", 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 407, 409, 413, 415, 422)
	add("gone", 410)
	add("again", 408, 425, 429, 500, 501, 502, 503, 504, 599)
	return answers
}

// httpPatience are answers that ask for patience.
func httpPatience() []answerCase {
	var answers []answerCase
	later := func(name string, code int, value string, after time.Duration) {
		answers = append(answers, answerCase{name: name, want: "not before", after: after, make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, echo(code, http.Header{"Retry-After": {value}})))
		}})
	}
	later("429 with seconds", 429, "7", 7*time.Second)
	later("503 with seconds", 503, "120", 2*time.Minute)
	later("408 with seconds", 408, "30", 30*time.Second)
	answers = append(answers, untilDate(answerCase{name: "429 with a date", want: "not before", make: func(t *testing.T) notifiers.Notifier {
		return testHTTP(t, server(t, dated))
	}}))
	later("429 with far too many seconds", 429, "99999999999999999999", time.Hour)
	later("429 with a date far away", 429, "Fri, 31 Dec 2999 23:59:59 GMT", time.Hour)
	again := func(name, value string) {
		answers = append(answers, answerCase{name: name, want: "again", reason: notifiers.ReasonRate, make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, echo(429, http.Header{"Retry-After": {value}})))
		}})
	}
	again("429 with a date in the past", "Fri, 31 Dec 1999 23:59:59 GMT")
	again("429 with a negative number", "-5")
	again("429 with nonsense", "soon")
	again("429 with no number", "NaN")
	return answers
}

// httpBodies are answers with bodies that harm.
func httpBodies() []answerCase {
	return []answerCase{
		answerCase{name: "redirect to a secret place", want: "never", says: "https://other.example", make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, echo(302, http.Header{"Location": {"https://other.example/?t=" + testBearer}})))
		}},
		answerCase{name: "200 with an endless body", want: "delivered", make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, endless(200)))
		}},
		answerCase{name: "500 with an endless body", want: "again", make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, endless(500)))
		}},
		answerCase{name: "200 with a body that drips", want: "delivered", make: func(t *testing.T) notifiers.Notifier {
			return testHTTP(t, server(t, drip(200)), func(c *Config) { c.Timeout = 2 * time.Second })
		}},
	}
}

// echo answers with all that was sent, secrets included.
func echo(code int, header http.Header) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "%s %s %v %s ", r.URL, r.RequestURI, r.Header, testSigning)
		_, _ = io.Copy(w, r.Body)
	}
}

func endless(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		for {
			if _, err := w.Write([]byte(strings.Repeat("x", 4000) + testBearer)); err != nil {
				return
			}
		}
	}
}

func drip(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				_, _ = w.Write([]byte("."))
				w.(http.Flusher).Flush()
			}
		}
	}
}
