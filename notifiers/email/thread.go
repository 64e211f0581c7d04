package email

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"

	"qaserelay/notifiers"
)

// keepSubject is how long the subject of a thread is kept after its first email.
const keepSubject = 90 * 24 * time.Hour

// threadKey returns the key of the email's thread, or "".
func (o Options) threadKey(m *notifiers.Message) string {
	switch notifiers.OneLine(o.Thread.Text) {
	case "none":
		return ""
	case "":
		return m.Thread
	}
	return o.Thread.Of(m)
}

// threadHash returns a hash of a key for headers, which also hides the key.
func threadHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:12])
}

// thread makes the email an answer to an email that does not exist, the same one for all emails of a key (RFC 5322,
// section 3.6.4). Clients group emails by that. Their order does not matter, and nothing has to be stored.
func (n *notifier) thread(msg *mail.Msg, key string) {
	if key == "" {
		return
	}
	root := "<" + threadHash(key) + "@" + n.domain() + ">"
	msg.SetGenHeader(mail.HeaderInReplyTo, root)
	msg.SetGenHeader(mail.HeaderReferences, root)
}

// subject returns the subject of the options, or the title. Some clients, such as Gmail, only group emails of the same
// subject; so in a thread that a rule asks for, all emails have the subject of the first one.
func (o Options) subject(ctx context.Context, m *notifiers.Message) string {
	if written := notifiers.OneLine(o.Subject); written != "" {
		return headerText(written)
	}
	own := headerText(titleOf(m))
	if key := notifiers.OneLine(o.Thread.Text); m.KV != nil && key != "" && key != "none" {
		return firstSubject(ctx, m.KV, o.Thread.Of(m), own)
	}
	return own
}

// headerText returns text for a header: truncated, and without encoded words (RFC 2047, section 2).
func headerText(s string) string {
	return notifiers.Cut(strings.ReplaceAll(s, "=?", "= ?"), maxSubject)
}

// firstSubject returns the subject of the first email of a thread, which is own if this is the first. If the store
// fails, the email has its own subject.
func firstSubject(ctx context.Context, kv notifiers.KV, key, own string) string {
	key = "subject/" + threadHash(key)
	first, err := kv.Get(ctx, key)
	if err == nil && first == nil {
		if done, err := kv.Swap(ctx, key, nil, []byte(own), keepSubject); done || err != nil {
			return own
		}
		first, err = kv.Get(ctx, key) // another delivery was quicker
	}
	if err != nil || len(first) == 0 {
		return own
	}
	return string(first)
}

// listID returns the list of the email (RFC 2919), by which people can filter: its rule.
func (n *notifier) listID(rule string) string {
	label := strings.Trim(strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToLower(r)
		}
		return '-'
	}, rule[:notifiers.PrefixLen(rule, 60)]), "-")
	if label != "" {
		label += "."
	}
	return "<" + label + "qase-relay." + strings.Trim(n.domain(), "[]") + ">"
}

// domain returns the domain of the sender.
func (n *notifier) domain() string {
	return n.from.Address[strings.LastIndex(n.from.Address, "@")+1:]
}
