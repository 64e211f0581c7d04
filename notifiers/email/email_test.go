package email

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// messageTo is a message with these message options.
func messageTo(options string) *notifiers.Message {
	return notifierstest.Message(func(m *notifiers.Message) { m.Options = json.RawMessage(options) })
}

func TestMailsGoOverEverySecurityAndLogin(t *testing.T) {
	tests := map[string]struct {
		tls, auth string
		mechs     []string
	}{
		"starttls":          {"starttls", "auto", nil},
		"starttls, login":   {"starttls", "login", []string{"LOGIN"}},
		"implicit":          {"implicit", "auto", nil},
		"implicit, plain":   {"implicit", "plain", nil},
		"auto takes login":  {"implicit", "auto", []string{"LOGIN"}},
		"none, to loopback": {"none", "auto", nil},
		"none, no login":    {"none", "none", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logins := 0
			s := serveMail(t, &server{mechs: tt.mechs, login: func(user, password string) error {
				logins++
				if user != "user" || password != testPassword {
					return smtpError(535, "bad")
				}
				return nil
			}}, tt.tls)
			n := testEmail(t, s.port, s.roots, func(c *Config) { c.TLS, c.Auth = tt.tls, tt.auth })
			r, err := n.Send(t.Context(), messageTo(`{"to":["bob@bar.io"]}`))
			if err != nil || !strings.HasPrefix(r.Status, "250 ") {
				t.Fatalf("%+v: %v", r, err)
			}
			if len(s.mails()) != 1 || (logins == 1) == (tt.auth == "none") {
				t.Errorf("%d mails, %d logins", len(s.mails()), logins)
			}
		})
	}
}

func TestMailsStayHomeWithoutTheSecurityAskedFor(t *testing.T) {
	plain := serveMail(t, &server{}, "none")
	n := testEmail(t, plain.port, nil, func(c *Config) { c.TLS = "starttls" })
	_, err := n.Send(t.Context(), messageTo(`{"to":["bob@bar.io"]}`))
	notifierstest.Fails(t, err, "permanent", "tls: ")
	unknown := serveMail(t, &server{}, "implicit")
	n = testEmail(t, unknown.port, nil, func(c *Config) { c.TLS = "implicit" })
	if _, err := n.Send(t.Context(), messageTo(`{"to":["bob@bar.io"]}`)); err == nil ||
		!strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody: %v", err)
	}
}

func TestAPasswordIsNotShownToTheNetwork(t *testing.T) {
	c := Config{Host: "smtp.example.com", Auth: "auto"}
	if got, err := c.mechanism([]string{"PLAIN", "LOGIN"}, false); err == nil {
		t.Errorf("chose %s", got)
	}
	if got, err := c.mechanism([]string{"PLAIN", "CRAM-MD5"}, false); got != "CRAM-MD5" {
		t.Errorf("chose %s: %v", got, err)
	}
}

func TestOneRefusedRecipientDoesNotStopTheOthers(t *testing.T) {
	tests := map[string]struct {
		options string
		refuse  map[string]int
		want    string
		reach   []string
		notes   string
	}{
		"all are taken": {`{"to":["a@x.io"],"cc":["B <b@x.io>"],"bcc":["c@x.io","A@x.io"]}`, nil, "delivered",
			[]string{"a@x.io", "b@x.io", "c@x.io"}, ""},
		"one is unknown": {`{"to":["a@x.io","b@x.io"]}`, map[string]int{"a@x.io": 550}, "delivered", []string{"b@x.io"},
			"refused: a@x.io (550"},
		"one is busy": {`{"to":["a@x.io","b@x.io"]}`, map[string]int{"a@x.io": 450}, "delivered",
			[]string{"b@x.io"}, "refused for now: a@x.io (450"},
		"all are unknown": {`{"to":["a@x.io","b@x.io"]}`, map[string]int{"a@x.io": 550, "b@x.io": 550},
			"permanent", nil, ""},
		"one is unknown, one is busy": {`{"to":["a@x.io","b@x.io"]}`, map[string]int{"a@x.io": 550, "b@x.io": 450},
			"retry", nil, ""},
		"one is not an address": {`{"to":["a@x.io","not an address"]}`, nil, "delivered", []string{"a@x.io"},
			`left out "not an address"`},
		"one is empty":       {`{"to":["a@x.io",""]}`, nil, "delivered", []string{"a@x.io"}, ""},
		"none is an address": {`{"to":["nobody","a@x.io\r\nRCPT TO:<e@x.io>"]}`, nil, "permanent", nil, ""},
		"there is none":      {`{"cc":[""]}`, nil, "permanent", nil, ""},
		"more than the server can take": {`{"to":["a@x.io","b@x.io","c@x.io"]}`, map[string]int{"c@x.io": 452},
			"delivered", []string{"a@x.io", "b@x.io", "c@x.io"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := map[string]bool{}
			s := serveMail(t, &server{onRcpt: func(to string) error {
				code := tt.refuse[to]
				if code == 0 || code == 452 && refused[to] {
					return nil
				}
				refused[to] = true
				return smtpError(code, "no")
			}}, "none")
			r, err := testEmail(t, s.port, nil).Send(t.Context(), messageTo(tt.options))
			if got := notifierstest.Outcome(err); got != tt.want {
				t.Fatalf("got %s: %v", got, err)
			}
			var own *notifiers.MessageError
			if tt.want == "retry" && !errors.As(err, &own) {
				t.Errorf("a refused recipient counts against the server: %v", err)
			}
			var reached []string
			for _, m := range s.mails() {
				reached = append(reached, m.to...)
			}
			if !slices.Equal(reached, tt.reach) {
				t.Errorf("reached %v, want %v", reached, tt.reach)
			}
			if !strings.Contains(r.Response, tt.notes) {
				t.Errorf("the receipt says %q", r.Response)
			}
			if tt.want == "delivered" && (tt.notes == "") != (r.Missed == "") ||
				!strings.Contains(r.Missed, tt.notes) || strings.Contains(r.Missed, testPassword) {
				t.Errorf("the receipt says that it missed %q", r.Missed)
			}
		})
	}
}

