// Package frame is what all pages of the console share: layout, sign-in, headers, assets, and the choice of time zone
// and colors. It knows nothing of what the pages show.
package frame

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/console/live"
)

// policy lets a page load what comes from this address, run no script that stands in it, and be in no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types console"

// maxForm bounds the body of a form, in bytes.
const maxForm = 1 << 20

// Options are what a frame works with. All but URLs, Audit and Logger are needed.
type Options struct {
	Access *access.Guard
	// State describes the relay, for the bands on top of each page and the time zone of the rules.
	State func() State
	// Sections are the entries of the navigation, in order.
	Sections []Section
	// Templates has a file NAME.html for each page, which defines the template main.
	Templates fs.FS
	// Funcs are further functions of the templates.
	Funcs template.FuncMap
	// URLs are those under which browsers reach the address, besides its own.
	URLs []string
	// Audit records a sign-in, a sign-out, and a sign-in that failed; the actor is in the context.
	Audit func(ctx context.Context, verb string, err error)
	// Logger gets the errors that people do not see; nil logs nothing.
	Logger *slog.Logger
	// Stopping is closed when the relay stops, so that streams end; nil never is.
	Stopping <-chan struct{}
}

// State describes the relay.
type State struct {
	Version string
	Zone    *time.Location // of the rules
	Bands   []Band
	// Badges are numbers beside sections, by their paths.
	Badges map[string]string
}

// Band is a line on top of each page.
type Band struct {
	Level string // warn or bad
	Text  string
	Path  string // where more stands, relative to the first page; empty for none
}

// Section is an entry of the navigation.
type Section struct {
	Path string // relative to the first page, such as events
	Name string
	Key  string // the keys that open it, such as "g e"
}

// Frame serves the pages of a console. It may be used from many goroutines once all pages are added.
type Frame struct {
	o      Options
	router *mux.Router
	pages  map[string]func() (*template.Template, error)
	assets map[string]*asset // by name
	served map[string]*asset // by the name with the hash
	live   live.Hub
}

// New returns a frame with sign-in and assets.
func New(o Options) (*Frame, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Audit == nil {
		o.Audit = func(context.Context, string, error) {}
	}
	f := &Frame{o: o, live: live.Hub{Stopping: o.Stopping}, router: mux.NewRouter().SkipClean(true).UseEncodedPath()}
	if err := errors.Join(f.findTemplates(), f.readAssets()); err != nil {
		return nil, err
	}
	f.router.NotFoundHandler = http.HandlerFunc(f.notFound)
	f.router.MethodNotAllowedHandler = http.HandlerFunc(f.notFound)
	f.router.HandleFunc("/static/{name}", f.serveAsset).Methods(http.MethodGet, http.MethodHead)
	f.router.HandleFunc("/login", f.signInForm).Methods(http.MethodGet, http.MethodHead)
	f.router.HandleFunc("/login", f.signIn).Methods(http.MethodPost)
	f.Get("/logout", f.signOutForm)
	f.router.HandleFunc("/logout", f.signOut).Methods(http.MethodPost)
	f.router.HandleFunc("/view", f.chooseView).Methods(http.MethodPost)
	return f, nil
}

// Handler returns the handler of the console.
func (f *Frame) Handler() http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(f.refuseCrossOrigin))
	for _, text := range f.o.URLs {
		if u, err := url.Parse(text); err == nil {
			_ = cross.AddTrustedOrigin(u.Scheme + "://" + u.Host) // a URL that is none was refused at the start
		}
	}
	checked := cross.Handler(f.router)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		checked.ServeHTTP(w, r)
	})
}

// View is what a page shows.
type View struct {
	Template string // the name of its file, without .html
	Title    string
	Status   int    // of the answer; zero means 200
	Data     any    // for the template
	JSON     string // the API call that answers the same, relative to the first page; empty for none
	// Live keeps the page up to date while it is open. Its rows (data-row) and parts (data-part) are then changed one by
	// one, and anything else with the whole page.
	Live bool
}

// Page returns what a page shows. An error that is a [Problem] is shown; others are logged.
type Page func(r *http.Request) (*View, error)

// Action carries out what a form asks for, and returns the path to go on with, relative to the first page, or a view
// with a further question.
type Action func(r *http.Request) (to string, v *View, err error)

// Problem is an error that a page shows to its reader.
type Problem struct {
	Status int
	Title  string
	Text   string
}

func (p *Problem) Error() string { return p.Text }

// Get adds a page.
func (f *Frame) Get(path string, page Page) {
	f.router.HandleFunc(path, f.signedIn(func(w http.ResponseWriter, r *http.Request) {
		if isStream(r) {
			f.stream(w, r, page)
			return
		}
		v, err := page(r)
		f.answer(w, r, v, err)
	})).Methods(http.MethodGet, http.MethodHead)
}

