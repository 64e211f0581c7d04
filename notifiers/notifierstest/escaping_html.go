package notifierstest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/emersion/go-message/mail"
)

// htmlFaults finds tags beyond those of the author, and texts that an app would make a link of.
func htmlFaults(hostile, harmless []byte) []string {
	faults := structureFaults(hostile, harmless)
	leaves, _, _ := leavesOf(hostile)
	known, _, _ := leavesOf(harmless)
	limits := map[string]int{}
	for _, l := range known {
		tags, _, _ := htmlTags(l.text)
		addCounts(limits, tags)
	}
	got := map[string]int{}
	for _, l := range leaves {
		if !regexp.MustCompile(`text`).MatchString(l.path) {
			continue
		}
		tags, links, rest := htmlTags(strings.ReplaceAll(l.text, "<users/all>", ""))
		addCounts(got, tags)
		for _, to := range links {
			faults = append(faults, checkDestination(to)...)
		}
		if strings.ContainsAny(rest, "<>") && l.path != ".fallbackText" || guessed().MatchString(rest) {
			faults = append(faults, "a tag or what becomes a link in "+l.text)
		}
	}
	return append(faults, tooMany(got, limits)...)
}

// guessed matches what apps make links of by themselves.
func guessed() *regexp.Regexp {
	return regexp.MustCompile(`://|(^|[^\w])[@#/][A-Za-z0-9_]|\w@\w|[A-Za-z0-9]\.[A-Za-z]{2}`)
}

func addCounts(sum, more map[string]int) {
	for key, n := range more {
		sum[key] += n
	}
}

// htmlTags takes the tags out of a text.
func htmlTags(s string) (tags map[string]int, links []string, rest string) {
	tags = map[string]int{}
	tag := regexp.MustCompile(`<(/?[a-z]+)( (?:href|color)="([^"<>]*)")?>`)
	rest = tag.ReplaceAllStringFunc(s, func(tag string) string {
		name, attribute, _ := strings.Cut(strings.Trim(tag, "<>"), " ")
		tags[name]++
		if to, isLink := strings.CutPrefix(attribute, `href="`); isLink {
			links = append(links, strings.TrimSuffix(to, `"`))
		}
		return ""
	})
	return tags, links, strings.NewReplacer("&lt;", "‹", "&gt;", "›", "&quot;", "”", "&amp;", "＆").Replace(rest)
}

// mailFaults finds headers, recipients and tags that the mail does not have for harmless text.
func mailFaults(hostile, harmless []byte) []string {
	got, err := readMail(hostile)
	if err != nil {
		return []string{err.Error()}
	}
	known, err := readMail(harmless)
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	if !slices.Equal(got.headers, known.headers) || got.to != known.to || strings.ContainsAny(got.subject, "\r\n") {
		faults = append(faults, fmt.Sprintf("headers %v, to %s, subject %q", got.headers, got.to, got.subject))
	}
	faults = append(faults, tooMany(got.tags, known.tags)...)
	for _, to := range got.links {
		faults = append(faults, checkDestination(to)...)
	}
	return faults
}

type readMailResult struct {
	headers     []string
	to, subject string
	tags        map[string]int
	links       []string
}

func readMail(data []byte) (r readMailResult, err error) {
	m, err := mail.CreateReader(bytes.NewReader(data))
	if err != nil {
		return r, err
	}
	r.headers = slices.Sorted(maps.Keys(m.Header.Map()))
	r.to = m.Header.Get("To") + m.Header.Get("Cc") + m.Header.Get("Bcc")
	if r.subject, err = m.Header.Subject(); err != nil {
		return r, err
	}
	r.tags = map[string]int{}
	for {
		part, err := m.NextPart()
		if err == io.EOF {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return r, err
		}
		if !strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, tag := range regexp.MustCompile(`<(/?[a-zA-Z0-9]+)`).FindAllStringSubmatch(string(body), -1) {
			r.tags[tag[1]]++
		}
		for _, link := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(string(body), -1) {
			r.links = append(r.links, link[1])
		}
	}
}