func TestAConnectionIsUsedAgainUntilItBreaks(t *testing.T) {
	s := serveMail(t, &server{}, "none")
	n := testEmail(t, s.port, nil)
	send := func() {
		t.Helper()
		if _, err := n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`)); err != nil {
			t.Fatal(err)
		}
	}
	send()
	send()
	if s.sessions != 1 {
		t.Errorf("%d connections for two mails", s.sessions)
	}
	n.pool.idle[0].conn.Close()
	send()
	if s.sessions != 2 || len(s.mails()) != 3 {
		t.Errorf("%d connections, %d mails", s.sessions, len(s.mails()))
	}
	idle := n.pool.idle[0]
	n.pool.expire(idle)
	n.pool.expire(idle)
	if len(n.pool.idle) != 0 {
		t.Error("an expired connection stays")
	}
}

func TestMailHeader(t *testing.T) {
	n := testEmail(t, 25, nil, func(c *Config) { c.From = "Qäse <qase@mail.example.com>" })
	m := messageTo(`{"to":["a@x.io"],"bcc":["hidden@x.io"],"reply_to":["r@x.io"],"subject":"Prüfung\r\nBcc: evil@x.io"}`)
	data, err := n.Preview(m)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mail.CreateReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"Subject": "Prüfung Bcc: evil@x.io", "Message-Id": "<" + m.ID + "@mail.example.com>",
		"Auto-Submitted": "auto-generated", "To": "<a@x.io>", "Reply-To": "<r@x.io>", "Bcc": "",
		"Date": m.CreatedAt.Format(time.RFC1123Z),
	}
	for key, value := range want {
		if got, _ := r.Header.Text(key); got != value {
			t.Errorf("%s: got %q, want %q", key, got, value)
		}
	}
	if strings.Contains(string(data), "hidden@x.io") {
		t.Error("the mail shows who gets a hidden copy")
	}
}

func TestMailsOfAnySizeAreWhole(t *testing.T) {
	for name, text := range map[string]string{
		"words": strings.Repeat("word ", 20_000), "one line": strings.Repeat("x", 100_000),
		"dots": strings.Repeat(".\n\n", 10_000), "quotes": strings.Repeat(">", 5_000) + " x",
		"lists": strings.Repeat("- ", 2_000) + "x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveMail(t, &server{}, "none")
			m := messageTo(`{"to":["a@x.io"]}`)
			m.Title, m.Body = text, text
			if _, err := testEmail(t, s.port, nil).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			r, err := mail.CreateReader(strings.NewReader(s.mails()[0].data))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				p, err := r.NextPart()
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(p.Body); err != nil || len(b) < 5_000 && name != "lists" && name != "quotes" {
					t.Errorf("a part of %d bytes: %v", len(b), err)
				}
			}
		})
	}
}

func TestTheUsualPortIsThatOfSubmission(t *testing.T) {
	n, err := newNotifier(&Config{Host: "h", From: "a@x.io", TLS: "starttls", Auth: "auto", Timeout: 1}, nil)
	if err != nil || n.(*notifier).config.Port != 587 {
		t.Errorf("%v", err)
	}
}

func TestAMailNeedsARecipient(t *testing.T) {
	for option, want := range map[string]string{"subject": "has no recipient", "bcc": ""} {
		what, hint := missing(&Config{}, map[string]bool{option: true, "to": false})
		if what != want || (what == "") != (hint == "") {
			t.Errorf("%s: got %q (%q), want %q", option, what, hint, want)
		}
	}
}

// checkHTML fails if there is any tag or attribute that we do not write ourselves.
func checkHTML(t *testing.T, s string) {
	t.Helper()
	tag := regexp.MustCompile(`^</?(p|h[1-6]|ul|ol|li|blockquote|pre|code|em|strong|del|br|hr|a|table|thead|tbody|tr|th|td)` +
		`( (style|class|start|href|scope)="[^"<>]*")*>`)
	link := regexp.MustCompile(`href="([^"]*)"`)
	for rest := s; ; {
		i := strings.IndexByte(rest, '<')
		if i < 0 {
			return
		}
		rest = rest[i:]
		found := tag.FindString(rest)
		if found == "" {
			t.Fatalf("unsafe HTML %q in %q", rest[:min(len(rest), 80)], s)
		}
		if href := link.FindStringSubmatch(found); href != nil &&
			!regexp.MustCompile(`^(https?://|mailto:)`).MatchString(href[1]) {
			t.Fatalf("unsafe link %q", href[1])
		}
		rest = rest[len(found):]
	}
}

func FuzzMailTextIsNeverHTML(f *testing.F) {
	for _, s := range []string{notifierstest.RichBody, notifierstest.HostileBody, `[x](<https://e.x/" onclick="y>)`, "```<script>\n</pre><script>", "<https://x/\"y>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		body, err := bodyHTML(s)
		if err != nil {
			t.Fatal(err)
		}
		checkHTML(t, string(body))
		if !strings.Contains(plainText(notifierstest.Message(func(m *notifiers.Message) { m.Body = s })), "failed-run") {
			t.Error("the text has no footer")
		}
	})
}