// Answer writes something that is not a page, such as a file. An error is shown as that of a page is, so then nothing
// may be written yet.
type Answer func(w http.ResponseWriter, r *http.Request) error

// Raw adds an answer that is not a page.
func (f *Frame) Raw(path string, write Answer) {
	f.router.HandleFunc(path, f.signedIn(func(w http.ResponseWriter, r *http.Request) {
		if err := write(w, r); err != nil {
			f.answer(w, r, nil, err)
		}
	})).Methods(http.MethodGet, http.MethodHead)
}

// Post adds an action, for people who may operate.
func (f *Frame) Post(path string, act Action) {
	f.post(path, func(r *http.Request) (string, *View, error) {
		if a := access.From(r.Context()); !a.MayOperate() {
			return "", nil, &Problem{http.StatusForbidden, "Not allowed", a.Name + " may read, and change nothing."}
		}
		return act(r)
	})
}

// Ask adds a form that changes nothing, for all who are signed in.
func (f *Frame) Ask(path string, act Action) { f.post(path, act) }

func (f *Frame) post(path string, act Action) {
	f.router.HandleFunc(path, f.signedIn(func(w http.ResponseWriter, r *http.Request) {
		to, v, err := act(r)
		if err != nil || v != nil {
			f.answer(w, r, v, err)
			return
		}
		seeOther(w, rootOf(r)+to)
	})).Methods(http.MethodPost)
}

// answer writes a page, or the error in place of it.
func (f *Frame) answer(w http.ResponseWriter, r *http.Request, v *View, err error) {
	if err != nil {
		v = f.problem(err)
	}
	if v.Status >= http.StatusBadRequest && !acceptsHTML(r) {
		writeJSONError(w, v)
		return
	}
	f.render(w, r, v)
}

// problem returns the page of an error.
func (f *Frame) problem(err error) *View {
	var shown *Problem
	if !errors.As(err, &shown) {
		f.o.Logger.Error("console page failed", "error", err)
		shown = &Problem{http.StatusServiceUnavailable, "The store does not answer",
			"The relay could not read its store. Its log says why; it tries again with each request."}
	}
	return &View{Template: "problem", Title: shown.Title, Status: shown.Status, Data: shown}
}

func (f *Frame) notFound(w http.ResponseWriter, r *http.Request) {
	f.signedIn(func(w http.ResponseWriter, r *http.Request) {
		f.answer(w, r, nil, &Problem{http.StatusNotFound, "Not found", "There is no such page."})
	})(w, r)
}

func (f *Frame) refuseCrossOrigin(w http.ResponseWriter, r *http.Request) {
	f.answer(w, r, nil, &Problem{http.StatusForbidden, "Refused", "The form came from a page of another site. If a proxy " +
		"stands before the relay and changes the name of the host, start serve with --admin-url and the URL in the " +
		"address bar."})
}

// seeOther sends a browser on. The address stays relative, since a proxy may have taken off a part of the path that
// http.Redirect would not know.
func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// rootOf returns the path from a request to the first page: ./ or ../ and so on.
func rootOf(r *http.Request) string {
	depth := strings.Count(r.URL.EscapedPath(), "/") - 1
	if depth < 1 {
		return "./"
	}
	return strings.Repeat("../", depth)
}

// pathOf returns the path and the query of a request, relative to the first page.
func pathOf(r *http.Request) string {
	u := url.URL{RawQuery: r.URL.RawQuery}
	query := r.URL.Query()
	if query.Has(again) {
		query.Del(again)
		u.RawQuery = query.Encode()
	}
	return strings.TrimPrefix(r.URL.EscapedPath(), "/") + u.String()
}

// SafePath returns a path of this console that a form brought along, or that of the first page.
func SafePath(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(text, "/") ||
		strings.ContainsAny(text, "\\\x00\r\n\t") || strings.Contains(u.Path, "..") || strings.Contains(u.Path, ":") {
		return ""
	}
	return text
}

// acceptsHTML reports whether a client asks for pages, as browsers do.
func acceptsHTML(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// render writes a page.
func (f *Frame) render(w http.ResponseWriter, r *http.Request, v *View) {
	var b bytes.Buffer
	t, err := f.template(v.Template)
	if err == nil {
		err = f.newPage(r, v).write(&b, t)
	}
	if err != nil {
		f.o.Logger.Error("console page failed", "error", err)
		http.Error(w, "the page could not be made, the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if v.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
		if r.Method == http.MethodGet {
			w.Header().Set("Refresh", "5") // the page tries again by itself, also without script
		}
	}
	write(w, r, b.Bytes(), writeOptions{status: v.Status, plain: v.Template == "login"})
}
