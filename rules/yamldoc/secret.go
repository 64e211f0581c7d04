package yamldoc

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
)

// CleanSecret returns a secret without a byte order mark and without line breaks at its end. fault is what keeps it from
// being sent, or "". Only passwords may begin or end with a space.
func CleanSecret(text string, isPassword bool) (clean, fault string) {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if strings.HasPrefix(text, mark) {
			return "", "is UTF-16; save it as UTF-8"
		}
	}
	clean = strings.TrimRight(strings.TrimPrefix(text, "\uFEFF"), "\r\n")
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\t' }
	switch {
	case strings.ContainsRune(clean, 0):
		return "", "has a NUL in it, as UTF-16 has; save it as UTF-8"
	case strings.ContainsAny(clean, "\r\n"):
		return "", "has more than one line"
	case !utf8.ValidString(clean) || strings.ContainsFunc(clean, control):
		return "", "has a character in it that cannot be sent"
	case !isPassword && strings.TrimRightFunc(clean, unicode.IsSpace) != clean:
		return "", "has a space at its end"
	case !isPassword && strings.TrimLeftFunc(clean, unicode.IsSpace) != clean:
		return "", "has a space at its beginning"
	}
	return clean, ""
}

// mayHaveLines reports whether the secret of a key is a text of several lines, such as a certificate.
func mayHaveLines(key string) bool {
	return slices.Contains([]string{"ca", "cert", "key", "tls_ca"}, key)
}

// cleanSecret cleans the secret that is being decoded. subject names what holds it, such as a file, without its value.
func (d *Document) cleanSecret(n *yaml.Node, what, subject, text string) string {
	if mayHaveLines(d.secret) {
		return strings.TrimPrefix(text, "\uFEFF")
	}
	clean, fault := CleanSecret(text, slices.Contains([]string{"password", "client_secret"}, d.secret))
	if fault != "" {
		d.Report(n, diag.Error, what+": "+subject+" "+fault, "a secret is one line of text, without spaces around it")
		return strings.TrimSpace(text) // it is not missing as well
	}
	d.doubtSecret(n, what, clean)
	return clean
}

// secretKeys are keys whose values are not shown. A key that resembles one of them may be a misspelling.
var secretKeys = []string{"token", "api_token", "secret", "secrets", "password", "bearer", "signing_secret",
	"client_secret", "routing_key", "webhook_url", "proxy_url", "authorization", "cookie", "api_key", "credentials"}

// IsSecret reports whether a key of rules files says by its name that its value is a secret.
func IsSecret(key string) bool { return isNamedSecret(key) }

// isSecretKey reports whether a key, or the one that is meant by it, has a secret as its value.
func isSecretKey(key string) bool {
	if isNamedSecret(key) {
		return true
	}
	key = plainKey(key)
	return !strings.HasSuffix(key, "_file") && key != "token_url" && len(key) >= 3 &&
		catalog.Nearest(key, secretKeys) != "" && !slices.Contains([]string{"body", "hook", "rules", "when"}, key)
}

// isNamedSecret reports whether a key says by its name that its value is a secret.
func isNamedSecret(key string) bool {
	key = plainKey(key)
	if strings.HasSuffix(key, "_file") || key == "token_url" {
		return false
	}
	return slices.Contains(secretKeys, key) || strings.Contains(key, "secret") || strings.Contains(key, "passw") ||
		strings.Contains(key, "token") || key == "key"
}

func plainKey(key string) string { return strings.ToLower(strings.ReplaceAll(key, "-", "_")) }

