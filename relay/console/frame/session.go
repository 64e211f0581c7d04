package frame

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"qaserelay/relay/admin/access"
)

// again marks the second request of a link from another site: see onceMore.
const again = "again"

// signedIn lets people in whom the guard knows, with their actor in the context, and sends others to the sign-in page.
func (f *Frame) signedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		actor, err := f.o.Access.Person(r)
		var limit *access.LimitError
		switch {
		case err == nil:
			next(w, r.WithContext(access.With(r.Context(), actor)))
		case errors.As(err, &limit):
			w.Header().Set("Retry-After", strconv.Itoa(limit.Seconds()))
			f.answer(w, r, nil, &Problem{http.StatusTooManyRequests, "Too many wrong tokens", "Wait " +
				strconv.Itoa(limit.Seconds()) + " seconds."})
		case !errors.Is(err, access.ErrUnknown):
			f.answer(w, r, nil, err)
		default:
			f.turnAway(w, r)
		}
	}
}

// turnAway answers a person who is not signed in.
func (f *Frame) turnAway(w http.ResponseWriter, r *http.Request) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !acceptsHTML(r) || !f.o.Access.SignsIn():
		w.Header().Set("WWW-Authenticate", `Bearer realm="qase-relay"`)
		f.answer(w, r, nil, &Problem{http.StatusUnauthorized, "Not signed in", access.ErrUnknown.Error()})
	case !reads:
		f.askToken(w, r, login{Error: "You are no longer signed in. Sign in, then go back and send the form again."},
			http.StatusUnauthorized)
	case r.Header.Get("Sec-Fetch-Site") != "same-origin" && !r.URL.Query().Has(again):
		onceMore(w, r)
	default:
		seeOther(w, rootOf(r)+"login?"+url.Values{"next": {pathOf(r)}}.Encode())
	}
}

// onceMore lets the browser ask for the same page again, now from a page of this site: after a link on another site it
// does not send the cookie, which is strict.
func onceMore(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	query.Set(again, "1")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>qase-relay</title><link rel="icon" href="data:,"><meta http-equiv="refresh" content="0;url=?` +
		strings.NewReplacer("&", "&amp;", `"`, "%22").Replace(query.Encode()) + "\"></html>\n"))
}

// login is what the sign-in page shows.
type login struct {
	AsksName bool
	Name     string
	Next     string // the page to go on with, relative to the first one
	Error    string
}

func (f *Frame) askToken(w http.ResponseWriter, r *http.Request, l login, status int) {
	l.AsksName = f.o.Access.AsksName()
	f.answer(w, r, &View{Template: "login", Title: "Sign in", Status: status, Data: l}, nil)
}

func (f *Frame) signInForm(w http.ResponseWriter, r *http.Request) {
	next := SafePath(r.URL.Query().Get("next"))
	if _, err := f.o.Access.Person(r); err == nil || !f.o.Access.SignsIn() {
		seeOther(w, "./"+next)
		return
	}
	f.askToken(w, r, login{Next: next}, http.StatusOK)
}

// signIn begins a session for who has a token.
func (f *Frame) signIn(w http.ResponseWriter, r *http.Request) {
	l := login{Name: r.PostFormValue("name"), Next: SafePath(r.PostFormValue("next"))}
	if !f.o.Access.SignsIn() {
		seeOther(w, "./"+l.Next)
		return
	}
	actor, cookie, err := f.o.Access.SignIn(r, r.PostFormValue("token"), l.Name)
	ctx := access.With(r.Context(), actor)
	var limit *access.LimitError
	switch {
	case err == nil:
		f.o.Audit(ctx, "login", nil)
		http.SetCookie(w, cookie)
		seeOther(w, "./"+l.Next)
	case errors.As(err, &limit):
		w.Header().Set("Retry-After", strconv.Itoa(limit.Seconds()))
		l.Error = "Too many wrong tokens. Wait " + strconv.Itoa(limit.Seconds()) + " seconds."
		f.askToken(w, r, l, http.StatusTooManyRequests)
	case errors.Is(err, access.ErrWrong):
		f.o.Audit(access.With(ctx, access.Stranger(r, l.Name)), "login-failed", err)
		l.Error = "This token is wrong."
		f.askToken(w, r, l, http.StatusUnauthorized)
	default:
		f.answer(w, r, nil, err)
	}
}

// signOutForm asks, for those who come by the address.
func (f *Frame) signOutForm(*http.Request) (*View, error) {
	return &View{Template: "logout", Title: "Sign out"}, nil
}

func (f *Frame) signOut(w http.ResponseWriter, r *http.Request) {
	actor, err := f.o.Access.Person(r)
	gone, errOut := f.o.Access.SignOut(r)
	if errOut != nil {
		f.answer(w, r, nil, errOut)
		return
	}
	if err == nil {
		f.o.Audit(access.With(r.Context(), actor), "logout", nil)
	}
	for _, c := range gone {
		http.SetCookie(w, c)
	}
	seeOther(w, "./login")
}
