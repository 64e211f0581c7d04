package yamldoc

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"qaserelay/rules/catalog"
)

// region is what lines below a key belong to: those that are indented deeper than the region.
type region struct{ indent int }

// outside is the region that has no lines.
var outside = region{-1}

var lineKey = regexp.MustCompile(`^\s*(?:- +)*[{\[]?\s*["']?[A-Za-z][\w .-]*["']?\s*:(?:\s|$)|^(?:---|\.\.\.)`)

// has reports whether a line belongs to the value of the key above. A line that is no key does so with any indentation:
// people forget it below "|".
func (r region) has(line string) bool {
	trimmed := strings.TrimSpace(line)
	if r == outside || trimmed == "" {
		return false
	}
	indent := len(indentation(line))
	return indent > r.indent || indent == r.indent && strings.HasPrefix(trimmed, "-") || !lineKey.MatchString(line)
}

// hasKey reports whether the keys of a line belong to the mapping of the key above.
func (r region) hasKey(line string) bool {
	return r != outside && (strings.TrimSpace(line) == "" || len(indentation(line)) > r.indent)
}

// shownKey is a key in a line that is shown.
type shownKey struct {
	name         string
	begin, value int  // where the name and the value begin
	secret       bool // its value is not shown
	param        bool // it is a header or a parameter, whose value can have templates
	holds        bool // its value is a mapping of headers or parameters, on the lines below
}

// readableHeaders are headers without secrets.
var readableHeaders = []string{"content_type", "accept", "accept_language", "user_agent"}