var (
	keyPattern    = regexp.MustCompile(`(?:^|[\s{,\[-])["']?([A-Za-z][\w.-]*)["']?\s*:(?:\s+|$)`)
	variable      = regexp.MustCompile(`\$\{\w+\}|(\$\{\w+:-)([^\s"']*)\}`)
	variableAhead = regexp.MustCompile(`^\$\{\w+\}`)
	urlPattern    = regexp.MustCompile(`((?i)[a-z][\w+-]*://|\bh\w{2,5}(?:[:;]/|//))([^/\s"'@]*@)?[^/\s"',}\]]*` +
		`((?:\{\{.*?\}\}|\$\{\w+\}|[^\s"',}\]{])*)`)
	below        = regexp.MustCompile(`^\s*([|>][-+0-9]*)?\s*(#(\s.*)?)?$`) // the value is on the lines below
	behindQuotes = regexp.MustCompile(`^(?:[^\s,\]}]|\s+[^\s#,\]}])*`)
	variableOnly = regexp.MustCompile(`^["']?\$\{\w+\}["']?$`)
	plainValue   = regexp.MustCompile(`^(?:\$\{[^}]*\}|\{\{.*?\}\}|[^,}\]#]|[^\s]#)+`)
)

// masked returns the lines with the values of secret keys, and what URLs have behind their host, replaced by as many
// asterisks, and so are words that look like a token. It needs no valid YAML, since lines are shown where there is a
// fault.
func masked(lines []string) []string {
	all := make([]string, len(lines))
	inside := outside // the secret key whose value is on these lines
	params := outside // the mapping of headers or parameters that these lines belong to
	for i, line := range lines {
		if inside.has(line) {
			all[i] = maskValue(line, len(indentation(line)))
			continue
		}
		if strings.TrimSpace(line) == "" {
			all[i] = line
			continue
		}
		inside = outside
		if !params.hasKey(line) {
			params = outside
		}
		all[i] = line
		keys := keysOf(line, params != outside)
		// The last key comes first, since a masked value can have fewer bytes.
		for _, k := range slices.Backward(keys) {
			switch empty := below.MatchString(line[k.value:]); {
			case k.holds:
				params = region{k.begin}
			case k.secret && empty && strings.HasPrefix(strings.TrimSpace(line), "- "):
				inside = region{len(indentation(line))}
			case k.secret && empty:
				inside = region{k.begin}
			case k.secret:
				all[i] = all[i][:k.value] + k.mask(all[i][k.value:])
			}
		}
		all[i] = maskTokens(maskRepeated(line, maskURLs(maskGlued(all[i]))))
	}
	return all
}

// shownURL matches a URL of which no more than its host is shown, also as the default of a variable.
var shownURL = regexp.MustCompile(`^["']?(\$\{\w+:-)?[A-Za-z][\w+-]*:/{1,2}(\*+@)?[\w.-]+(:\d+)?([/?]([*/?]*))?\}?["']?\s*$`)

// ShownLine returns a line alone, such as a comment, with what looks like a secret masked.
func ShownLine(line string) string { return masked([]string{line})[0] }

// maskOne masks the value of a key at the beginning of a text, up to its end, and a comment that may be a part of it.
// Of a URL the host stays.
func maskOne(key, text string) string {
	if strings.HasPrefix(text, "{{") && strings.Contains(text, "}}") {
		return text
	}
	end := valueEnd(text)
	value, rest := text[:end], text[end:]
	url := maskURLs(value)
	at := shownURL.FindStringSubmatchIndex(url)
	loginUnclear := strings.Contains(value, "@") && !strings.Contains(url, "@")
	if strings.HasSuffix(plainKey(key), "url") && at != nil && !loginUnclear {
		if path := len(at) - 2; at[path] >= 0 { // as one secret, since its words are also those of hints
			url = url[:at[path]] + strings.Repeat("*", at[path+1]-at[path]) + url[at[path+1]:]
		}
		return url + rest
	}
	isPlain := !strings.ContainsRune(`"'[{`, rune(value[0])) && !variableOnly.MatchString(strings.TrimSpace(value))
	if isPlain && strings.HasPrefix(rest, "#") {
		rest = maskValue(rest, 0)
	}
	return maskValue(value, 0) + rest
}

