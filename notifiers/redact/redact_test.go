package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"qaserelay/notifiers/redact"
)

// TestASecretIsHiddenInEachForm shows a secret as servers show what they were sent.
func TestASecretIsHiddenInEachForm(t *testing.T) {
	const core = "S3cretCore"
	for _, secret := range []string{core, core + `&"<é>' %20/+\` + core, "ü" + core + "\x01\t"} {
		basic := &http.Request{Header: http.Header{}}
		basic.SetBasicAuth("relay", secret)
		inJSON, err := json.Marshal(map[string]string{"said": secret})
		if err != nil {
			t.Fatal(err)
		}
		twice, err := json.Marshal(string(inJSON))
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string]string{
			"plain": "it is " + secret + ".", "quoted": fmt.Sprintf("%q", secret), "ASCII": fmt.Sprintf("%+q", secret),
			"JSON": string(inJSON), "HTML": "<b>" + html.EscapeString(secret) + "</b>",
			"query": url.QueryEscape(secret), "path": url.PathEscape(secret), "user": url.UserPassword("relay", secret).String(),
			"hex": hex.EncodeToString([]byte(secret)), "basic": basic.Header.Get("Authorization"),
			"form": "Basic " + base64.StdEncoding.EncodeToString([]byte("relay:"+url.QueryEscape(secret))),
			"SMTP": base64.StdEncoding.EncodeToString([]byte("\x00relay\x00" + secret)),
			"URL":  base64.RawURLEncoding.EncodeToString([]byte("user=relay\x01auth=Bearer " + secret + "\x01\x01")),
		} {
			hidden := redact.New(secret).Hide(text)
			if leaks(hidden, core) {
				t.Errorf("%s: %q is shown as %q", form, text, hidden)
			}
		}
		if secret == core && leaks(redact.New(secret).Hide(string(twice)), core) {
			t.Errorf("JSON in JSON: %s", twice)
		}
	}
}

// leaks reports whether a text has six bytes of a secret in a row, plain, as digits or in base64.
func leaks(text, core string) bool {
	for at := range len(core) - 6 {
		part := core[at : at+6]
		if strings.Contains(text, part) || strings.Contains(text, hex.EncodeToString([]byte(part))) ||
			strings.Contains(text, base64.RawStdEncoding.EncodeToString([]byte(part))) {
			return true
		}
	}
	return false
}

func TestShortTextsAndOthersStay(t *testing.T) {
	s := redact.New("", "abc", "S3cretCore")
	for _, text := range []string{"", "abc", "the secret core", "c2VjcmV0", "S3cret"} {
		if got := s.Hide(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := (redact.Secrets{}).HideTruncated("S3cretCore"); got != "S3cretCore" {
		t.Errorf("no secrets hide %q", got)
	}
}

func TestATruncatedSecretIsHidden(t *testing.T) {
	for text, want := range map[string]string{"key S3cretCo": "key <secret>", "key S3c": "key S3c", "S3cretCore!": "<secret>!"} {
		if got := redact.New("S3cretCore").HideTruncated(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
