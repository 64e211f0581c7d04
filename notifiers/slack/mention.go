package slack

import (
	"cmp"
	"net/mail"
	"strings"

	"qaserelay/notifiers"
)

// writeMention returns the markup that mentions who, or text if who is not an id of Slack.
func writeMention(who string) string {
	who = notifiers.OneLine(who)
	switch {
	case who == "@here", who == "@channel", who == "@everyone":
		return "<!" + who[1:] + ">"
	case isID(who, "UW"):
		return "<@" + who + ">"
	case isID(who, "S"):
		return "<!subteam^" + who + ">"
	}
	if name := displayName(who); name != "@" {
		return neutralize(name)
	}
	return ""
}

// displayName returns the name of who for people.
func displayName(who string) string {
	if isID(who, "UWS") {
		return who
	}
	if name, address := splitAddress(who); address != "" {
		who = cmp.Or(name, address)
	}
	return "@" + notifiers.Cut(strings.TrimLeft(notifiers.OneLine(who), "@ "), 100)
}

// splitAddress splits "Name <address>" and a mere address; address is empty if who is neither.
func splitAddress(who string) (name, address string) {
	if a, err := mail.ParseAddress(who); err == nil {
		return a.Name, a.Address
	}
	open := strings.LastIndex(who, " <")
	if open < 0 || !strings.HasSuffix(who, ">") {
		return "", ""
	}
	a, err := mail.ParseAddress(who[open+1:])
	if err != nil {
		return "", ""
	}
	return who[:open], a.Address
}

// isID reports whether s looks like an id with one of these first letters. Short ones need a digit, so that a
// name in capitals is not taken for an id.
func isID(s, first string) bool {
	if s == "" || !strings.ContainsRune(first, rune(s[0])) {
		return false
	}
	other := strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
	return other == "" && (len(s) >= 9 || strings.ContainsAny(s, "0123456789"))
}