// valueEnd returns the end of the value at the beginning of a text. What follows a quoted one belongs to it, up to a
// comment.
func valueEnd(text string) int {
	switch {
	case text[0] == '#':
		return len(text)
	case text[0] == '"' || text[0] == '\'':
		i := strings.IndexByte(text[1:], text[0])
		if i < 0 {
			return len(text)
		}
		return i + 2 + len(behindQuotes.FindString(text[i+2:]))
	case text[0] == '[' || text[0] == '{':
		open := 0
		for i, c := range text {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				if open--; open == 0 {
					return i
				}
			}
		}
		return len(text)
	}
	return max(1, len(plainValue.FindString(text)))
}

// ordinary matches parts of values that are not secret, and stay readable in problems: schemes, tags and variables.
var ordinary = regexp.MustCompile(`^(?i:bearer|basic|digest|token|!env|!file|!secret|!vault|!include)$|` +
	`^\$?[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$|` + shellVariable.String())

// hidden returns the texts of a line that are masked in the shown one, without those that it shows elsewhere.
func hidden(line, shown string) []string {
	return slices.DeleteFunc(maskedTexts(line, shown), func(text string) bool { return strings.Contains(shown, text) })
}

// yamlMarks are the marks of YAML around a value.
const yamlMarks = " \t\"'[],-"

// maskValue masks the letters of a text from a position on. Marks of YAML around it stay, and so does the name of a
// variable that is all of a value, without its default.
func maskValue(text string, from int) string {
	var out strings.Builder
	out.WriteString(text[:from])
	mask := func(s string) {
		out.WriteString(strings.Map(func(r rune) rune {
			if strings.ContainsRune(yamlMarks, r) {
				return r
			}
			return '*'
		}, s))
	}
	at := from
	for _, v := range variable.FindAllStringSubmatchIndex(text, -1) {
		begins := v[0] == 0 || strings.IndexByte(yamlMarks, text[v[0]-1]) >= 0
		ends := v[1] == len(text) || strings.IndexByte(yamlMarks, text[v[1]]) >= 0
		if v[0] >= at && begins && ends {
			mask(text[at:v[0]])
			if at = v[1]; v[2] < 0 {
				out.WriteString(text[v[0]:v[1]])
				continue
			}
			out.WriteString(text[v[2]:v[3]] + maskValue(text[v[4]:v[5]], 0) + "}")
		}
	}
	mask(text[at:])
	return out.String()
}

// maskURLs masks the logins of URLs, and what follows their host but the actions of templates.
func maskURLs(line string) string {
	var out strings.Builder
	end := 0
	for _, at := range urlPattern.FindAllStringSubmatchIndex(line, -1) {
		host, login, path := at[3], at[4:6], at[6:8]
		if login[0] >= 0 {
			out.WriteString(line[end:login[0]] + strings.Repeat("*", utf8.RuneCountInString(line[login[0]:login[1]])-1))
			end = login[1] - 1
		}
		rest := line[path[0]:path[1]]
		if login[0] < 0 && strings.Contains(line[host:path[0]], ":") && strings.Contains(rest, "@") { // a password with a slash
			out.WriteString(line[end:host] + strings.Repeat("*", utf8.RuneCountInString(line[host:path[0]])))
		} else {
			out.WriteString(line[end:path[0]])
		}
		out.WriteString(maskText(rest, maskPath))
		end = path[1]
	}
	return out.String() + line[end:]
}

// maskText masks a text but the actions of templates in it.
func maskText(text string, mask func(string) string) string {
	var out strings.Builder
	for text != "" {
		before, action, isAction := strings.Cut(text, "{{")
		out.WriteString(mask(before))
		inner, after, closed := strings.Cut(action, "}}")
		if closed {
			out.WriteString("{{" + inner + "}}")
		} else if isAction {
			out.WriteString(mask("{{" + action))
		}
		text = after
	}
	return out.String()
}

// maskPath masks a part of a URL but its slashes and the names of variables.
func maskPath(text string) string {
	var out strings.Builder
	for text != "" {
		if v := variableAhead.FindString(text); v != "" {
			out.WriteString(v)
			text = text[len(v):]
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		if text = text[size:]; r != '/' && r != '?' {
			r = '*'
		}
		out.WriteRune(r)
	}
	return out.String()
}