func TestAReplyIsAboutTheServerOrTheMail(t *testing.T) {
	const aboutServer, limit, aboutMail = "server", "limit", "mail"
	for text, want := range map[string]string{
		"421 Service not available":                           aboutServer,
		"451 4.3.0 local error in processing":                 aboutServer,
		"452 4.3.1 insufficient system storage":               aboutServer,
		"421 4.7.0 mx.x.io Error: too many connections":       limit,
		"421 Too many concurrent SMTP connections":            limit,
		"450 4.7.1 Error: too much mail from 192.0.2.1":       limit,
		"432 4.3.2 Concurrent connections limit exceeded":     limit,
		"421 4.7.28 unusual rate of mail":                     limit,
		"451 4.7.1 sender rate limit reached":                 limit,
		"452 4.2.2 mailbox is over its quota, limit exceeded": aboutMail,
		"450 4.2.1 the mailbox receives mail at a high rate":  aboutMail,
		"452 4.3.4 message too big for now":                   aboutMail,
		"450 4.1.1 unknown for now":                           aboutMail,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			code, err := strconv.Atoi(text[:3])
			if err != nil {
				t.Fatal(err)
			}
			refuse := func() error {
				return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text[4:]}
			}
			s := serveMail(t, &server{onData: refuse}, "none")
			_, err = testEmail(t, s.port, nil).Send(t.Context(), messageTo(`{"to":["a@x.io"]}`))
			var own *notifiers.MessageError
			got := aboutServer
			switch {
			case notifiers.Reason(err) == notifiers.ReasonRate && notifierstest.Outcome(err) == "retry after":
				got = limit
			case errors.As(err, &own) && notifierstest.Outcome(err) == "retry":
				got = aboutMail
			}
			if got != want {
				t.Errorf("it is about the %s, want the %s: %v", got, want, err)
			}
		})
	}
}

// TestNoTextIsHidden looks for text that nobody can see in the HTML of every kind of message, which filters for spam
// count: tiny or transparent letters, hidden elements, and elements that hold only a blank of their own.
func TestNoTextIsHidden(t *testing.T) {
	n := testEmail(t, 1, nil)
	hidden := regexp.MustCompile(`(?i)font-size:\s*[0-7](px|pt|em|rem|%)?[;"]|line-height:\s*0?\.?[0-7]px|` +
		`display:\s*none|visibility:\s*hidden|opacity:\s*0|color:\s*transparent|text-indent:\s*-|` +
		`max-height:\s*0|width:\s*[01](px)?[;"]`)
	empty := regexp.MustCompile(`(?i)>(\s|&nbsp;|&#160;|\x{a0}|&#8203;|\x{200b})*(&nbsp;|&#160;|\x{a0}|&#8203;|\x{200b})\s*<`)
	for name, m := range notifierstest.Messages() {
		html, err := n.renderHTML(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range append(hidden.FindAllString(html, -1), empty.FindAllString(html, -1)...) {
			t.Errorf("%s: %q", name, found)
		}
	}
}
