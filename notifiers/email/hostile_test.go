package email

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// FuzzEventTextIsNoMailHeader puts any text wherever an event's text can stand in a mail, and looks at what a reader
// finds.
func FuzzEventTextIsNoMailHeader(f *testing.F) {
	for _, s := range []string{"", "Bcc: evil@x.io", "a\r\nBcc: evil@x.io\r\n\r\nbody",
		"=?utf-8?q?a=0D=0ABcc:_evil@x.io?=", "\x00\u2028\u202e",
		"evil@x.io", "a@x.io>\r\nRCPT TO:<evil@x.io", "\"a\" <b@x.io>, <c@x.io>", strings.Repeat("é", 999), "<x@y>",
		"none", "x y\t\nz"} {
		f.Add(s)
	}
	n, err := newNotifier(&Config{Host: "h", From: "Qase <qase@example.com>", TLS: "none", Auth: "none", Timeout: 1},
		nil)
	if err != nil {
		f.Fatal(err)
	}
	known := []string{"Auto-Submitted", "Cc", "Content-Type", "Date", "From", "In-Reply-To", "List-Id", "Message-Id",
		"Mime-Version", "Precedence",
		"References", "Reply-To", "Subject", "To", "X-Auto-Response-Suppress"}
	f.Fuzz(func(t *testing.T, s string) {
		options, err := json.Marshal(Options{To: []string{"a@x.io", s}, Cc: []string{s}, ReplyTo: []string{s},
			Subject: s, Thread: notifiers.Key{Text: s}})
		if err != nil {
			t.Fatal(err)
		}
		m := notifierstest.Message(func(m *notifiers.Message) {
			m.Title, m.Body, m.Rule, m.Level, m.Project, m.EventName, m.URL, m.Options = s, s, s, s, s, s, s, options
			m.Fields = []notifiers.Field{{Name: s, Value: s}, {Name: "Plan", Value: s}}
		})
		l, err := n.(*notifier).compose(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		r, err := mail.CreateReader(bytes.NewReader(l.data))
		if err != nil {
			t.Fatal(err)
		}
		for fields := r.Header.Fields(); fields.Next(); {
			if !slices.Contains(known, textproto.CanonicalMIMEHeaderKey(fields.Key())) {
				t.Fatalf("there is a header %s", fields.Key())
			}
			if text, err := fields.Text(); err == nil && strings.ContainsAny(text, "\r\n\x00") {
				t.Fatalf("%s: %q", fields.Key(), text)
			}
		}
		if good, _ := parseAddresses([]string{"a@x.io", string([]rune(s))}); len(l.recipients) > len(good) {
			t.Fatalf("recipients: %q", l.recipients)
		}
		for _, who := range append(l.recipients, l.from) {
			if strings.ContainsAny(who, "\r\n\x00") || !strings.HasPrefix(who, "<") || !strings.HasSuffix(who, ">") {
				t.Fatalf("the recipient %q", who)
			}
		}
		parts := 0
		for ; ; parts++ {
			if _, err := r.NextPart(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if parts != 2 {
			t.Fatalf("%d parts", parts)
		}
	})
}

func TestOddMessagesBecomeGoodMails(t *testing.T) {
	long := strings.Repeat("word ", 1<<20/5)
	for name, tt := range map[string]struct {
		edit func(*notifiers.Message)
		want []string // parts of the text
	}{
		"no title": {func(m *notifiers.Message) { m.Title = " \n" },
			[]string{"Qase WEB\n==="}},
		"nothing at all": {func(m *notifiers.Message) { *m = notifiers.Message{ID: "1", Options: m.Options} },
			[]string{"Qase\n==="}},
		"a body of 1 MiB":   {func(m *notifiers.Message) { m.Body = long }, []string{" …"}},
		"a title of 1 MiB":  {func(m *notifiers.Message) { m.Title = long }, []string{" …"}},
		"brackets of 1 MiB": {func(m *notifiers.Message) { m.Body = strings.Repeat("[", 1<<20) }, []string{"[["}},
		"quotes of 1 MiB": {func(m *notifiers.Message) { m.Body = strings.Repeat("> ", 1<<19) },
			[]string{"> > > >"}},
		"numbers of 1 MiB":   {func(m *notifiers.Message) { m.Body = strings.Repeat("1. ", 1<<18) }, nil},
		"stars of 1 MiB":     {func(m *notifiers.Message) { m.Body = strings.Repeat("*a **b ", 1<<17) }, nil},
		"from right to left": {func(m *notifiers.Message) { m.Title = "הבדיקה נכשלה 7" }, []string{"הבדיקה נכשלה 7"}},
		"a family of emoji": {func(m *notifiers.Message) { m.Title = strings.Repeat("👩‍👩‍👧", 200) },
			[]string{"👩‍👩‍👧"}},
		"broken text":        {func(m *notifiers.Message) { m.Title = "a\xffb\x00c" }, []string{"a\uFFFDbc"}},
		"a trojan direction": {func(m *notifiers.Message) { m.Body = "user\u202e nimda" }, []string{"user nimda"}},
		"a table of one MiB": {func(m *notifiers.Message) {
			m.Body = "|a|b|\n|-|-|\n" +
				strings.Repeat("|x|y|\n", 1<<20/6)
		}, []string{"x"}},
		"a code without end": {func(m *notifiers.Message) { m.Body = "```\n" + long }, []string{"word"}},
		"dashes of 1 MiB":    {func(m *notifiers.Message) { m.Body = strings.Repeat("-", 1<<20) }, nil},
		"fields of 1 MiB": {func(m *notifiers.Message) {
			m.Fields = []notifiers.Field{{Name: "Plan", Value: long}, {Name: long, Value: "x"}}
		}, []string{"Plan: word", " …"}},
		"a list in every way": {func(m *notifiers.Message) { m.Body = strings.Repeat("- ", 1<<19) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveMail(t, &server{}, "none")
			m := messageTo(`{"to":["a@x.io"]}`)
			tt.edit(m)
			start := time.Now()
			if _, err := testEmail(t, s.port, nil).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %s", took)
			}
			text, page := readMail(t, s.mails()[0].data)
			if len(text) > 1<<20 || len(page) > 4<<20 {
				t.Errorf("the parts have %d and %d bytes", len(text), len(page))
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in %.200q", want, text)
				}
			}
		})
	}
}

// readMail returns the parts of a mail, and fails if it has no subject.
func readMail(t *testing.T, data string) (text, page string) {
	t.Helper()
	r, err := mail.CreateReader(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if subject, err := r.Header.Subject(); err != nil || subject == "" || len([]rune(subject)) > maxSubject {
		t.Errorf("the subject is %q: %v", subject, err)
	}
	parts := make([]string, 2)
	for i := range parts {
		p, err := r.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	return parts[0], parts[1]
}

func TestAServerThatDripsCostsOneTimeout(t *testing.T) {
	for name, lines := range map[string][]string{
		"its greeting": {},
		"its hello":    {"220 hi"},
		"its answers":  {"220 hi", "250 hi", "250 ok"},
		"the end":      {"220 hi", "250 hi", "250 ok", "250 ok", "354 go", "DATA"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := notifierstest.Listen(t, dripping(lines))
			var port int
			fmt.Sscan(addr[strings.LastIndex(addr, ":")+1:], &port)
			n := testEmail(t, port, nil, func(c *Config) { c.Username, c.Timeout = "", 200*time.Millisecond })
			start := time.Now()
			_, err := n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`))
			if notifierstest.Outcome(err) != "retry" || notifiers.Reason(err) != notifiers.ReasonTimeout || time.Since(start) > notifierstest.Patience {
				t.Errorf("%s, %s after %s: %v", notifierstest.Outcome(err), notifiers.Reason(err), time.Since(start), err)
			}
		})
	}
}
