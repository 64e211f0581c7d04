package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"qaserelay/relay/store"
)

const (
	// idleTime ends a session that nobody uses, and longestSession one that is used.
	idleTime       = 12 * time.Hour
	longestSession = 7 * 24 * time.Hour
	// seenEvery is how often the use of a session is written down.
	seenEvery = 5 * time.Minute
	// sessionBytes is the length of the secret of a session.
	sessionBytes = 32
)

// session is what the store keeps of a signed-in browser, under the hash of its cookie.
type session struct {
	Name  string    `json:"name"`
	Token string    `json:"token"` // the hash of the token it began with; without that token it ends
	Made  time.Time `json:"made"`
	Seen  time.Time `json:"seen"`
}

func (s *session) end() time.Time {
	idle, last := s.Seen.Add(idleTime), s.Made.Add(longestSession)
	if idle.Before(last) {
		return idle
	}
	return last
}

// Left returns how long the session of a person lasts if it is not used: at least a second, or zero without a session.
func (g *Guard) Left(a Actor) time.Duration {
	if a.Ends.IsZero() {
		return 0
	}
	return max(time.Second, a.Ends.Sub(g.o.Now()))
}

func sessionKey(secret string) string {
	hash := sha256.Sum256([]byte(secret))
	return "session/" + hex.EncodeToString(hash[:])
}

// cookiePrefix begins the names of cookies. What follows differs between relays with other tokens, since all ports of a
// host share their cookies. It counts for nothing else: a cookie stays good when a token is added.
const cookiePrefix = "qr-"

func (g *Guard) cookieName() string { return cookiePrefix + g.book.Load().mark() }

// cookie returns the cookie of a session. It has no path: the browser takes the folder of the sign-in page, which is
// right under each prefix that a proxy may add.
func (g *Guard) cookie(name, secret string) *http.Cookie {
	return &http.Cookie{Name: name, Value: secret, HttpOnly: true, Secure: g.o.Secure,
		SameSite: http.SameSiteStrictMode}
}

// SignIn begins a session for the owner of a token, and returns its cookie. The name is that of a person with the token
// that has none. It returns ErrWrong for a wrong token, and a LimitError after too many.
func (g *Guard) SignIn(r *http.Request, token, name string) (Actor, *http.Cookie, error) {
	var found Token
	ok, wait := g.signIns.try(r.RemoteAddr, g.o.Now(), func() (ok bool) {
		found, ok = g.book.Load().find(strings.TrimSpace(token))
		return ok
	})
	switch {
	case wait > 0:
		return Actor{}, nil, &LimitError{Wait: wait}
	case !ok:
		return Actor{}, nil, ErrWrong
	}
	if name = strings.TrimSpace(name); !isName(name) {
		name = ""
	}
	a, now, secret := found.actor(r, name), g.o.Now(), make([]byte, sessionBytes)
	_, _ = rand.Read(secret) // never fails
	text := base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(found.Secret))
	s := session{Name: a.Name, Token: hex.EncodeToString(hash[:]), Made: now, Seen: now}
	if _, err := g.keep(r.Context(), sessionKey(text), nil, &s); err != nil {
		return Actor{}, nil, err
	}
	a.Ends = s.end()
	return a, g.cookie(g.cookieName(), text), nil
}

// keep writes a session, unless another request changed it meanwhile.
func (g *Guard) keep(ctx context.Context, key string, old []byte, s *session) (bool, error) {
	value, err := json.Marshal(s)
	if err != nil {
		return false, err
	}
	return g.o.Sessions.Swap(ctx, key, old, store.Change{Key: key, Value: value, Expires: s.end()})
}

// SignOut ends the sessions of a request, and returns cookies that replace its own.
func (g *Guard) SignOut(r *http.Request) (gone []*http.Cookie, err error) {
	for _, c := range g.cookies(r) {
		ended, err := g.endSession(r.Context(), sessionKey(c.Value))
		if err != nil {
			return nil, err
		}
		if ended || c.Name == g.cookieName() {
			empty := g.cookie(c.Name, "")
			empty.MaxAge = -1
			gone = append(gone, empty)
		}
	}
	return gone, nil
}

// endSession deletes a session, and reports whether there was one.
func (g *Guard) endSession(ctx context.Context, key string) (ended bool, err error) {
	for {
		old, err := g.o.Sessions.Get(ctx, key)
		if old == nil || err != nil {
			return ended, err
		}
		if ended, err = g.o.Sessions.Swap(ctx, key, old, store.Change{Key: key}); ended || err != nil {
			return ended, err
		}
	}
}

// maxCookies bounds the cookies of a request that are looked up.
const maxCookies = 8

// cookies returns the cookies of a request that may be a session's, those of this relay's tokens first. There may be
// several: of several paths, of relays on other ports, and of the time before a token was added.
func (g *Guard) cookies(r *http.Request) (all []*http.Cookie) {
	if g.o.Sessions == nil || !g.SignsIn() {
		return nil
	}
	own := g.cookieName()
	var others []*http.Cookie
	for _, c := range r.Cookies() {
		switch {
		case len(c.Value) != base64.RawURLEncoding.EncodedLen(sessionBytes):
		case c.Name == own:
			all = append(all, c)
		case len(c.Name) == len(own) && strings.HasPrefix(c.Name, cookiePrefix):
			others = append(others, c)
		}
	}
	all = append(all, others...)
	return all[:min(len(all), maxCookies)]
}

// fromSession returns the person of a session.
func (g *Guard) fromSession(r *http.Request) (Actor, error) {
	for _, c := range g.cookies(r) {
		a, err := g.useSession(r, sessionKey(c.Value))
		if !errors.Is(err, ErrUnknown) {
			return a, err
		}
	}
	return Actor{}, ErrUnknown
}

// useSession returns the person of the session under a key.
func (g *Guard) useSession(r *http.Request, key string) (Actor, error) {
	value, err := g.o.Sessions.Get(r.Context(), key)
	if err != nil {
		return Actor{}, err
	}
	var s session
	if value == nil || json.Unmarshal(value, &s) != nil {
		return Actor{}, ErrUnknown
	}
	t, known := g.book.Load().byHash(s.Token)
	now := g.o.Now()
	if !known || !now.Before(s.end()) {
		return Actor{}, ErrUnknown
	}
	if now.Sub(s.Seen) >= seenEvery {
		old := bytes.Clone(value)
		s.Seen = now
		_, _ = g.keep(r.Context(), key, old, &s) // the next request tries again
	}
	a := t.actor(r, s.Name)
	a.Ends = s.end()
	return a, nil
}
