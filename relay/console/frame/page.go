package frame

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/console/live"
)

// own has the layout, the parts that pages share, and the pages of the frame itself.
//
//go:embed templates/*.html
var own embed.FS

// page is the dot of the layout, and $ in the template main of each page.
type page struct {
	*View
	Root     string // the path to the first page: ./ or ../ and so on
	Path     string // of this page, relative to the first one
	Sections []section
	State    State
	Who      access.Actor
	Signed   bool // in by a session, so that one can sign out
	Look     look
	Main     template.HTML // the content, rendered by the template main of the page
	Stream   string        // the path of the stream of a live page, relative to the first one

	frame *Frame
	now   time.Time
}

type section struct {
	Section
	Current bool
}

// findTemplates finds the pages. Each is read when it is first asked for: most relays show few, and all of them take
// some megabytes.
func (f *Frame) findTemplates() error {
	f.pages = map[string]func() (*template.Template, error){}
	ownPages, err := fs.Sub(own, "templates")
	if err != nil {
		return fmt.Errorf("finding the templates: %w", err)
	}
	for _, from := range []fs.FS{ownPages, f.o.Templates} {
		files, err := fs.Glob(from, "*.html")
		if err != nil {
			return fmt.Errorf("finding the templates: %w", err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(file, ".html")
			if name != "layout" && name != "parts" && !strings.HasPrefix(name, "_") {
				f.pages[name] = sync.OnceValues(func() (*template.Template, error) { return f.read(from, file) })
			}
		}
	}
	return nil
}

// read reads a page with the layout, and with the parts that its folder has for all pages: the files whose names begin
// with an underscore.
func (f *Frame) read(from fs.FS, file string) (*template.Template, error) {
	t, err := template.New("").Funcs(template.FuncMap{"pathEscape": url.PathEscape}).Funcs(f.o.Funcs).
		ParseFS(own, "templates/layout.html", "templates/parts.html")
	if shared, _ := fs.Glob(from, "_*.html"); err == nil && len(shared) > 0 {
		t, err = t.ParseFS(from, shared...)
	}
	if err == nil {
		t, err = t.ParseFS(from, file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the template %s: %w", file, err)
	}
	return t, nil
}

// template returns the template of a page.
func (f *Frame) template(name string) (*template.Template, error) {
	if read := f.pages[name]; read != nil {
		return read()
	}
	return nil, fmt.Errorf("no template %s", name)
}

func (f *Frame) newPage(r *http.Request, v *View) *page {
	p := &page{View: v, Root: rootOf(r), Path: pathOf(r), State: f.o.State(), Who: access.From(r.Context()), frame: f,
		now: time.Now(), Look: lookOf(r)}
	p.Signed = p.Who.How == access.ByToken && r.Header.Get("Authorization") == ""
	p.Look.Zone = p.Look.location(p.State.Zone)
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	for _, s := range f.o.Sections {
		p.Sections = append(p.Sections, section{s, s.Path == first})
	}
	return p
}

// write writes the page. A live one names its content, so that the stream begins with what changed since.
func (p *page) write(w io.Writer, t *template.Template) error {
	main, err := p.content(t)
	if err != nil {
		return err
	}
	p.Main = template.HTML(main) // escaped by its template
	if p.Live {
		parsed, err := live.Parse(main)
		if err != nil {
			return err
		}
		p.Stream = streamPath(p.Path, parsed.Hash())
	}
	return t.ExecuteTemplate(w, "layout", p)
}

// content renders what the page shows within the layout.
func (p *page) content(t *template.Template) (string, error) {
	var b strings.Builder
	err := t.ExecuteTemplate(&b, "main", p)
	return b.String(), err
}

// Asset returns the address of an asset.
func (p *page) Asset(name string) (string, error) {
	a := p.frame.assets[name]
	if a == nil {
		return "", fmt.Errorf("no asset %s", name)
	}
	return p.Root + "static/" + a.name, nil
}

// MayOperate reports whether buttons that change something are shown.
func (p *page) MayOperate() bool { return p.Who.MayOperate() }

// Left returns how many seconds the session lasts if it is not used; zero is without end.
func (p *page) Left() int { return int(p.frame.o.Access.Left(p.Who).Seconds()) }

// At returns a moment in the zone of the page, for the template time.
func (p *page) At(t time.Time) Moment { return NewMoment(t, p.now, p.Look.Zone) }

// ZoneText names the zone of the page, with its offset now.
func (p *page) ZoneText() string {
	name, offset := p.Look.Zone.String(), p.now.In(p.Look.Zone).Format("-07:00")
	if name == "UTC" {
		return name
	}
	return name + " " + offset
}
