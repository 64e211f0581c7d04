package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// page is a page of the documentation.
type page struct {
	name     string // from the top of the repository
	text     []byte
	headings map[string]string // the words by the anchor
	links    []string
	blocks   []block
}

// block is a fenced block of a page.
type block struct {
	page, language string
	line           int
	marks          map[string]string // by="value" behind the language
	text           string
}

// allPages returns all pages, those of examples included, without the change log.
func allPages(t *testing.T) (all []*page) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root()), ".", func(name string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && !slices.Contains([]string{".", ".github"}, d.Name())
		if err != nil || d.IsDir() && (hidden || d.Name() == "testdata") {
			return skipDir(err)
		}
		if path.Ext(name) == ".md" && name != "CHANGELOG.md" {
			data, err := os.ReadFile(filepath.Join(root(), name))
			all = append(all, parsePage(name, data))
			return err
		}
		return nil
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("found %d pages: %v", len(all), err)
	}
	return all
}

// pageNamed returns one page.
func pageNamed(t *testing.T, name string) *page {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return parsePage(name, data)
}

func parsePage(name string, data []byte) *page {
	p := &page{name: name, text: data, headings: map[string]string{}}
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()
	_ = ast.Walk(parser.Parse(text.NewReader(data)), func(n ast.Node, enter bool) (ast.WalkStatus, error) {
		if enter {
			p.add(n)
		}
		return ast.WalkContinue, nil
	})
	for _, m := range regexp.MustCompile(`<(?:img|source)[^>]* src(?:set)?="([^"]+)"`).FindAllSubmatch(data, -1) {
		p.links = append(p.links, string(m[1]))
	}
	return p
}

func (p *page) add(n ast.Node) {
	switch n := n.(type) {
	case *ast.Heading:
		words := string(n.Lines().Value(p.text))
		p.headings[anchor(words)] = words
	case *ast.Link:
		p.links = append(p.links, string(n.Destination))
	case *ast.Image:
		p.links = append(p.links, string(n.Destination))
	case *ast.FencedCodeBlock:
		b := block{page: p.name, language: string(n.Language(p.text)), text: string(n.Lines().Value(p.text)),
			marks: map[string]string{}}
		if n.Lines().Len() > 0 {
			b.line = strings.Count(string(p.text[:n.Lines().At(0).Start]), "\n")
		}
		if n.Info != nil {
			for _, m := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(
				string(n.Info.Segment.Value(p.text)), -1) {
				b.marks[m[1]] = m[2]
			}
		}
		p.blocks = append(p.blocks, b)
	}
}

// anchor returns the anchor that GitHub gives to a heading.
func anchor(heading string) string {
	heading = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(heading, " ", "-")
}

// section returns the text between a heading and the next one of its level.
func (p *page) section(t *testing.T, heading string) string {
	t.Helper()
	_, after, found := strings.Cut("\n"+string(p.text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %s", p.name, heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	end := regexp.MustCompile(`(?m)^#{1,` + string(rune('0'+len(level))) + `} `).FindStringIndex(after)
	if end == nil {
		return after
	}
	return after[:end[0]]
}

func TestTheLinksOfReadmesLeadSomewhere(t *testing.T) {
	byName := map[string]*page{}
	for _, p := range allPages(t) {
		byName[p.name] = p
	}
	for _, p := range byName {
		for _, link := range p.links {
			if regexp.MustCompile(`^[a-z]+:`).MatchString(link) {
				continue
			}
			file, fragment, _ := strings.Cut(link, "#")
			target := path.Join(path.Dir(p.name), file)
			if file == "" {
				target = p.name
			}
			info, err := os.Stat(filepath.Join(root(), target))
			if err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.name, link)
				continue
			}
			if info.IsDir() {
				target = path.Join(target, "README.md")
			}
			if fragment != "" && (byName[target] == nil || byName[target].headings[fragment] == "") {
				t.Errorf("%s: %s has no heading for the link %s", p.name, target, link)
			}
		}
	}
}

// TestEachReadmeIsLinked fails if a page cannot be found from the first one.
func TestEachReadmeIsLinked(t *testing.T) {
	byName, reached := map[string]*page{}, map[string]bool{}
	for _, p := range allPages(t) {
		byName[p.name] = p
	}
	var visit func(name string)
	visit = func(name string) {
		if reached[name] || byName[name] == nil {
			return
		}
		reached[name] = true
		for _, link := range byName[name].links {
			file, _, _ := strings.Cut(link, "#")
			target := path.Join(path.Dir(name), file)
			visit(target)
			visit(path.Join(target, "README.md"))
		}
	}
	visit("README.md")
	for name := range byName {
		if !reached[name] {
			t.Errorf("no link leads to %s", name)
		}
	}
}

// TestTheReadmeOfExamplesHasEachQuestion compares the gallery with the headings of the examples.
func TestTheReadmeOfExamplesHasEachQuestion(t *testing.T) {
	gallery := string(pageNamed(t, "examples/README.md").text)
	n := 0
	for _, p := range allPages(t) {
		folder, example := strings.CutPrefix(path.Dir(p.name), "examples/")
		if !example || strings.Contains(folder, "/") {
			continue
		}
		n++
		question, _, _ := strings.Cut(strings.TrimPrefix(string(p.text), "# "), "\n")
		if row := fmt.Sprintf("| %s | [%s](%s) |", question, folder, folder); !strings.Contains(gallery, row) {
			t.Errorf("examples/README.md lacks %s", row)
		}
	}
	if n < 15 {
		t.Errorf("found %d examples", n)
	}
}

func TestTheReadmeIsShort(t *testing.T) {
	if n := strings.Count(string(pageNamed(t, "README.md").text), "\n"); n > 200 {
		t.Errorf("README.md has %d lines, more than 200: move text to the page of its subject", n)
	}
}
