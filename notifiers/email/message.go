package email

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"unicode"

	"github.com/wneessen/go-mail"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// Limits of titles. A subject is one line in a list.
const (
	maxSubject = 250
	maxTitle   = 1000
)

// rendered is an email ready to be sent.
type rendered struct {
	from       string                 // the envelope's sender, in angle brackets
	recipients []string               // the envelope's recipients, in angle brackets
	data       []byte                 // header and body (RFC 5322)
	ascii      []byte                 // the same without the addresses that need SMTPUTF8, if there are any
	notes      []string               // what was left out
	layout     func() *preview.Layout // for previews
}

// compose writes the email for m, the same bytes at every attempt.
func (n *notifier) compose(ctx context.Context, m *notifiers.Message) (rendered, error) {
	o, err := notifiers.MergeOptions[Options](n.defaults, m.Options)
	if err != nil {
		return rendered{}, err
	}
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithBoundary(boundary(m)))
	msg.FromMailAddress(n.from)
	if err := notifiers.Refused(o.refuse()); err != nil {
		return rendered{}, err
	}
	l := rendered{from: envelope(n.from)}
	to := l.address("to", o.To)
	cc := l.address("cc", o.Cc)
	bcc := l.address("bcc", o.Bcc)
	replyTo := l.address("reply_to", o.ReplyTo)
	l.recipients = envelopes(to, cc, bcc)
	msg.ToMailAddress(to...)
	msg.CcMailAddress(cc...)
	if len(replyTo) > 0 {
		msg.ReplyToMailAddress(replyTo...)
	}
	subject := o.subject(ctx, m)
	n.head(msg, m, subject)
	n.thread(msg, o.threadKey(m))
	text := plainText(m)
	page, err := n.renderHTML(m)
	if err != nil {
		return l, err
	}
	msg.SetBodyString(mail.TypeTextPlain, text)
	msg.AddAlternativeString(mail.TypeTextHTML, page) // the better alternative comes last (RFC 2046, section 5.1.4)
	l.layout = func() *preview.Layout {
		return &preview.Layout{Channel: "Mail", Lines: preview.Paragraphs(text), Page: page, Facts: slices.Concat(
			fact("From", n.from), fact("To", to...), fact("Cc", cc...), fact("Reply-To", replyTo...),
			[]preview.Fact{{Name: "Subject", Text: subject}})}
	}
	if l.data, err = written(msg); err != nil {
		return l, err
	}
	if slices.ContainsFunc(slices.Concat(to, cc, replyTo), needsUTF8) {
		msg.ToMailAddress(withoutUTF8(to)...)
		msg.CcMailAddress(withoutUTF8(cc)...)
		msg.ReplyToMailAddress(append(withoutUTF8(replyTo), n.from)[0])
		l.ascii, err = written(msg)
	}
	return l, err
}

func written(msg *mail.Msg) ([]byte, error) {
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("writing the email: %w", err)
	}
	return b.Bytes(), nil
}

// address parses a list of addresses and notes the invalid ones.
func (l *rendered) address(key string, list []string) []*netmail.Address {
	good, bad := parseAddresses(list)
	for _, s := range bad {
		s = notifiers.Cut(notifiers.OneLine(s), 100)
		l.notes = append(l.notes, fmt.Sprintf("%s: left out %q, which is not a valid email address", key, s))
	}
	return good
}

// head sets the header fields other than the addresses. The last ones keep programs from answering (RFC 3834, section
// 5; MS-OXCMAIL).
func (n *notifier) head(msg *mail.Msg, m *notifiers.Message, subject string) {
	msg.SetGenHeader(mail.HeaderSubject, encodeSubject(subject))
	msg.SetDateWithValue(m.CreatedAt)
	msg.SetMessageIDWithValue(notifiers.OneLine(m.ID) + "@" + n.domain())
	msg.SetGenHeader("List-Id", n.listID(m.Rule))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("Precedence", "bulk")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
}

// titleOf returns the title of m, or else its project.
func titleOf(m *notifiers.Message) string {
	if title := notifiers.OneLine(m.Title); title != "" {
		return title
	}
	return strings.TrimSpace("Qase " + notifiers.OneLine(m.Project))
}

