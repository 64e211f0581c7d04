package httpclient

import (
	"net/url"
	"testing"
)

func TestShowURLHidesWhatMayBeASecret(t *testing.T) {
	for written, want := range map[string]string{
		"https://ops.acme.io/hook/WEB/7?plan=Smoke&token=abc":         "https://ops.acme.io/hook/WEB/7?plan=Smoke&token=…",
		"https://ops.acme.io/":                                        "https://ops.acme.io/",
		"https://ops.acme.io":                                         "https://ops.acme.io",
		"https://u:p@ops.acme.io/x":                                   "https://ops.acme.io/x",
		"https://hooks.acme.io/services/T024BE7LH/B0/aGVsbG8gd29ybGQ": "https://hooks.acme.io/services/…/…/…",
		"https://ops.acme.io/api/v4/projects/run-started?sig=1":       "https://ops.acme.io/api/v4/projects/run-started?sig=…",
		"https://ops.acme.io/x?s3cr3t":                                "https://ops.acme.io/x?…",
		"https://ops.acme.io/9f86d081884c7d659a2feaa0c55ad015":        "https://ops.acme.io/…",
		"https://ops.acme.io/x?to=9f86d081884c7d65&day=2026-11-27":    "https://ops.acme.io/x?to=…&day=2026-11-27",
	} {
		u, err := url.Parse(written)
		if err != nil {
			t.Fatal(err)
		}
		if got := ShowURL(u, "WEB"); got != want {
			t.Errorf("%s: got %s, want %s", written, got, want)
		}
	}
}

func TestIsOpenHeaderHidesCredentials(t *testing.T) {
	for _, h := range []struct {
		name, value string
		shown       bool
	}{{"X-Run", "7", true}, {"X-Project", "WEB", true}, {"X-Plan", "Smoke tests", true}, {"X-Api-Key", "7", false},
		{"Authorization", "Basic", false}, {"X-Trace", "9f86d081884c7d65", false}, {"Cookie", "a", false}, {"X-Auth", "x", false}} {
		if shown := IsOpenHeader(h.name, h.value, "WEB"); shown != h.shown {
			t.Errorf("%s: %s: shown is %v", h.name, h.value, shown)
		}
	}
}
