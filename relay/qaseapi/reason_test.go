package qaseapi

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rivo/uniseg"
)

func TestAReasonIsOneLineOfText(t *testing.T) {
	c := NewClient(Options{Hide: func(s string) string { return strings.ReplaceAll(s, "configured-secret", "<secret>") }})
	for _, tt := range []struct{ name, comment, trace, want string }{
		{"the first line of the comment", "\n\n  no such user \nat x", "trace", "no such user"},
		{"without a comment that of the trace", " \n", "AssertionError: 1 != 2\n\tat x", "AssertionError: 1 != 2"},
		{"a line of signs is no reason", "-----\n=== \nfailed", "", "failed"},
		{"nothing", "", "", ""},
		{"HTML is text", "<p>Expected <b>200</b>, got&nbsp;<i>500</i></p><p>more</p>", "", "Expected 200, got 500"},
		{"a link is its text", `<a href="https://evil.example">click</a> here`, "", "click here"},
		{"a script is text", `<script>alert(1)</script>`, "", "alert(1)"},
		{"what is no HTML stays", "expected: <true> but was: <false>", "", "expected: <true> but was: <false>"},
		{"generic types stay", "List<String> is not Map<K, V>", "", "List<String> is not Map<K, V>"},
		{"a comment of HTML is left out", "<!-- hidden -->shown", "", "shown"},
		{"colors are gone", "\x1b[31mError:\x1b[0m \x1b]8;;https://evil.example\x07red\x1b]8;;\x07", "", "Error: red"},
		{"control characters are gone", "a\x00b\x07c\u202edcba", "", "abcdcba"},
		{"a code without an end", "\x1b]0;text", "", "]0;text"},
		{"other line ends", "first\rsecond", "", "first"},
		{"line ends of Unicode", "first\u2028second", "", "first"},
		{"spaces are one", "a \t  b", "", "a b"},
		{"broken UTF-8", "a\xffb", "", "ab"},
		{"secrets are hidden", "Authorization: Bearer abcdef0123456789", "", "Authorization: <secret>"},
		{"secrets of the configuration are hidden", "got configured-secret", "", "got <secret>"},
		{"mentions stay text", "@channel <!here> <@U123>", "", "@channel <!here> <@U123>"},
	} {
		if got := c.reason(tt.comment, tt.trace); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAReasonIsBounded(t *testing.T) {
	c := NewClient(Options{})
	for _, text := range []string{strings.Repeat("x", 5000), "x" + strings.Repeat("👩‍👩‍👧 ", 500), strings.Repeat("é", 500),
		"a" + strings.Repeat("\u0301", 5000), strings.Repeat("ß", 199) + "\U0001F1E9\U0001F1EA",
		strings.Repeat("<b>x", 2000)} {
		got := c.reason(text, "")
		if n := uniseg.GraphemeClusterCount(got); n > maxReason || len(got) > maxBytes+4 || got == "" {
			t.Errorf("%d characters, %d bytes", n, len(got))
		}
	}
	if exact := strings.Repeat("x", maxReason); c.reason(exact, "") != exact {
		t.Error("a reason that fits is truncated")
	}
}

// TestShorteningKeepsJSON compares short texts, which have to stay, however the answer is cut into pieces.
func TestShorteningKeepsJSON(t *testing.T) {
	const text = `{"a\"b":["\u00e9\\","x\n{[",{"c":-1.5e3}],"d":true}`
	for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)),
		iotest.DataErrReader(strings.NewReader(text))} {
		if got, err := io.ReadAll(&shortening{from: r}); err != nil || string(got) != text {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func FuzzShortening(f *testing.F) {
	f.Add(`{"a":"` + strings.Repeat(`\u00e9`, maxTextBytes) + `","b":[1]}`)
	f.Add(`["` + strings.Repeat(`é`, maxTextBytes) + `\"",{"x":"\\"}]`)
	f.Add(`{"a":"\ud83d\ude00"}`)
	f.Fuzz(func(t *testing.T, text string) {
		short, err := io.ReadAll(&shortening{from: strings.NewReader(text)})
		if err == nil && json.Valid([]byte(text)) && !json.Valid(short) {
			t.Errorf("%q became %q", text, short)
		}
		s := newStream(strings.NewReader(text))
		_, _ = (&Client{Options: Options{Hide: strings.Clone}}).readCases(s)
	})
}