// fact shows the addresses of a header field, or nothing.
func fact(name string, list ...*netmail.Address) []preview.Fact {
	var all []string
	for _, a := range list {
		text := a.Address
		if a.Name != "" {
			text = a.Name + " <" + a.Address + ">"
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return nil
	}
	return []preview.Fact{{Name: name, Text: strings.Join(all, ", ")}}
}

// boundary returns the separator of the parts. The author of a part cannot predict it.
func boundary(m *notifiers.Message) string {
	sum := sha256.Sum256([]byte(m.ID + "\n" + m.Title + "\n" + m.WholeBody()))
	return hex.EncodeToString(sum[:20])
}

// parseAddresses splits a list into valid and invalid email addresses. It skips empty entries.
func parseAddresses(list []string) (good []*netmail.Address, bad []string) {
	for _, s := range list {
		if strings.TrimSpace(s) == "" {
			continue
		}
		a, err := parseAddress(s)
		if err != nil || !isSound(a.Address) {
			bad = append(bad, s)
			continue
		}
		good = append(good, a)
	}
	return good, bad
}

// isSound reports whether a parsed address is safe in a command and a header. It must not hold encoded words (=?…?=),
// which can hide any text from a check and which some programs decode, nor the braces of an object that was printed.
func isSound(address string) bool {
	domain := address[strings.LastIndexByte(address, '@')+1:]
	return !strings.ContainsAny(domain, ` <>(),;"\?=`) && !strings.Contains(address, "=?") &&
		!strings.ContainsAny(address, "{}") &&
		!strings.ContainsFunc(address, unicode.IsControl)
}

// envelope returns the address in the form of an SMTP command.
func envelope(a *netmail.Address) string { return (&netmail.Address{Address: a.Address}).String() }

// envelopes lists each recipient once.
func envelopes(lists ...[]*netmail.Address) []string {
	var out []string
	for _, a := range slices.Concat(lists...) {
		if e := envelope(a); !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, e) }) {
			out = append(out, e)
		}
	}
	return out
}

// plainText returns the plain text of the email.
func plainText(m *notifiers.Message) string {
	title := notifiers.Cut(titleOf(m), maxTitle)
	parts := []string{title + "\n" + underline(title, "=")}
	if label := markup.Label(m); label != "" {
		parts[0] = label + "\n" + parts[0]
	}
	parts = append(parts, plainDialect().Write(m.Body)...)
	if tests := plainTests(m); tests != "" {
		parts = append(parts, tests)
	}
	if fields := plainFields(m); fields != "" {
		parts = append(parts, fields)
	}
	if clean, ok := markup.CleanURL(m.URL); ok {
		parts = append(parts, "Open in Qase: "+clean)
	}
	if context := markup.Context(m); context != "" {
		parts = append(parts, "-- \n"+context)
	}
	return strings.Join(parts, "\n\n") + "\n"
}

// plainFields returns the fields as plain text, one in a line.
func plainFields(m *notifiers.Message) string {
	var lines []string
	for _, f := range markup.Fields(m, notifiers.MaxFieldValue) {
		lines = append(lines, f.Name+": "+markup.Plain(notifiers.CleanText).Line(f.Value))
	}
	return strings.Join(lines, "\n")
}

// plainDialect writes text for people, without markup.
func plainDialect() markup.Dialect {
	return markup.Dialect{
		Text:  func(s string) string { return s },
		Code:  func(s string) markup.Run { return markup.Run{Text: "`" + s + "`"} },
		Fence: func(s string) []markup.Line { return markup.Indent(markup.Split(s), "    ", "    ") },
		Link: func(url, label string) markup.Run {
			if label == "" || label == url || "mailto:"+label == url {
				return markup.Run{Text: strings.TrimPrefix(url, "mailto:")}
			}
			return markup.Run{Text: label + " <" + url + ">"}
		},
		Heading: func(lines []markup.Line) []markup.Line {
			return append(lines, markup.Split(underline(markup.Join(lines), "-"))...)
		},
		Bold: unmarked, Italic: unmarked, Strike: markup.Wrap("~"),
		Quote: markup.Prefix("> "), Rule: strings.Repeat("-", 40),
	}
}

func unmarked(lines []markup.Line) []markup.Line { return lines }

// underline returns a line to put below a heading, about as long as the heading.
func underline(heading, with string) string {
	return strings.Repeat(with, min(max(markup.Columns(heading), 3), 72))
}
