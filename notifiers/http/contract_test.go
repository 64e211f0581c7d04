package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func TestHTTP(t *testing.T) {
	scheme := []notifiers.Secret{notifiers.NewSecret("whsec_!!secret!!")}
	notifierstest.Run(t, notifierstest.Suite{
		Kind:     Kind(),
		Channels: []notifierstest.Channel{channel()},
		Faults: map[string]notifierstest.Fault{
			"no time":     {Config: &Config{}, Key: "timeout"},
			"no key":      {Config: &Config{Timeout: 1, SigningSecret: scheme}, Key: "signing_secret"},
			"no host":     {Config: &Config{Timeout: 1, AllowHosts: []string{"https://x"}}, Key: "allow_hosts"},
			"no URL":      {Config: &Config{Timeout: 1}, Options: `{"url":"ftp://x/secret"}`, Key: "url"},
			"no method":   {Config: &Config{Timeout: 1}, Options: `{"method":"A B"}`, Key: "method"},
			"odd headers": {Config: &Config{Timeout: 1}, Options: `{"headers":{"A B":"x"}}`, Key: "headers"},
		},
		Sample: func(t *testing.T) notifiers.Notifier {
			options := `{"url":"https://ops.example.com/s3cret","headers":{"x-key":"s3cret","accept":"text/plain"}}`
			n, err := newNotifier(&Config{Timeout: time.Second, Bearer: notifiers.NewSecret(notifierstest.Secret)},
				json.RawMessage(options))
			if err != nil {
				t.Fatal(err)
			}
			return n
		},
	})
}

func TestARequestNeedsAnAddress(t *testing.T) {
	for option, want := range map[string]string{"body": "has no address to send to", "url": ""} {
		what, hint := missing(&Config{}, map[string]bool{option: true})
		if what != want || (what == "") != (hint == "") {
			t.Errorf("%s: got %q (%q), want %q", option, what, hint, want)
		}
	}
}

func channel() notifierstest.Channel {
	return notifierstest.Channel{
		Name:    "http",
		Secrets: []string{testSigning, testPath, testBearer, "querys3cret"},
		Answers: slices.Concat(statuses(), retryAfters(), bodies()),
		At: func(t *testing.T, addr string, timeout time.Duration) notifiers.Notifier {
			return testHTTP(t, "http://"+addr, func(c *Config) { c.Timeout = timeout })
		},
		Accepting: func(t *testing.T, seen func(string)) notifiers.Notifier {
			return testHTTP(t, notifierstest.Server(t,
				func(_ http.ResponseWriter, r *http.Request) { seen(r.Header.Get("webhook-id")) }))
		},
	}
}

// statuses are answers that say all by their status.
func statuses() []notifierstest.Answer {
	var answers []notifierstest.Answer
	add := func(want string, codes ...int) {
		for _, code := range codes {
			answers = append(answers, notifierstest.Answer{Name: fmt.Sprint(code), Want: want,
				Make: func(t *testing.T) notifiers.Notifier {
					return testHTTP(t, notifierstest.Server(t, notifierstest.Echo(code, nil, testSigning)))
				}})
		}
	}
	add("delivered", 200, 201, 202, 204, 299)
	add("permanent", 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 407, 409, 413, 415, 422)
	add("gone", 410)
	add("retry", 408, 425, 429, 500, 501, 502, 503, 504, 599)
	return answers
}

// retryAfters are answers that ask for notifierstest.Patience.
func retryAfters() []notifierstest.Answer {
	var answers []notifierstest.Answer
	later := func(name string, code int, value string, after time.Duration) {
		answers = append(answers, notifierstest.Answer{Name: name, Want: "retry after", After: after,
			Make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, notifierstest.Server(t,
					notifierstest.Echo(code, http.Header{"Retry-After": {value}}, testSigning)))
			}})
	}
	later("429 with seconds", 429, "7", 7*time.Second)
	later("503 with seconds", 503, "120", 2*time.Minute)
	later("408 with seconds", 408, "30", 30*time.Second)
	answers = append(answers,
		notifierstest.TenMinutes(notifierstest.Answer{Name: "429 with a date", Want: "retry after",
			Make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, notifierstest.Server(t, notifierstest.InTenMinutes))
			}}))
	later("429 with far too many seconds", 429, "99999999999999999999", time.Hour)
	later("429 with a date far away", 429, "Fri, 31 Dec 2999 23:59:59 GMT", time.Hour)
	again := func(name, value string) {
		answers = append(answers, notifierstest.Answer{Name: name, Want: "retry", Reason: notifiers.ReasonRate,
			Make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, notifierstest.Server(t,
					notifierstest.Echo(429, http.Header{"Retry-After": {value}}, testSigning)))
			}})
	}
	again("429 with a date in the past", "Fri, 31 Dec 1999 23:59:59 GMT")
	again("429 with a negative number", "-5")
	again("429 with nonsense", "soon")
	again("429 with no number", "NaN")
	return answers
}

// bodies are answers with bodies that harm.
func bodies() []notifierstest.Answer {
	return []notifierstest.Answer{
		notifierstest.Answer{Name: "redirect to a secret place", Want: "permanent", Says: "https://other.example",
			Make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, notifierstest.Server(t,
					notifierstest.Echo(302, http.Header{"Location": {"https://other.example/?t=" + testBearer}},
						testSigning)))
			}},
		notifierstest.Answer{Name: "200 with an endless body", Want: "delivered",
			Make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, notifierstest.Server(t, notifierstest.Endless(200, testBearer)))
			}},
		notifierstest.Answer{Name: "500 with an endless body", Want: "retry",
			Make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, notifierstest.Server(t, notifierstest.Endless(500, testBearer)))
			}},
		notifierstest.Answer{Name: "200 with a body that drips", Want: "delivered",
			Make: func(t *testing.T) notifiers.Notifier {
				return testHTTP(t, notifierstest.Server(t, notifierstest.Drip(200)),
					func(c *Config) { c.Timeout = 2 * time.Second })
			}},
	}
}
