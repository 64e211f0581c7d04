package desk

import (
	"strings"
	"testing"
)

func TestMaskingWithstandsOddMessages(t *testing.T) {
	for message, want := range map[string]string{
		`{"title":"a"}`:                            `{"title":"a"}`,
		`{"options":"s3cret"}`:                     `{}`,
		`{"options":{"url":7}}`:                    `{"options":{"url":"<secret>"}}`,
		`{"options":{"url":"s3cret"}}`:             `{"options":{"url":"<secret>"}}`,
		`{"options":{"url":"https://[s3cret"}}`:    `{"options":{"url":"<secret>"}}`,
		`{"options":{"headers":["s3cret"]}}`:       `{"options":{"headers":"<secret>"}}`,
		`{"options":{"headers":{"a":["s3cret"]}}}`: `{"options":{"headers":{"a":"<secret>"}}}`,
		`{"fallback":[{"notifier":"b","options":{"url":"https://h/s3cret"}},{"options":7}]}`:        `{"fallback":[{"notifier":"b","options":{"url":"https://h/…"}},{}]}`,
		`{"options":{"headers":{"Accept":"text/plain","user-agent":["s3cret"],"X-Project":"WEB"}}}`: `{"options":{"headers":{"Accept":"text/plain","X-Project":"<secret>","user-agent":"<secret>"}}}`,
		`{"fallback":"s3cret"}`: `{"fallback":"<secret>"}`,
		`s3cret`:                ``,
	} {
		if got := strings.TrimSpace(string(maskMessage([]byte(message)))); got != want {
			t.Errorf("%s became %s, want %s", message, got, want)
		}
	}
}