// keysOf returns the keys of a line. areParams says that it is in a mapping of headers or parameters.
func keysOf(line string, areParams bool) (keys []shownKey) {
	flowEnd := -1 // of such a mapping within the line
	for _, at := range keyPattern.FindAllStringSubmatchIndex(line, -1) {
		k := shownKey{name: line[at[2]:at[3]], begin: at[2], value: at[1]}
		text := line[k.value:]
		isMapping := strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{")
		k.secret = isSecretKey(k.name) &&
			(!isMapping || isNamedSecret(k.name) || !keyPattern.MatchString(text)) // a misspelling of a mapping
		isHeader := strings.HasPrefix(k.name, "X-") && !isMapping
		k.param = (areParams || k.begin < flowEnd || isHeader) && !k.secret
		holds := catalog.Nearest(plainKey(k.name), []string{"headers", "endpoint_params"}) != ""
		switch {
		case k.param:
			k.secret = !slices.Contains(readableHeaders, plainKey(k.name))
		case holds && below.MatchString(text):
			k.holds = true
		case holds && isMapping:
			flowEnd = k.value + valueEnd(text)
			k.holds = flowEnd == len(line)
		case holds, plainKey(k.name) == "basic_auth" && !isMapping && !below.MatchString(text):
			k.param, k.secret = true, true
		}
		keys = append(keys, k)
	}
	return keys
}

// mask masks the value of the key, at the beginning of a text.
func (k shownKey) mask(text string) string {
	if !k.param {
		return maskOne(k.name, text)
	}
	const readable = 4 // letters: shorter than any secret
	end := valueEnd(text)
	if len(strings.Trim(text[:end], yamlMarks)) <= readable {
		return text
	}
	return maskText(text[:end], func(s string) string { return maskValue(s, 0) }) + text[end:]
}

var (
	gluedKey = regexp.MustCompile(`(?:^\s*(?:- +)*|[{,]\s*)["']?([A-Za-z][\w-]*)["']?(?::|\s*=\s*)([^\s:=])`)
	bareKey  = regexp.MustCompile(`(?:^\s*(?:- +)*|[{,]\s*)([A-Za-z][\w-]*)\s+([^\s:=,}][^\s,}]*)\s*(?:$|[,}])`)
	bareURL  = regexp.MustCompile(`\b(?:\w*ur[li]|server|proxy)["']?\s*:\s+["']?((?:[^\s/"'@{$]+@)?)` +
		`(?:https?:|//)?\w[\w-]*(?:\.[\w-]+)*(?::\d+)?((?:/(?:\{\{.*?\}\}|[^\s"',}\]{])*)?)`)
)

// maskGlued masks the values of secret keys without a colon, or without the space behind it, and of URLs without a
// scheme the login and what is behind the host.
func maskGlued(line string) string {
	for _, at := range slices.Backward(gluedKey.FindAllStringSubmatchIndex(line, -1)) {
		isVariable := at[0] > 0 && line[at[0]-1] == '$'
		if !isVariable && isSecretKey(line[at[2]:at[3]]) {
			line = line[:at[4]] + maskOne(line[at[2]:at[3]], line[at[4]:])
		}
	}
	for _, at := range slices.Backward(bareKey.FindAllStringSubmatchIndex(line, -1)) {
		if isNamedSecret(line[at[2]:at[3]]) {
			line = line[:at[4]] + maskValue(line[at[4]:at[5]], 0) + line[at[5]:]
		}
	}
	for _, at := range slices.Backward(bareURL.FindAllStringSubmatchIndex(line, -1)) {
		line = line[:at[4]] + maskText(line[at[4]:at[5]], maskPath) + line[at[5]:]
		if login := line[at[2]:at[3]]; login != "" && !strings.Contains(login, "://") {
			line = line[:at[2]] + maskPath(strings.TrimSuffix(login, "@")) + "@" + line[at[3]:]
		}
	}
	return line
}

// maskRepeated masks what is masked in a shown line in its comment as well.
func maskRepeated(line, shown string) string {
	i := strings.Index(shown, " #")
	if i < 0 {
		return shown
	}
	comment := shown[i:]
	for _, text := range maskedTexts(line, shown) {
		comment = strings.ReplaceAll(comment, text, strings.Repeat("*", utf8.RuneCountInString(text)))
	}
	return shown[:i] + comment
}

var (
	tokenWord = regexp.MustCompile(`[\w+~-]{12,}`)
	tokenRun  = regexp.MustCompile(`[A-Za-z0-9]{12,}`)
	digits    = regexp.MustCompile(`[0-9]+`)
	inToken   = regexp.MustCompile(`[0-9][A-Za-z]`)
	tokenHead = regexp.MustCompile(`^(?:xox[a-z]-|xapp-|whsec_|ghp_|glpat-)`)
	mixedCase = regexp.MustCompile(`[A-Z].*[a-z].*[A-Z]|[a-z].*[A-Z].*[a-z]`)
	upperName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	filePath  = regexp.MustCompile(`(?:_file|include)["']?\s*:\s+[\["']*((?:\.{0,2}|~)/[^\s"',}\]]*)`)
)

// isToken reports whether a word begins as tokens of a service do, or looks random: it has digits at three places
// between letters, or at two places with capitals and small letters mixed.
func isToken(word string) bool {
	return tokenHead.MatchString(word) || slices.ContainsFunc(tokenRun.FindAllString(word, -1), func(run string) bool {
		places := len(digits.FindAllString(run, -1))
		return inToken.MatchString(run) && (places > 2 || places == 2 && mixedCase.MatchString(run))
	})
}

// maskTokens masks the words of a line that look like a token, wherever they stand. Hosts of URLs, names of variables
// and paths of files stay.
func maskTokens(line string) string {
	var stay [][]int
	for _, at := range urlPattern.FindAllStringSubmatchIndex(line, -1) {
		stay = append(stay, []int{at[3], at[6]})
	}
	for _, at := range filePath.FindAllStringSubmatchIndex(line, -1) {
		stay = append(stay, at[2:4])
	}
	for _, at := range tokenWord.FindAllStringIndex(line, -1) {
		word := line[at[0]:at[1]]
		stays := slices.ContainsFunc(stay, func(s []int) bool { return s[0] <= at[0] && at[1] <= s[1] })
		isName := upperName.MatchString(word) && strings.HasSuffix(strings.TrimSuffix(line[:at[0]], "{"), "$")
		if isToken(word) && !stays && !isName {
			line = line[:at[0]] + maskValue(word, 0) + line[at[1]:]
		}
	}
	return line
}

// maskedTexts returns the texts of a line that are masked in the shown one, the longest first.
func maskedTexts(line, shown string) (texts []string) {
	const least = 5 // letters: shorter texts are parts of words
	were, are := []rune(line), []rune(shown)
	for i := 0; i < min(len(were), len(are)); i++ {
		begin := i
		for i < min(len(were), len(are)) && are[i] == '*' && were[i] != '*' {
			i++
		}
		text := string(were[begin:i])
		bare := strings.TrimFunc(text, func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) })
		if len(bare) >= least && !ordinary.MatchString(text) {
			texts = append(texts, bare)
		}
		if _, password, _ := strings.Cut(bare, ":"); len(password) >= least {
			texts = append(texts, password)
		}
	}
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	return texts
}
