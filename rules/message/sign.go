package message

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Sign returns the emoji of a level, which tells good from bad in a list of notifications. An info has none.
func Sign(level string) string {
	switch level {
	case Success:
		return "✅"
	case Warning:
		return "⚠️"
	case Error:
		return "🔴"
	}
	return ""
}

// HasSign reports whether a title begins with an emoji of a state, beside which a sign would say the same twice. Slack
// and others also read :names: of emoji.
func HasSign(title string) bool {
	title = strings.TrimSpace(title)
	return title != "" && (title[0] == ':' || title[0] >= utf8.RuneSelf) && signs.MatchString(title)
}

var signs = regexp.MustCompile(`^(?:[🔴🟠🟡🟢🔵🟣🟤⚫⚪🟥🟧🟨🟩🟦🟪🟫⬛⬜✅☑✔❌✖❎⚠❗❕‼⁉⛔🚫🛑🚨🔔🔥💥💔❤💚💛🧡🎉👍👎🚦ℹ🆘]|` +
	`:(?:red|orange|yellow|green|large_\w+|white|black|heavy)_(?:circle|square|check_mark|heart|exclamation_mark)\w*:|` +
	`:(?:x|warning|white_check_mark|heavy_check_mark|ballot_box_with_check|negative_squared_cross_mark|` +
	`rotating_light|octagonal_sign|no_entry|no_entry_sign|exclamation|bangbang|fire|boom|tada|sos|` +
	`information_source|bell|\+1|-1|thumbsup|thumbsdown|vertical_traffic_light|traffic_light|alert):)`)
