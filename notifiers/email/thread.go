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

// keepSubject is how long the subject of a thread is remembered after its first mail.
const keepSubject = 90 * 24 * time.Hour

// threadKey is what mails that stand together have in common, or "".
func (o Options) threadKey(m *notifiers.Message) string {
	switch key := notifiers.OneLine(o.Thread); key {
	case "none":
		return ""
	case "":
		return m.Thread
	default:
		return key
	}
}

// threadHash stands for a key where only letters may be, and does not show what may be a title.
func threadHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:12])
}

// thread makes the mail an answer to a mail that was never sent, the same one for all mails of a key (RFC 5322, section 3.6.4), so that
// their order does not matter and nothing has to be remembered. Clients group by that.
func (n *Notifier) thread(msg *mail.Msg, key string) {
	if key == "" {
		return
	}
	root := "<" + threadHash(key) + "@" + n.domain() + ">"
	msg.SetGenHeader(mail.HeaderInReplyTo, root)
	msg.SetGenHeader(mail.HeaderReferences, root)
}

// subject is the one that was written, or the title. Some clients, Gmail among them, keep mails together only if they have the same
// subject too; so in a thread that a rule asks for, all have the subject of the first.
func (o Options) subject(ctx context.Context, m *notifiers.Message) string {
	if written := notifiers.OneLine(o.Subject); written != "" {
		return headerText(written)
	}
	own := headerText(titleOf(m))
	if key := notifiers.OneLine(o.Thread); m.KV != nil && key != "" && key != "none" {
		return firstSubject(ctx, m.KV, key, own)
	}
	return own
}

// headerText is text for a header: cut, and without what would be decoded there (RFC 2047, section 2).
func headerText(s string) string {
	return notifiers.Cut(strings.ReplaceAll(s, "=?", "= ?"), maxSubject)
}

// firstSubject returns the subject of the first mail of a thread, which is own if there was none. A mail is not held up by a kv that
// fails: then it has its own.
func firstSubject(ctx context.Context, kv notifiers.KV, key, own string) string {
	key = "subject/" + threadHash(key)
	first, err := kv.Get(ctx, key)
	if err == nil && first == nil {
		if done, err := kv.Swap(ctx, key, nil, []byte(own), keepSubject); done || err != nil {
			return own
		}
		first, err = kv.Get(ctx, key) // another mail was quicker
	}
	if err != nil || len(first) == 0 {
		return own
	}
	return string(first)
}

// listID names the list that a mail belongs to (RFC 2919), by which people sort: its rule.
func (n *Notifier) listID(rule string) string {
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

// domain is where mails come from.
func (n *Notifier) domain() string {
	return n.from.Address[strings.LastIndex(n.from.Address, "@")+1:]
}
