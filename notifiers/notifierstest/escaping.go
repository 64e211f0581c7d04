package notifierstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"qaserelay/notifiers"
)

// Escaping compares what is sent for hostile text of an event with what is sent for harmless text in its place. It
// returns what the hostile text became beyond text: markup, a mention, a link, or a part of the structure.
func Escaping(m notifiers.Markup, hostile, harmless []byte) []string {
	switch m {
	case notifiers.Mrkdwn:
		return mrkdwnFaults(hostile, harmless)
	case notifiers.Mail:
		return mailFaults(hostile, harmless)
	case notifiers.JSON, notifiers.PlainText: // a text there is only text
		return structureFaults(hostile, harmless)
	case notifiers.Cards:
		return cardFaults(hostile, harmless)
	case notifiers.Markdown:
		return markdownFaults(hostile, harmless)
	case notifiers.HTML:
		return htmlFaults(hostile, harmless)
	}
	return []string{fmt.Sprintf("no check of %q: add one to notifierstest", m)}
}

// authorsURLs are the URLs that rules and default messages link to.
func authorsURLs() []string {
	return []string{"https://author.example/run", "https://app.qase.io/defect/ID/view/2",
		"https://app.qase.io/run/ID/dashboard/2", "https://app.qase.io/case/ID-25"}
}

// leaf is a text in a JSON document, with its path, in which every element of a list is [].
type leaf struct{ path, text string }

// leavesOf returns the texts of a document, and the paths of all that is in it.
func leavesOf(doc []byte) (leaves []leaf, paths map[string]bool, err error) {
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return nil, nil, err
	}
	paths = map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		paths[path] = true
		switch v := v.(type) {
		case map[string]any:
			for key, x := range v {
				walk(path+"."+key, x)
			}
		case []any:
			for _, x := range v {
				walk(path+"[]", x)
			}
		case string:
			leaves = append(leaves, leaf{path, v})
		}
	}
	walk("", v)
	return leaves, paths, nil
}

// structureFaults finds keys that the document does not have for harmless text, and URLs that are not the author's.
func structureFaults(hostile, harmless []byte) []string {
	leaves, paths, err := leavesOf(hostile)
	if err != nil {
		return []string{err.Error()}
	}
	_, known, _ := leavesOf(harmless)
	var faults []string
	for path := range paths {
		if !known[path] {
			faults = append(faults, "a key of its own: "+path)
		}
	}
	links := []string{"url", "href", "client_url", "click"}
	for _, l := range leaves {
		if slices.Contains(links, l.path[strings.LastIndexByte(l.path, '.')+1:]) {
			faults = append(faults, checkDestination(l.text)...)
		}
	}
	return faults
}

// checkDestination accepts a URL of the author, and one whose end comes from the event if that is one part of the path.
func checkDestination(to string) []string {
	u, err := url.Parse(to)
	if slices.Contains(authorsURLs(), to) || err == nil && (u.Host == "author.example" || u.Host == "example.com") &&
		u.RawQuery == "" && u.Fragment == "" && strings.Count(u.EscapedPath(), "/") == 1 {
		return nil
	}
	return []string{"a link to " + to}
}

// mrkdwnFaults finds quotes, mentions and links in the mrkdwn of Slack.
func mrkdwnFaults(hostile, harmless []byte) []string {
	faults := structureFaults(hostile, harmless)
	leaves, _, _ := leavesOf(hostile)
	quotes := regexp.MustCompile(`(?m)^> `)
	count := func(doc []byte) int {
		return len(quotes.FindAll(bytes.ReplaceAll(doc, []byte(`\n`), []byte("\n")), -1))
	}
	if n := count(hostile); n > count(harmless) {
		faults = append(faults, fmt.Sprintf("%d quotes", n))
	}
	for _, l := range leaves {
		for rest := quotes.ReplaceAllString(l.text, ""); strings.ContainsAny(rest, "<>"); {
			tag := regexp.MustCompile(`^<([^<>|]+)(\|[^<>]*)?>`).FindStringSubmatch(rest[strings.IndexAny(rest, "<>"):])
			if tag == nil {
				return append(faults, "a stray bracket in "+l.text)
			}
			if tag[1] != "@U0DIRECTORY" { // the rule mentions the person of people: that the event names
				faults = append(faults, checkDestination(tag[1])...)
			}
			rest = rest[strings.IndexAny(rest, "<>")+len(tag[0]):]
		}
	}
	return faults
}

// cardFaults finds mentions, functions of templates and links in the texts of an Adaptive Card.
func cardFaults(hostile, harmless []byte) []string {
	faults := structureFaults(hostile, harmless)
	leaves, _, _ := leavesOf(hostile)
	for _, l := range leaves {
		text := strings.ReplaceAll(l.text, "<at>bob@example.com</at>", "")
		if strings.HasSuffix(l.path, ".text") && regexp.MustCompile(`(?i)<at>|\{\{|://|www\.\w`).MatchString(text) {
			faults = append(faults, "a mention, function or link in "+l.text)
		}
	}
	return faults
}

// markdownFaults finds markup, links and mentions in texts, read as CommonMark with GitHub's extensions, which is more
// than chats know.
func markdownFaults(hostile, harmless []byte) []string {
	faults := structureFaults(hostile, harmless)
	leaves, _, _ := leavesOf(hostile)
	limits := map[string]map[string]int{}
	known, _, _ := leavesOf(harmless)
	for _, l := range known {
		limits[l.path], _ = markdownNodes(l.text)
	}
	for _, l := range leaves {
		if regexp.MustCompile(`url|timestamp|username|footer|fallback`).MatchString(l.path) {
			continue // no Markdown
		}
		nodes, links := markdownNodes(l.text)
		faults = append(faults, tooMany(nodes, limits[l.path])...)
		for _, to := range links {
			faults = append(faults, checkDestination(to)...)
		}
		calls := strings.NewReplacer("<@165511591545143296>", "", " @bob", "").Replace(l.text)
		if strings.HasPrefix(l.path, ".allowed_mentions") && l.text != "165511591545143296" ||
			regexp.MustCompile(`(^|[^\w])@[a-zA-Z0-9]|(^|[^\\])(<[@#!:]|\|\|)`).MatchString(withoutCode(calls)) {
			faults = append(faults, "a mention in "+l.text)
		}
	}
	return faults
}

// withoutCode leaves out what stands in backquotes.
func withoutCode(s string) string { return regexp.MustCompile("`[^`\n]+`").ReplaceAllString(s, "") }

// markdownNodes counts the markup in a text, and lists where its links lead.
func markdownNodes(s string) (nodes map[string]int, links []string) {
	nodes = map[string]int{}
	source := []byte(s)
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Document, *ast.Paragraph, *ast.Text, *ast.String, *ast.TextBlock:
			return ast.WalkContinue, nil
		case *ast.Link:
			links = append(links, string(n.Destination))
		case *ast.AutoLink:
			links = append(links, string(n.URL(source)))
		case *ast.Image:
			links = append(links, string(n.Destination))
		}
		nodes[n.Kind().String()]++
		return ast.WalkContinue, nil
	})
	return nodes, links
}

func tooMany(got, limit map[string]int) (faults []string) {
	for kind, n := range got {
		if n > limit[kind] {
			faults = append(faults, fmt.Sprintf("%d × %s, not %d", n, kind, limit[kind]))
		}
	}
	return faults
}
