package main

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
)

// authorsURLs are all that the rules link to.
func authorsURLs() []string {
	return []string{"https://author.example/run", "https://app.qase.io/defect/ID/view/2", "https://app.qase.io/run/ID/dashboard/2",
		"https://app.qase.io/case/ID-25"}
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

// structureOracle: the document has no key that it does not have for harmless text, and leads nowhere else.
func structureOracle(hostile, harmless []byte) []string {
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
	for _, l := range leaves {
		if slices.Contains([]string{"url", "href", "client_url", "click"}, l.path[strings.LastIndexByte(l.path, '.')+1:]) {
			faults = append(faults, checkDestination(l.text)...)
		}
	}
	return faults
}

// checkDestination: a URL is the author's; where its end comes from the event, it is one part of the path.
func checkDestination(to string) []string {
	u, err := url.Parse(to)
	own := slices.Contains(authorsURLs(), to) || err == nil && u.Host == "author.example" && u.RawQuery == "" && u.Fragment == "" &&
		strings.Count(u.EscapedPath(), "/") == 1
	if !own {
		return []string{"a link to " + to}
	}
	return nil
}

func slackOracle(hostile, harmless []byte) []string {
	faults := structureOracle(hostile, harmless)
	leaves, _, _ := leavesOf(hostile)
	quotes := regexp.MustCompile(`(?m)^> `)
	if n := len(quotes.FindAll(bytes.ReplaceAll(hostile, []byte(`\n`), []byte("\n")), -1)); n > len(quotes.FindAll(bytes.ReplaceAll(harmless, []byte(`\n`), []byte("\n")), -1)) {
		faults = append(faults, fmt.Sprintf("%d quotes", n))
	}
	for _, l := range leaves {
		for rest := quotes.ReplaceAllString(l.text, ""); strings.ContainsAny(rest, "<>"); {
			tag := regexp.MustCompile(`^<([^<>|]+)(\|[^<>]*)?>`).FindStringSubmatch(rest[strings.IndexAny(rest, "<>"):])
			if tag == nil {
				return append(faults, "a stray bracket in "+l.text)
			}
			if tag[1] != "@U0DIRECTORY" { // the rule calls whoever of people: the event names
				faults = append(faults, checkDestination(tag[1])...)
			}
			rest = rest[strings.IndexAny(rest, "<>")+len(tag[0]):]
		}
	}
	return faults
}

func teamsOracle(hostile, harmless []byte) []string {
	faults := structureOracle(hostile, harmless)
	leaves, _, _ := leavesOf(hostile)
	for _, l := range leaves {
		text := strings.ReplaceAll(l.text, "<at>bob@author.example</at>", "")
		if strings.HasSuffix(l.path, ".text") && regexp.MustCompile(`(?i)<at>|\{\{|://|www\.\w`).MatchString(text) {
			faults = append(faults, "a mention, function or link in "+l.text)
		}
	}
	return faults
}

// markdownOracle reads texts as CommonMark with GitHub's extensions, which is more than chats know.
func markdownOracle(hostile, harmless []byte) []string {
	faults := structureOracle(hostile, harmless)
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
