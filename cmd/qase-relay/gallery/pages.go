package gallery

import (
	"bytes"
	_ "embed" // the layout
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"qaserelay/notifiers/preview"
)

//go:embed gallery.html
var indexLayout string

// page is the preview of one message.
type page struct {
	Rule, Notifier string
	Layout         *preview.Layout
	File           string // the file name, set by Write
	HTML           string
}

// Write writes the pages and their index, and prints their paths.
func (g *Gallery) Write() error {
	if g.dir == "" {
		return nil
	}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return fmt.Errorf("making the directory for the previews: %w", err)
	}
	for i := range g.pages {
		p := &g.pages[i]
		p.File = fmt.Sprintf("%02d-%s-%s.html", i+1, fileWord(p.Rule), fileWord(p.Notifier))
		if err := g.writeFile(p.File, p.HTML); err != nil {
			return err
		}
	}
	index, err := g.index()
	if err != nil {
		return err
	}
	return g.writeFile("index.html", index)
}

func (g *Gallery) writeFile(name, text string) error {
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing a preview: %w", err)
	}
	g.out.Printf("%s\n", path)
	return nil
}

// index returns the page that shows all previews.
func (g *Gallery) index() (string, error) {
	layout, err := template.New("index").Parse(indexLayout)
	if err != nil {
		return "", fmt.Errorf("reading the layout of the index: %w", err)
	}
	var b bytes.Buffer
	err = layout.Execute(&b, struct {
		Event string
		Pages []page
	}{g.event.Name, g.pages})
	if err != nil {
		return "", fmt.Errorf("writing the index: %w", err)
	}
	return b.String(), nil
}

// fileWord returns a name in the form of a file name.
func fileWord(name string) string {
	word := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-")
	return strings.Trim(word[:min(len(word), 40)], "-")
}
