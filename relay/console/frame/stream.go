package frame

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/console/live"
)

// The parameters of the stream of a page beside those of the page.
const (
	liveParameter = "live"
	seenParameter = "seen" // the hash of the content that the browser shows
)

// isStream reports whether a request asks for the stream of a page.
func isStream(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Query().Get(liveParameter) == "1" &&
		strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// streamPath returns the path of the stream of a page.
func streamPath(page, hash string) string {
	path, query, _ := strings.Cut(page, "?")
	if query != "" {
		query += "&"
	}
	return path + "?" + query + url.Values{liveParameter: {"1"}, seenParameter: {hash}}.Encode()
}

// stream sends what changes of a page.
func (f *Frame) stream(w http.ResponseWriter, r *http.Request, show Page) {
	hash := r.URL.Query().Get(seenParameter)
	plain := r.Clone(r.Context())
	query := plain.URL.Query()
	query.Del(liveParameter)
	query.Del(seenParameter)
	plain.URL.RawQuery = query.Encode()
	v, err := show(plain)
	if err == nil && !v.Live {
		err = &Problem{http.StatusNotFound, "Not found", "This page does not change by itself."}
	}
	if err != nil {
		f.answer(w, r, nil, err)
		return
	}
	actor, l := access.From(r.Context()), lookOf(r)
	f.live.Serve(w, r, live.Stream{
		Key:    strings.Join([]string{pathOf(plain), l.Choice, actor.Name, string(actor.Role)}, "\x00"),
		Hash:   hash,
		Render: func(ctx context.Context) (string, error) { return f.content(plain.WithContext(ctx), show) },
		Allowed: func() (int, bool) {
			a, err := f.o.Access.Person(r)
			return int(f.o.Access.Left(a).Seconds()), !errors.Is(err, access.ErrUnknown)
		},
		Trouble: func(err error) string { return f.problem(err).Data.(*Problem).Text },
	})
}

// content renders what a page shows now.
func (f *Frame) content(r *http.Request, show Page) (string, error) {
	v, err := show(r)
	if err != nil {
		return "", err
	}
	t, err := f.template(v.Template)
	if err != nil {
		return "", err
	}
	return f.newPage(r, v).content(t)
}
