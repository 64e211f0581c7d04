package email

import (
	"bytes"
	"fmt"
	"mime"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// dialogue is a mail server that offers extensions, takes everything and records the commands.
func dialogue(t *testing.T, extensions string, commands *[]string) int {
	t.Helper()
	addr := notifierstest.Listen(t, func(c net.Conn) {
		defer c.Close()
		fmt.Fprint(c, "220 hi\r\n")
		inData := false
		var line bytes.Buffer
		one := make([]byte, 1)
		for {
			if _, err := c.Read(one); err != nil {
				return
			}
			if line.WriteByte(one[0]); one[0] != '\n' {
				continue
			}
			command := strings.TrimSpace(line.String())
			line.Reset()
			*commands = append(*commands, command)
			switch {
			case inData && command != ".":
			case inData:
				inData = false
				fmt.Fprint(c, "250 taken\r\n")
			case strings.HasPrefix(command, "EHLO"):
				fmt.Fprint(c, "250-hi\r\n"+extensions+"250 HELP\r\n")
			case command == "DATA":
				inData = true
				fmt.Fprint(c, "354 go\r\n")
			default:
				fmt.Fprint(c, "250 ok\r\n")
			}
		}
	})
	var port int
	if _, err := fmt.Sscan(addr[strings.LastIndex(addr, ":")+1:], &port); err != nil {
		t.Fatal(err)
	}
	return port
}

func TestDomainsAreInASCIIAndOnlyLocalPartsNeedSMTPUTF8(t *testing.T) {
	const utf8 = "250-SMTPUTF8\r\n"
	for name, tt := range map[string]struct {
		extensions, to string
		envelope       []string
		missed, fails  string
	}{
		"a domain": {"", `"user@exämple.com", "a@example.com"`,
			[]string{"MAIL FROM:<qase@example.com>", "RCPT TO:<user@xn--exmple-cua.com>", "RCPT TO:<a@example.com>"}, "", ""},
		"not asked for where it is not needed": {utf8, `"Ännchen <user@EXÄMPLE.com>"`,
			[]string{"MAIL FROM:<qase@example.com>", "RCPT TO:<user@xn--exmple-cua.com>"}, "", ""},
		"offered": {utf8, `"jürgen@exämple.com", "a@example.com"`, []string{"MAIL FROM:<qase@example.com> SMTPUTF8",
			"RCPT TO:<jürgen@xn--exmple-cua.com>", "RCPT TO:<a@example.com>"}, "", ""},
		"not offered": {"", `"jürgen@example.com", "a@example.com"`,
			[]string{"MAIL FROM:<qase@example.com>", "RCPT TO:<a@example.com>"}, "jürgen@example.com", ""},
		"not offered, alone": {"", `"jürgen@example.com"`, nil, "", "SMTPUTF8"},
	} {
		t.Run(name, func(t *testing.T) {
			var commands []string
			n := testEmail(t, dialogue(t, tt.extensions, &commands), nil, func(c *Config) { c.Username = "" })
			r, err := n.Send(t.Context(), messageTo(`{"to":[`+tt.to+`]}`))
			if (err == nil) != (tt.fails == "") || err != nil && (!strings.Contains(err.Error(), tt.fails) ||
				notifierstest.Outcome(err) != "permanent") {
				t.Fatal(err)
			}
			var envelope []string
			for _, c := range commands {
				if strings.HasPrefix(c, "MAIL") || strings.HasPrefix(c, "RCPT") {
					envelope = append(envelope, c)
				}
				if tt.extensions == "" && !isASCII(c) {
					t.Errorf("8-bit text in %q", c)
				}
			}
			if !slices.Equal(envelope, tt.envelope) || !strings.Contains(r.Missed, tt.missed) {
				t.Errorf("got %q, missed %q", envelope, r.Missed)
			}
		})
	}
}

func TestASubjectBeginsOnItsFirstLineAndHasWholeCharacters(t *testing.T) {
	for _, s := range []string{"Prüfung der Zahlungsabwicklung im Warenkorb abgeschlossen", strings.Repeat("x", 200), "plain",
		"失败" + strings.Repeat("測試", 60), "Pay " + strings.Repeat("👨‍👩‍👧‍👦", 20), strings.Repeat("🇩🇪", 30), strings.Repeat("e\u0301", 90)} {
		n := testEmail(t, 1, nil)
		m := notifierstest.Message(func(m *notifiers.Message) { m.Title, m.Options = s, []byte(`{"to":["a@x.io"]}`) })
		l, err := n.compose(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := bytes.Cut(l.data, []byte("\r\nSubject: "))
		first, _, _ := strings.Cut(string(rest), "\r\n")
		if first == "" || len("Subject: "+first) > 76 {
			t.Errorf("%s: the first line is %q", s, first)
		}
		for g := uniseg.NewGraphemes(headerText(s)); g.Next(); { // each character is in one word
			found := false
			for _, word := range strings.Fields(encodeSubject(headerText(s))) {
				decoded, err := (&mime.WordDecoder{}).DecodeHeader(word)
				found = found || err == nil && strings.Contains(decoded, strings.TrimSpace(g.Str()))
			}
			if !found {
				t.Errorf("%s: %q is torn apart", s, g.Str())
			}
		}
		if got, err := (&mime.WordDecoder{}).DecodeHeader(encodeSubject(headerText(s))); err != nil || got != headerText(s) {
			t.Errorf("got %q, %v", got, err)
		}
	}
}
