package jobs

import (
	"cmp"
	"regexp"
	"strings"

	"qaserelay/relay/store"
)

// maxGroup is the most characters of the name of a group.
const maxGroup = 160

// varying matches what differs among errors of one kind: URLs, email addresses, hosts, network addresses, and words with
// digits, such as ids and ports.
var varying = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://[^\s"'<>)]+` +
	`|[^\s"'<>(:=]+@[^\s"'<>):,;]+` +
	`|\[[0-9a-f:.%]+\](?::\d+)?` +
	`|\b[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*` +
	`|\b(?:[a-z0-9_-]+\.)+[a-z]{2,}(?::\d+)?\b` +
	`|[\pL_.-]*\d[\pL\d_.:-]*`)

// statusCode matches the statuses of HTTP and SMTP, which name a kind of error.
var statusCode = regexp.MustCompile(`^[45]\d\d$`)

// GroupOf returns the kind of error of a delivery: its text, in which what differs from one to the next is replaced by
// "…".
func GroupOf(d *store.Delivery) string {
	return Fold(cmp.Or(d.Error, d.Status, "no error is known"))
}

// folds are the kinds of errors that were made, by their texts: most deliveries fail with one of few.
type folds map[string]string

// maxFolds bounds the texts that are kept.
const maxFolds = 1000

func (f folds) of(d *store.Delivery) string {
	text := d.Error + "\x00" + d.Status
	group, known := f[text]
	if !known {
		if group = GroupOf(d); len(f) < maxFolds {
			f[text] = group
		}
	}
	return group
}

// Fold returns the kind of an error.
func Fold(text string) string {
	text = varying.ReplaceAllStringFunc(strings.Join(strings.Fields(text), " "), func(word string) string {
		kept := strings.TrimRight(word, ".:-")
		if statusCode.MatchString(kept) {
			return word
		}
		return "…" + word[len(kept):]
	})
	if runes := []rune(text); len(runes) > maxGroup {
		text = string(runes[:maxGroup-1]) + "…"
	}
	return text
}
